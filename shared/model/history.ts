import { type Static, Type } from "typebox";
import { BackendState } from "./backend-state.ts";
import { LastError } from "./error-record.ts";
import { BackendId, EpochMs, Uuid } from "./names.ts";
import { Nullable } from "./nullable.ts";

/** So many entries of one object are kept, the last ones. */
export const HISTORY_KEPT = 100;

/** One operation on an object that has ended: who asked, for what, when, how long it took, and what came of it. */
export const HistoryEntry = Type.Object({
  /** A volume's or snapshot's, or that of a backend's state. */
  objectId: Type.Union([Uuid, BackendState.properties.id]),
  /** Counted from 1 over the object's life. */
  n: Type.Integer({ minimum: 1 }),
  /** As `volume.extend`; the words of commands and jobs. */
  operation: Type.String({ minLength: 1, maxLength: 64 }),
  /** What makes it this one and no other: the new size, the host, the backend it came from; null: nothing to add. */
  detail: Nullable(Type.String({ maxLength: 500 })),
  /** Where a person said what a state is, who that was: `ann@desk`. */
  userId: Type.String({ minLength: 1, maxLength: 255 }),
  requestId: Type.String({ maxLength: 128 }),
  backendId: Nullable(BackendId),
  startedAtMs: EpochMs,
  endedAtMs: EpochMs,
  /** null: it was done. */
  error: Nullable(LastError),
});
export type HistoryEntry = Static<typeof HistoryEntry>;
