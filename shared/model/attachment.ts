import { type Static, Type } from "typebox";
import { Chap } from "./chap.ts";
import { BackendId, ProjectId, Uuid, ZoneName } from "./names.ts";
import { Nullable } from "./nullable.ts";
import { WorkedFields } from "./object-fields.ts";

const Text = Type.String({ minLength: 1, maxLength: 255, pattern: "^[\\x21-\\x7e]+$" });

export const InitiatorName = Type.String({ maxLength: 223, pattern: "^(iqn|eui|naa)\\.[A-Za-z0-9.:_-]+$" });

const Wwn = Type.String({ pattern: "^[0-9A-Fa-f:]{1,64}$" });
const Wwns = Type.Array(Wwn, { maxItems: 64 });

/** What the host that attaches says of itself. A host without iSCSI has no initiator. What it does not say is absent or null. */
export const Connector = Type.Object({
  host: Nullable(Text),
  ip: Nullable(Text),
  initiator: Nullable(InitiatorName),
  multipath: Type.Boolean(),
  wwpns: Type.Optional(Wwns),
  wwnns: Type.Optional(Wwns),
  nqn: Type.Optional(Text),
  osType: Type.Optional(Text),
  platform: Type.Optional(Text),
  systemUuid: Type.Optional(Text),
});
export type Connector = Static<typeof Connector>;

/** What of a connector a backend cannot do without. */
export const ConnectorNeed = Type.Union([
  Type.Literal("initiator"),
  Type.Literal("wwpns"),
  Type.Literal("nqn"),
  Type.Literal("ip"),
  Type.Literal("host"),
]);
export type ConnectorNeed = Static<typeof ConnectorNeed>;

/** May the host write? */
export const Access = Type.Union([Type.Literal("rw"), Type.Literal("ro")]);
export type Access = Static<typeof Access>;

/**
 * What a host needs to attach (kinds and keys as the field has them, see OpenStack's connection_info).
 * CHAP's secret is not in it: the API puts it in on its way to the host that attaches.
 */
export const ConnectionInfo = Type.Object({
  driverVolumeType: Type.String(),
  data: Type.Record(
    Type.String(),
    Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Array(Type.String()), Type.Array(Type.Number())]),
  ),
  /** The account, where the storage system knows the host by one of its own. Absent: the volume's. */
  chap: Type.Optional(Chap),
});
export type ConnectionInfo = Static<typeof ConnectionInfo>;

/**
 * The field's states, and what they do not tell apart. Nobody is let in by one that is `reserved` or `announced`; in
 * `connected` and `leaving` the host is let in, and it is for whoever attaches to go on: like the field, without a deadline.
 */
export const AttachmentStatus = Type.Union([
  /** Somebody wants the volume and has not said for which host. The volume is `reserved`. */
  Type.Literal("reserved"),
  /** The same by `os-reserve`. The volume is `attaching`. */
  Type.Literal("announced"),
  /** A job lets the host in. */
  Type.Literal("attaching"),
  /** The host could not be let in. Who holds the attachment's id deletes it, or tries again; nobody is let in meanwhile. */
  Type.Literal("error_attaching"),
  /** The host is let in, and has not said that it attached (`os-complete`, `os-attach`). The volume is `attaching`. */
  Type.Literal("connected"),
  Type.Literal("attached"),
  /** `os-begin_detaching`: the host is about to let go. The volume is `detaching`. */
  Type.Literal("leaving"),
  Type.Literal("detaching"),
  Type.Literal("error_detaching"),
  /** Detached by force: the volume is rid of it, and a job goes on until its backend is as well. Told to operators only. */
  Type.Literal("evicting"),
]);
export type AttachmentStatus = Static<typeof AttachmentStatus>;

export const Attachment = Type.Object({
  id: Uuid,
  volumeId: Uuid,
  projectId: ProjectId,
  backendId: BackendId,
  zone: ZoneName,
  /** A snapshot of the volume is attached, not the volume; null: the volume. */
  snapshotId: Nullable(Uuid),
  /** null: nobody was let in on its account. */
  connector: Nullable(Connector),
  status: AttachmentStatus,
  access: Access,
  /** What attaches, as its user calls it (a server's id). */
  instanceId: Nullable(Text),
  mountpoint: Nullable(Text),
  /** Let in, it is attached only when whoever attaches says so. */
  awaitsCompletion: Type.Boolean(),
  /** Whoever attaches goes by its id: it outlives a connect that failed. Absent: no. */
  heldById: Type.Optional(Type.Boolean()),
  connectionInfo: Nullable(ConnectionInfo),
  ...WorkedFields,
});
export type Attachment = Static<typeof Attachment>;
