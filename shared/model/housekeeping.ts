import { type Static, Type } from "typebox";
import { Claim } from "./claim.ts";
import { BackendId, EpochMs, ProjectId, Uuid, ZoneName } from "./names.ts";
import { Nullable } from "./nullable.ts";
import { SnapshotRef, VolumeRef } from "./operation.ts";

/** What a failed create may have left on a backend. It has a job of its own until it is gone, whatever becomes of the volume. */
export const Leftover = Type.Object({
  id: Type.String({ pattern: "^[a-z0-9-]{1,80}$" }),
  /** Set for what a snapshot left; its volume stands and is `volume`. */
  snapshot: Nullable(SnapshotRef),
  volume: VolumeRef,
  backendId: BackendId,
  zone: ZoneName,
  claim: Claim,
  reason: Type.String(),
  jobCount: Type.Integer({ minimum: 0 }),
  createdAtMs: EpochMs,
});
export type Leftover = Static<typeof Leftover>;

/** A deleted object: its claim counts until a report has seen it gone, and its id until a sweep looked at the backend. */
export const Tombstone = Type.Object({
  id: Type.String(),
  kind: Type.Union([
    Type.Literal("volume"),
    Type.Literal("snapshot"),
    Type.Literal("leftover"),
    Type.Literal("group"),
    Type.Literal("group-snapshot"),
  ]),
  /** null: it was nowhere itself (a group). */
  backendId: Nullable(BackendId),
  claims: Type.Array(Claim),
  /** How many placement records go with it when it is forgotten. */
  placementRounds: Type.Integer({ minimum: 0 }),
  /** How many entries its history came to; what is kept of them goes with it as well. */
  historyCount: Type.Integer({ minimum: 0 }),
  deletedAtMs: EpochMs,
});
export type Tombstone = Static<typeof Tombstone>;

/** One Idempotency-Key of one project: the same body again is the same volume, another body is a conflict. */
export const IdempotencyRecord = Type.Object({
  /** `<project>/<key>`. */
  id: Type.String({ maxLength: 600 }),
  projectId: ProjectId,
  bodyHash: Type.String(),
  volumeId: Uuid,
  createdAtMs: EpochMs,
});
export type IdempotencyRecord = Static<typeof IdempotencyRecord>;
