import { type Static, Type } from "typebox";
import { JobId } from "../model/job.ts";
import { Bytes } from "../model/names.ts";
import { Nullable } from "../model/nullable.ts";
import { callType, PROTOCOL_VERSION } from "./message.ts";

/** How far a long job is, told about once a second. Nothing is lost with one that does not arrive. */
export const JobProgress = Type.Object({
  version: Type.Literal(PROTOCOL_VERSION),
  jobId: JobId,
  attempt: Type.Integer({ minimum: 1 }),
  agentId: Type.String(),
  doneBytes: Bytes,
  totalBytes: Bytes,
  /** Up to here it is done for good: where another try may begin. 0: it would begin anew. */
  checkpointBytes: Bytes,
});
export type JobProgress = Static<typeof JobProgress>;

export const JobProgressAnswer = Type.Object({
  /** No: the job is over, or another operation or try took its place. */
  goOn: Type.Boolean(),
  /** What the ledger holds of the job's checkpoint; null: it has no such job. */
  checkpointBytes: Nullable(Bytes),
});
export type JobProgressAnswer = Static<typeof JobProgressAnswer>;

export const progressCall = callType("job progress", JobProgress, JobProgressAnswer);

/** Deadlines move on for who gets on, and who does a hundred-thousandth at a time does: so they move a bounded number of times. */
const LEAST_SHARE = 100_000;

/** Is it further than at `fromBytes`, by enough to be given more time? */
export function isAdvance(fromBytes: number, { doneBytes, totalBytes }: Pick<JobProgress, "doneBytes" | "totalBytes">) {
  return doneBytes - fromBytes >= Math.max(1, totalBytes / LEAST_SHARE);
}
