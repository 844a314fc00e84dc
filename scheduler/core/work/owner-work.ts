import type { LastError } from "#shared/model/error-record.ts";
import type { Job } from "#shared/model/job.ts";
import type { JobResult } from "#shared/protocol/result.ts";
import type { Moment } from "../commands.ts";
import type { State } from "../state.ts";

export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** What becomes of a record when its job comes to something. One for each kind of owner (`table.ts`). */
export interface OwnerWork {
  /** The awaited attempt was done, or refused for good; never `unknown`. It ends or turns the job. */
  ended(state: State, job: Job, result: JobResult, moment: Moment): void;
  /** The passing state has lasted too long. Afterwards the job has no deadline, or a new one, or is another. */
  overdue(state: State, job: Job, error: Failure, moment: Moment): void;
  /** A try failed and there will be another: the record says why it takes so long. */
  failedOnce(state: State, ownerId: string, error: LastError): void;
}

export function failureOf(result: JobResult): Failure {
  return result.error ?? { code: "E_BACKEND_FAILED", message: `the backend answered ${result.outcome}` };
}

/** What a history says of it; null: it was done. */
export function errorOf(result: JobResult): Failure | null {
  return result.outcome === "done" ? null : failureOf(result);
}
