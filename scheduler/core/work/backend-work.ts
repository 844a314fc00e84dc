import { lookAround } from "../failover.ts";
import { endJob } from "../jobs.ts";
import type { OwnerWork } from "./owner-work.ts";

/** The change of sides itself. It is tried until a side has taken over; how long it takes is told by `advanceFailovers`. */
export const backendWork: OwnerWork = {
  ended(state, job, _result, moment) {
    endJob(state, job, moment);
    const record = state.get("backend-state", job.owner.id);
    if (record?.failover?.phase === "switching") lookAround(state, record, moment);
  },
  overdue: () => undefined,
  failedOnce(state, ownerId, error) {
    const record = state.get("backend-state", ownerId);
    if (record !== undefined) state.put("backend-state", { ...record, lastError: error });
  },
};
