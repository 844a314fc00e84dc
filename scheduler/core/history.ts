import type { HistoryEntry } from "#shared/model/history.ts";
import type { Job } from "#shared/model/job.ts";
import type { Moment } from "./commands.ts";
import { lastError } from "./find.ts";
import type { State } from "./state.ts";
import type { Failure } from "./work/owner-work.ts";

interface Historied {
  readonly id: string;
  readonly historyCount: number;
}

/** What ended, as far as the object and the moment do not say it. */
export type Ended = Pick<HistoryEntry, "operation" | "userId" | "requestId" | "backendId" | "startedAtMs"> & {
  readonly detail?: string;
  readonly error?: Failure | null;
};

/** Tells the object's history one operation that has ended. Returns the record with its new count, for the caller to put. */
export function told<T extends Historied>(state: State, object: T, ended: Ended, moment: Moment): T {
  const n = object.historyCount + 1;
  const { operation, userId, requestId, backendId, startedAtMs, detail = null, error = null } = ended;
  state.addHistory({
    objectId: object.id,
    n,
    operation,
    detail,
    userId,
    requestId,
    backendId,
    startedAtMs: Math.min(startedAtMs, moment.nowMs),
    endedAtMs: moment.nowMs,
    error: error === null ? null : lastError(error, moment),
  });
  return { ...object, historyCount: n };
}

/** What was done at once, in the decision itself. */
export function toldAtOnce<T extends Historied & { readonly backendId?: number | null }>(
  state: State,
  object: T,
  done: { readonly operation: string; readonly userId: string; readonly requestId: string; readonly detail?: string },
  moment: Moment,
): T {
  return told(state, object, { ...done, backendId: object.backendId ?? null, startedAtMs: moment.nowMs }, moment);
}

/** What a job of the object's came to. */
export function toldOfJob<T extends Historied>(
  state: State,
  object: T,
  job: Job,
  outcome: { readonly error: Failure | null; readonly detail?: string },
  moment: Moment,
): T {
  const { userId, requestId, backendId, createdAtMs: startedAtMs } = job;
  return told(
    state,
    object,
    { operation: job.operation.kind, userId, requestId, backendId, startedAtMs, ...outcome },
    moment,
  );
}
