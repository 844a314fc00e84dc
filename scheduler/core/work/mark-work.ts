import { endJob } from "../jobs.ts";
import type { OwnerWork } from "./owner-work.ts";

/** Nobody waits for it. What is not there any more needs no mark; whatever else fails is tried again. */
export const markWork: OwnerWork = {
  ended: (state, job, _result, moment) => endJob(state, job, moment),
  overdue: () => undefined,
  failedOnce: () => undefined,
};
