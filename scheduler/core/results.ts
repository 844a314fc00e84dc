import type { Job } from "#shared/model/job.ts";
import type { JobResult } from "#shared/protocol/result.ts";
import { sameJson } from "#shared/same-json.ts";
import { settleCascades } from "./cascade.ts";
import type { Moment } from "./commands.ts";
import { lastError } from "./find.ts";
import { settleGroups } from "./group-settle.ts";
import { redoJob, retryJob } from "./jobs.ts";
import type { State } from "./state.ts";
import { mendStray } from "./strays.ts";
import { failureOf } from "./work/owner-work.ts";
import { OWNER_WORK } from "./work/table.ts";

/**
 * Takes in what an agent says of a job. Results may be lost, late, doubled or reordered: only one of the attempt that
 * is awaited counts; for a job that nobody awaits any more see `strays.ts`.
 */
export function takeResult(state: State, result: JobResult, moment: Moment): undefined {
  const job = state.get("job", result.jobId);
  if (job === undefined) {
    mendStray(state, result, moment);
    return;
  }
  const sameWork = sameJson(result.operation, job.operation);
  // An object's marks are written under one id: what an older one, that came late, wrote may stand there now.
  if (!sameWork && job.owner.kind === "mark") redoJob(state, job, moment);
  // Any other job of the same name with other work is one of before a restored backup: the queue has it yet.
  if (result.attempt !== job.attempt || !sameWork) return;
  const isToBeTriedOn = result.outcome !== "done" && (hasToBeDone(job) || isForAnother(state, job, result));
  if (result.outcome === "unknown" || isToBeTriedOn) {
    OWNER_WORK[job.owner.kind].failedOnce(state, job.owner.id, lastError(failureOf(result), moment));
    retryJob(state, job, moment);
    return;
  }
  report(state, job, result, moment);
  OWNER_WORK[job.owner.kind].ended(state, job, result, moment);
  settleCascades(state, moment);
  settleGroups(state, moment);
}

/** The agent could not open the backend, and another one has it open: that says nothing of the backend. */
function isForAnother(state: State, job: Job, { agentId, error }: JobResult): boolean {
  const backend = state.backend(job.backendId);
  if (error?.code !== "E_BACKEND_NOT_OPEN" || backend === undefined) return false;
  const others = [...state.fleet.openings(backend)].filter((one) => one.agentId !== agentId);
  return others.some(({ opening }) => opening.state === "open");
}

/** Removals, and a change of sides, have no other way on than to be done: they are tried again whatever they answer. */
function hasToBeDone({ operation }: Job): boolean {
  return (
    operation.kind === "backend.failover" ||
    operation.kind === "volume.delete" ||
    operation.kind === "snapshot.delete" ||
    operation.kind === "group-snapshot.delete" ||
    operation.kind === "volume.unmanage" ||
    operation.kind === "attachment.disconnect" ||
    operation.kind === "attachment.disconnect-snapshot"
  );
}

function report(state: State, job: Job, result: JobResult, moment: Moment): void {
  state.emit({
    kind: "operation-ended",
    operation: job.operation.kind,
    objectId: job.owner.id,
    outcome: result.outcome,
    durationMs: moment.nowMs - job.createdAtMs,
    requestId: job.requestId,
    error: result.error?.message ?? null,
  });
}
