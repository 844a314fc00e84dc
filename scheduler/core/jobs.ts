import { BerthError } from "#shared/errors.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { Job, JobOwner } from "#shared/model/job.ts";
import type { Operation } from "#shared/model/operation.ts";
import type { Side } from "#shared/model/replication.ts";
import type { Moment } from "./commands.ts";
import { mayLeave, sideFor } from "./sides.ts";
import type { State } from "./state.ts";

/** Who asked for what nobody asked for. */
export const BERTH_USER = "berth";

export interface NewJob {
  readonly id: string;
  readonly owner: JobOwner;
  readonly operation: Operation;
  readonly backend: Backend;
  /** Which host of the zone must do it, where the backend itself is tied to none. */
  readonly host?: string | null;
  /** Absent: the one on which its object stands. */
  readonly side?: Side;
  readonly requestId: string;
  readonly userId: string;
  /** When the passing state ends at the latest; null: clean-up, tried for ever. */
  readonly deadlineMs: number | null;
}

/** The id of an object's n-th job. */
export function jobId(objectId: string, count: number): string {
  return `${objectId}-${count}`;
}

/** Records a job and, if its backend has a slot for it, gives it out in the same commit. */
export function startJob(state: State, { backend, side: given, ...job }: NewJob, moment: Moment): void {
  const side = given === undefined ? sideFor(state, backend.id, job.operation) : given;
  const record: Job = {
    ...job,
    ...(side === null ? {} : { side }),
    backendId: backend.id,
    zone: backend.zone,
    host: backend.host ?? job.host ?? null,
    serialKeys: serialKeys(job.operation),
    attempt: 1,
    dispatched: false,
    notBeforeMs: moment.nowMs,
    timeoutMs: state.settings.jobTimeoutMs,
    checkpointBytes: 0,
    createdAtMs: moment.nowMs,
  };
  const queue = state.queues.of(backend.id);
  const canGo =
    queue.inHand.size < backend.settings.maxConcurrent &&
    !queue.isBusy(record) &&
    queue.waitingCount === 0 &&
    mayLeave(state, record);
  if (!canGo) {
    state.put("job", record);
    dispatchReady(state, backend.id, moment);
    return;
  }
  const dispatched: Job = { ...record, dispatched: true };
  state.put("job", dispatched);
  state.emit({ kind: "send-job", job: dispatched });
}

/** Gives out what waits for this backend, as far as its limit of jobs in hand allows. */
export function dispatchReady(state: State, backendId: number, moment: Moment): void {
  const limit = state.backend(backendId)?.settings.maxConcurrent ?? 1;
  const queue = state.queues.of(backendId);
  while (queue.inHand.size < limit) {
    const next = queue.next(moment.nowMs, (job) => mayLeave(state, job));
    if (next === null) return;
    const dispatched: Job = { ...next, dispatched: true };
    state.put("job", dispatched);
    state.emit({ kind: "send-job", job: dispatched });
  }
}

/** The job is over; its slot goes to the next. */
export function endJob(state: State, job: Job, moment: Moment): void {
  state.remove("job", job.id);
  dispatchReady(state, job.backendId, moment);
}

/** Once more, to the same backend, after a back-off that doubles up to a bound. Its slot is free meanwhile. */
export function retryJob(state: State, job: Job, moment: Moment): void {
  const { retryBaseMs, retryMaxMs } = state.settings;
  const delayMs = Math.min(retryMaxMs, retryBaseMs * 2 ** Math.min(job.attempt - 1, 20));
  state.put("job", { ...job, attempt: job.attempt + 1, dispatched: false, notBeforeMs: moment.nowMs + delayMs });
  dispatchReady(state, job.backendId, moment);
}

/** What was done of it counts no more. */
const ANEW = { dispatched: false, checkpointBytes: 0 } as const;

/** Something interfered with it: it is done over, at once. The result of the attempt before counts no more. */
export function redoJob(state: State, job: Job, moment: Moment): void {
  state.progress.delete(job.id);
  state.put("job", { ...job, ...ANEW, attempt: job.attempt + 1, notBeforeMs: moment.nowMs });
  dispatchReady(state, job.backendId, moment);
}

/**
 * Makes another operation of a live job, under the same id. The queue holds one message a job id, so the new one is
 * refused until the agent that has the old one is through with it: the two can never run side by side. The result of
 * the old attempt is then ignored.
 */
export function turnJob(
  state: State,
  job: Job,
  turn: { readonly operation: Operation; readonly owner: JobOwner; readonly deadlineMs: number | null },
  moment: Moment,
): void {
  state.progress.delete(job.id);
  state.put("job", { ...job, ...turn, ...ANEW, attempt: job.attempt + 1, notBeforeMs: moment.nowMs });
  dispatchReady(state, job.backendId, moment);
}

/** Somebody asked again: no more back-off. */
export function kickJob(state: State, job: Job, deadlineMs: number, moment: Moment): void {
  state.put("job", { ...job, deadlineMs, notBeforeMs: job.dispatched ? job.notBeforeMs : moment.nowMs });
  dispatchReady(state, job.backendId, moment);
}

export function requireBackend(state: State, backendId: number): Backend {
  const backend = state.backend(backendId);
  if (backend === undefined)
    throw new BerthError("E_INTERNAL", `backend ${backendId} holds objects and is not in the catalogue`);
  return backend;
}

/** Jobs on one volume run one after another: its own, its snapshots', and copies being made from it. */
function serialKeys(operation: Operation): string[] {
  switch (operation.kind) {
    case "volume.clone":
      return [operation.source.id];
    case "volume.create-from-snapshot":
      return [operation.snapshot.volumeId];
    case "group-snapshot.create":
    case "group-snapshot.delete":
      return operation.members.map(({ volume }) => volume.id);
    case "backend.failover":
      return [];
    default:
      return [operation.volume.id];
  }
}
