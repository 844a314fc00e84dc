import { type Static, Type } from "typebox";
import { ConnectionInfo, Connector } from "./attachment.ts";
import { Chap } from "./chap.ts";
import { Claim } from "./claim.ts";
import { BackendId, BytesPerS, EpochMs, UserId, Uuid, ZoneName } from "./names.ts";
import { Nullable } from "./nullable.ts";
import { DriverFields } from "./object-fields.ts";
import { Tally } from "./quota.ts";

/**
 * Where a volume's move stands. By copying: `making` an empty object, `connecting` the agent that copies to the source
 * (only if it cannot open it by itself), `copying`. By the storage system: `migrating`. Where it is: `retyping`.
 */
export const MovePhase = Type.Union([
  Type.Literal("making"),
  Type.Literal("connecting"),
  Type.Literal("copying"),
  Type.Literal("migrating"),
  Type.Literal("retyping"),
]);
export type MovePhase = Static<typeof MovePhase>;

/** The object that a volume moves into. It has an id of its own, so that no late call for the one can ever mean the other. */
export const MoveTarget = Type.Object({ id: Uuid, ...DriverFields, claim: Claim });
export type MoveTarget = Static<typeof MoveTarget>;

/** The agent that copies, as a host of the volumes that it cannot open by itself. */
export const Copier = Type.Object({
  attachmentId: Uuid,
  connector: Connector,
  chap: Chap,
  /** No agent serves both ends: it must be let in to the source like any host. */
  fromAfar: Type.Boolean(),
  /** How, once it is. */
  info: Nullable(ConnectionInfo),
});
export type Copier = Static<typeof Copier>;

/** A migration or change of flavor under way. Until it is over the volume is what and where it was. */
export const VolumeMove = Type.Object({
  kind: Type.Union([Type.Literal("migrate"), Type.Literal("retype")]),
  phase: MovePhase,
  toBackendId: BackendId,
  toZone: ZoneName,
  /** null: the flavor stays. */
  toFlavorId: Nullable(Uuid),
  /** What it takes of the new flavor's quota meanwhile, beside that of its own; null: the flavor stays. */
  tally: Nullable(Tally),
  /** null: it stays where it is. */
  target: Nullable(MoveTarget),
  /** null: nothing is copied. */
  copier: Nullable(Copier),
  bandwidthLimitBytesPerS: Nullable(BytesPerS),
  requestedBy: UserId,
  requestId: Type.String({ maxLength: 128 }),
  startedAtMs: EpochMs,
});
export type VolumeMove = Static<typeof VolumeMove>;
