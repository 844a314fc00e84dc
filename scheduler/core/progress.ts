import type { Job } from "#shared/model/job.ts";
import { isAdvance, type JobProgress, type JobProgressAnswer } from "#shared/protocol/progress.ts";
import type { Moment } from "./commands.ts";
import type { State } from "./state.ts";

/** A checkpoint is made durable when it moved by this share of the whole, or after this time: not at each word of it. */
const COMMIT_SHARE = 0.05;
const COMMIT_INTERVAL_MS = 5_000;

/** What is known of a job under way. In memory only: after a restart the agent tells it anew within a second. */
export interface JobStanding {
  readonly attempt: number;
  readonly agentId: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** The furthest that any try of it came: only who gets past it is given more time. */
  readonly furthestBytes: number;
  readonly heardAtMs: number;
  readonly committedAtMs: number;
}

/** Takes in how far a job is. It ends the try of an agent whose job is over, was turned or has gone to another. */
export function takeProgress(state: State, told: JobProgress, moment: Moment): JobProgressAnswer {
  const job = state.get("job", told.jobId);
  if (job === undefined || job.attempt !== told.attempt)
    return { goOn: false, checkpointBytes: job?.checkpointBytes ?? null };
  const before = state.progress.get(job.id);
  const furthestBytes = before?.furthestBytes ?? job.checkpointBytes;
  const advanced = isAdvance(furthestBytes, told);
  const next = movedOn(state, job, told, advanced, before?.committedAtMs ?? job.createdAtMs, moment);
  if (next !== job) state.put("job", next);
  const { attempt, agentId, doneBytes, totalBytes } = told;
  state.progress.set(job.id, {
    ...{ attempt, agentId, doneBytes, totalBytes },
    furthestBytes: advanced ? doneBytes : furthestBytes,
    heardAtMs: moment.nowMs,
    committedAtMs: next === job ? (before?.committedAtMs ?? job.createdAtMs) : moment.nowMs,
  });
  return { goOn: true, checkpointBytes: next.checkpointBytes };
}

/** The record with its checkpoint and its deadline moved on, or the same one while that is not worth a commit. */
function movedOn(
  state: State,
  job: Job,
  told: JobProgress,
  advanced: boolean,
  committedAtMs: number,
  moment: Moment,
): Job {
  const { operationDeadlineMs } = state.settings;
  const movedBytes = told.checkpointBytes - job.checkpointBytes;
  const checkpointDue =
    movedBytes > 0 &&
    (movedBytes >= told.totalBytes * COMMIT_SHARE || moment.nowMs - committedAtMs >= COMMIT_INTERVAL_MS);
  const deadlineDue = advanced && job.deadlineMs !== null && job.deadlineMs - moment.nowMs < operationDeadlineMs / 2;
  if (!checkpointDue && !deadlineDue) return job;
  return {
    ...job,
    checkpointBytes: Math.max(job.checkpointBytes, told.checkpointBytes),
    deadlineMs:
      job.deadlineMs === null || !advanced
        ? job.deadlineMs
        : Math.max(job.deadlineMs, moment.nowMs + operationDeadlineMs),
  };
}
