import { endJob } from "../jobs.ts";
import { buryLeftover } from "../tombstones.ts";
import type { OwnerWork } from "./owner-work.ts";

/** It is tried until it is gone, and is nobody's state: there is no deadline, and nobody to tell. */
export const leftoverWork: OwnerWork = {
  ended(state, job, _result, moment) {
    const leftover = state.get("leftover", job.owner.id);
    if (leftover !== undefined) buryLeftover(state, leftover, moment);
    endJob(state, job, moment);
  },
  overdue: () => undefined,
  failedOnce: () => undefined,
};
