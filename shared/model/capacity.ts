import { type Static, Type } from "typebox";
import { ConnectorNeed } from "./attachment.ts";
import { Properties } from "./extra-specs.ts";
import { Bytes, LedgerSeq } from "./names.ts";
import { Nullable } from "./nullable.ts";
import { Side } from "./replication.ts";

/** A capacity a backend names: bytes, no limit at all, or a system that cannot say. Neither word is a number. */
export const Capacity = Type.Union([Bytes, Type.Literal("infinite"), Type.Literal("unknown")]);
export type Capacity = Static<typeof Capacity>;

/**
 * What has been promised to volumes, as the system counts it.
 * `pool`: the system knows the sum over the whole pool (an LVM thin pool).
 * `backend`: only this backend's own objects can be told (image files in a folder): their virtual sizes, and the
 * space they take already, so that what is promised and not yet taken can be added over all backends of the pool.
 */
export const Provisioned = Type.Union([
  Type.Object({ scope: Type.Literal("pool"), bytes: Bytes }),
  Type.Object({ scope: Type.Literal("backend"), bytes: Bytes, allocatedBytes: Bytes }),
]);
export type Provisioned = Static<typeof Provisioned>;

/** What making an object takes of the pool at once: nothing (thin, copy on write) or its whole size. */
export const PhysicalCost = Type.Union([Type.Literal("none"), Type.Literal("full")]);
export type PhysicalCost = Static<typeof PhysicalCost>;

export const Costs = Type.Object({ volume: PhysicalCost, snapshot: PhysicalCost, clone: PhysicalCost });
export type Costs = Static<typeof Costs>;

export const Capability = Type.Union([
  Type.Literal("snapshot"),
  Type.Literal("create-from-snapshot"),
  Type.Literal("clone"),
  Type.Literal("extend"),
  Type.Literal("online-extend"),
  Type.Literal("connect"),
  /** Its volumes have a CHAP account of their own from their creation on: jobs that make them bring it. */
  Type.Literal("chap-at-creation"),
  /** A volume at rest goes back to its newest snapshot. */
  Type.Literal("revert"),
  /** Snapshots of several volumes at one instant. */
  Type.Literal("group-snapshot"),
  /** Several hosts may have one volume at once. */
  Type.Literal("multiattach"),
  /** Hosts can be let in to read a snapshot. */
  Type.Literal("attach-snapshot"),
  /** Its objects bear our mark: what the ledger lost can be adopted from there. */
  Type.Literal("marks"),
  /** Its agents open a volume's blocks by themselves, in order to copy them; else they connect to it like hosts. */
  Type.Literal("copy"),
  /** It moves volumes to other backends of the same storage system by itself. */
  Type.Literal("migrate"),
  /** It makes a volume one of another flavor where it stands. */
  Type.Literal("retype"),
  /** It keeps limits itself (back-end QoS). */
  Type.Literal("qos"),
  /** What others made there can be taken over, and volumes let go of, with their data. */
  Type.Literal("manage"),
  /** It is mirrored on its targets, and can be failed over to them. */
  Type.Literal("replication"),
]);
export type Capability = Static<typeof Capability>;

/** What an agent measured of a backend. The scheduler adds when it came and from whom. */
export const Measurement = Type.Object({
  /** Backends with one poolId share one space (file system id, VG UUID, fsid, SR uuid). */
  poolId: Type.String({ minLength: 1, maxLength: 255 }),
  totalBytes: Capacity,
  freeBytes: Capacity,
  provisioned: Provisioned,
  /** What this backend alone may provision of its pool (`capacity_gib`); null: the pool is the only limit. */
  backendLimitBytes: Nullable(Bytes),
  thin: Type.Boolean(),
  costs: Costs,
  /** The ways of provisioning that a flavor may choose here, and what each costs. Absent: only the one, at `costs`. */
  provisioning: Type.Optional(Type.Object({ thin: Type.Optional(Costs), thick: Type.Optional(Costs) })),
  /** How many objects (volumes and snapshots) stand there, and how many can; null: no limit known. */
  objectCount: Type.Integer({ minimum: 0 }),
  maxObjects: Nullable(Type.Integer({ minimum: 0 })),
  capabilities: Type.Array(Capability, { uniqueItems: true }),
  /** What a host must say of itself to be let in; absent: whatever it says will do. */
  connectorNeeds: Type.Optional(Type.Array(ConnectorNeed, { uniqueItems: true })),
  /** The storage system that it is a part of: between backends with one and the capability `migrate`, it moves volumes itself. */
  arrayId: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  /** What else flavors may ask for: vendor, protocol, compression… */
  properties: Type.Optional(Properties),
});
export type Measurement = Static<typeof Measurement>;

/** Either what was measured, or why it could not be. `asOf`: the last commit known before measuring began. */
export const BackendReport = Type.Object({
  backendId: Type.Integer({ minimum: 1 }),
  asOf: LedgerSeq,
  /** Which side was measured. Absent: its own. */
  side: Type.Optional(Side),
  durationMs: Type.Number({ minimum: 0 }),
  result: Type.Union([
    Type.Object({ state: Type.Literal("up"), measurement: Measurement }),
    Type.Object({ state: Type.Literal("down"), code: Type.String(), message: Type.String() }),
  ]),
});
export type BackendReport = Static<typeof BackendReport>;
