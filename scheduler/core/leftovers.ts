import type { Claim } from "#shared/model/claim.ts";
import type { Leftover } from "#shared/model/housekeeping.ts";
import type { Job } from "#shared/model/job.ts";
import type { Operation, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import type { Moment } from "./commands.ts";
import { jobId, requireBackend, startJob, turnJob } from "./jobs.ts";
import type { State } from "./state.ts";

export interface LeftoverOrigin {
  readonly snapshot: SnapshotRef | null;
  readonly volume: VolumeRef;
  readonly backendId: number;
  readonly claim: Claim;
  readonly reason: string;
}

/** What a create may have left behind gets a record and a job of its own, whatever becomes of the volume. */
export function leaveBehind(state: State, origin: LeftoverOrigin, requestId: string, moment: Moment): void {
  const leftover = recordLeftover(state, origin, moment);
  if (leftover === null) return;
  startJob(
    state,
    {
      id: jobId(leftover.id, leftover.jobCount),
      owner: { kind: "leftover", id: leftover.id },
      operation: removal(leftover),
      backend: requireBackend(state, leftover.backendId),
      requestId,
      deadlineMs: null,
    },
    moment,
  );
}

/** The same when the create is still with an agent: its own job becomes the removal, so that the two cannot overlap. */
export function turnIntoLeftover(state: State, job: Job, origin: LeftoverOrigin, moment: Moment): void {
  const leftover = recordLeftover(state, origin, moment);
  if (leftover === null) return;
  turnJob(
    state,
    job,
    { operation: removal(leftover), owner: { kind: "leftover", id: leftover.id }, deadlineMs: null },
    moment,
  );
}

function recordLeftover(state: State, origin: LeftoverOrigin, moment: Moment): Leftover | null {
  const objectId = origin.snapshot?.id ?? origin.volume.id;
  const id = `${objectId}-left-${origin.backendId}`;
  if (state.get("leftover", id) !== undefined) return null;
  const leftover: Leftover = {
    ...origin,
    id,
    zone: requireBackend(state, origin.backendId).zone,
    claim: { ...origin.claim, settledSeq: null },
    jobCount: 1,
    createdAtMs: moment.nowMs,
  };
  state.put("leftover", leftover);
  return leftover;
}

function removal({ snapshot, volume }: Leftover): Operation {
  return snapshot === null ? { kind: "volume.delete", volume } : { kind: "snapshot.delete", snapshot, volume };
}
