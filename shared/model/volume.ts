import { type Static, Type } from "typebox";
import { Chap } from "./chap.ts";
import { Claim } from "./claim.ts";
import { LastError } from "./error-record.ts";
import {
  BackendId,
  Description,
  DisplayName,
  EpochMs,
  Metadata,
  ProjectId,
  SizeGib,
  UserId,
  Uuid,
  ZoneName,
} from "./names.ts";
import { Nullable } from "./nullable.ts";

/** The field's states that Berth uses. Those ending in -ing are passing: each has a deadline and a job, or waits to be placed. */
export const VolumeStatus = Type.Union([
  Type.Literal("creating"),
  Type.Literal("available"),
  Type.Literal("attaching"),
  Type.Literal("in-use"),
  Type.Literal("detaching"),
  Type.Literal("extending"),
  Type.Literal("deleting"),
  Type.Literal("error"),
  Type.Literal("error_extending"),
  Type.Literal("error_deleting"),
]);
export type VolumeStatus = Static<typeof VolumeStatus>;

export const VolumeSource = Type.Union([
  Type.Object({ kind: Type.Literal("blank") }),
  Type.Object({ kind: Type.Literal("snapshot"), snapshotId: Uuid }),
  Type.Object({ kind: Type.Literal("volume"), volumeId: Uuid }),
]);
export type VolumeSource = Static<typeof VolumeSource>;

export const Volume = Type.Object({
  id: Uuid,
  projectId: ProjectId,
  userId: UserId,
  name: DisplayName,
  description: Description,
  metadata: Metadata,
  sizeGib: SizeGib,
  flavorId: Uuid,
  /** The zone asked for; null: any. */
  requestedZone: Nullable(ZoneName),
  /** The zone it is in, once placed. */
  zone: Nullable(ZoneName),
  source: VolumeSource,
  status: VolumeStatus,
  backendId: Nullable(BackendId),
  /** Backends that refused it so far: placing goes on past them. */
  triedBackendIds: Type.Array(BackendId),
  /** How many times it was placed; each round's verdicts are a record of their own. */
  placementRound: Type.Integer({ minimum: 0 }),
  /** While unplaced: when waiting for a report or an agent to return ends in `error`. */
  placementDeadlineMs: Nullable(EpochMs),
  claim: Nullable(Claim),
  /** The differences of extends that are not measured yet; the one under way has no `settledSeq`. */
  growth: Type.Array(Claim),
  /** The size asked for while `extending`. */
  extendToGib: Nullable(SizeGib),
  /** Made at the first connect, forgotten after the last disconnect. */
  chap: Nullable(Chap),
  /** The backend's own name for the object where it gives one (volumeID, VDI uuid), and what else the driver must keep. */
  providerId: Nullable(Type.String({ maxLength: 1024 })),
  properties: Type.Record(Type.String(), Type.String()),
  /** Counts this object's jobs, so that each job id is new and derived. */
  jobCount: Type.Integer({ minimum: 0 }),
  lastError: Nullable(LastError),
  requestId: Type.String({ maxLength: 128 }),
  createdAtMs: EpochMs,
  updatedAtMs: EpochMs,
});
export type Volume = Static<typeof Volume>;
