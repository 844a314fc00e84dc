import { Type } from "typebox";
import { LastError } from "./error-record.ts";
import { Description, DisplayName, EpochMs, Metadata, ProjectId, SizeGib, UserId } from "./names.ts";
import { Nullable } from "./nullable.ts";

/** What users say of the things they own. */
export const OwnedFields = {
  projectId: ProjectId,
  userId: UserId,
  name: DisplayName,
  description: Description,
  metadata: Metadata,
  sizeGib: SizeGib,
};

/** The same of groups, which have neither size nor metadata. */
export const NamedFields = {
  projectId: ProjectId,
  userId: UserId,
  name: DisplayName,
  description: Description,
};

/** What work leaves on a record. */
export const WorkedFields = {
  /** Counts this object's jobs, so that each job id is new and derived. */
  jobCount: Type.Integer({ minimum: 0 }),
  /** Counts the entries of its history (`history.ts`), of which the last are kept. */
  historyCount: Type.Integer({ minimum: 0 }),
  lastError: Nullable(LastError),
  /** The last request that began work on it, and whose it was. */
  requestId: Type.String({ maxLength: 128 }),
  requestedBy: UserId,
  createdAtMs: EpochMs,
  updatedAtMs: EpochMs,
};

/** What a driver wants kept of an object. */
export const DriverFields = {
  /** The backend's own name for it where it gives one (volumeID, VDI uuid). */
  providerId: Nullable(Type.String({ maxLength: 1024 })),
  properties: Type.Record(Type.String(), Type.String()),
};
