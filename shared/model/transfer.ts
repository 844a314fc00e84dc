import { type Static, Type } from "typebox";
import { DisplayName, EpochMs, ProjectId, UserId, Uuid } from "./names.ts";
import { Nullable } from "./nullable.ts";

/**
 * An offer of a volume to whoever has the key, which is told once and kept only as a hash. An accepted one is kept for
 * a while, so that an acceptance whose answer was lost can be repeated.
 */
export const Transfer = Type.Object({
  id: Uuid,
  volumeId: Uuid,
  /** Whose the volume is, or was. */
  projectId: ProjectId,
  userId: UserId,
  name: DisplayName,
  /** The volume's snapshots stay with whose they are. Absent: they go with it. */
  noSnapshots: Type.Optional(Type.Boolean()),
  salt: Type.String({ minLength: 1, maxLength: 64 }),
  /** SHA-256 of salt and key, hexadecimal. */
  keyHash: Type.String({ pattern: "^[0-9a-f]{64}$" }),
  accepted: Nullable(Type.Object({ projectId: ProjectId, userId: UserId, atMs: EpochMs })),
  requestId: Type.String({ maxLength: 128 }),
  createdAtMs: EpochMs,
});
export type Transfer = Static<typeof Transfer>;
