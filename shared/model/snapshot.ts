import { type Static, Type } from "typebox";
import { Chap } from "./chap.ts";
import { Claim } from "./claim.ts";
import { BackendId, EpochMs, Uuid, ZoneName } from "./names.ts";
import { Nullable } from "./nullable.ts";
import { DriverFields, OwnedFields, WorkedFields } from "./object-fields.ts";
import { Side } from "./replication.ts";
import { ResetNote } from "./volume.ts";

export const SnapshotStatus = Type.Union([
  Type.Literal("creating"),
  Type.Literal("available"),
  Type.Literal("deleting"),
  Type.Literal("error"),
  Type.Literal("error_deleting"),
]);
export type SnapshotStatus = Static<typeof SnapshotStatus>;

/** The state of a volume at one instant. It lives on its volume's backend, and its volume cannot go before it. */
export const Snapshot = Type.Object({
  id: Uuid,
  volumeId: Uuid,
  /** Taken with others, at one instant; null: by itself. */
  groupSnapshotId: Nullable(Uuid),
  ...OwnedFields,
  status: SnapshotStatus,
  backendId: BackendId,
  zone: ZoneName,
  claim: Claim,
  /** While it is attached; as a volume's. */
  chap: Nullable(Chap),
  /** As a volume's. */
  exportsClosedAtMs: Type.Optional(EpochMs),
  /** As with volumes; it was available. */
  aside: Type.Optional(Type.Object({ side: Side })),
  /** As with volumes. */
  held: Type.Optional(Type.Literal("error")),
  /** The last one; absent: never. */
  reset: Type.Optional(ResetNote),
  ...DriverFields,
  ...WorkedFields,
});
export type Snapshot = Static<typeof Snapshot>;
