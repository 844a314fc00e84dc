import { type Static, Type } from "typebox";
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
  projectId: ProjectId,
  userId: UserId,
  name: DisplayName,
  description: Description,
  metadata: Metadata,
  sizeGib: SizeGib,
  status: SnapshotStatus,
  backendId: BackendId,
  zone: ZoneName,
  claim: Claim,
  providerId: Nullable(Type.String({ maxLength: 1024 })),
  properties: Type.Record(Type.String(), Type.String()),
  jobCount: Type.Integer({ minimum: 0 }),
  lastError: Nullable(LastError),
  requestId: Type.String({ maxLength: 128 }),
  createdAtMs: EpochMs,
  updatedAtMs: EpochMs,
});
export type Snapshot = Static<typeof Snapshot>;
