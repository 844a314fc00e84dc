import type { Claim } from "#shared/model/claim.ts";
import type { Leftover } from "#shared/model/housekeeping.ts";
import type { Job } from "#shared/model/job.ts";
import type { Operation, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import type { Side } from "#shared/model/replication.ts";
import type { Moment } from "./commands.ts";
import { BERTH_USER, jobId, redoJob, requireBackend, startJob, turnJob } from "./jobs.ts";
import type { State } from "./state.ts";

export interface LeftoverOrigin {
  readonly snapshot: SnapshotRef | null;
  readonly volume: VolumeRef;
  readonly backendId: number;
  readonly claim: Claim;
  readonly reason: string;
  /** It is another's: it gets this name back. */
  readonly giveBack?: string;
}

/** What a create may have left behind gets a record and a job of its own, whatever becomes of the volume. */
export function leaveBehind(
  state: State,
  origin: LeftoverOrigin,
  requestId: string,
  moment: Moment,
  side?: Side,
): void {
  const standing = findLeftover(state, origin);
  if (standing !== undefined) {
    // Its removal is under way and may have come too early: once more.
    const job = jobOfLeftover(state, standing);
    if (job !== undefined) redoJob(state, job, moment);
    return;
  }
  const leftover = recordLeftover(state, origin, moment);
  startJob(
    state,
    {
      id: jobId(leftover.id, leftover.jobCount),
      owner: { kind: "leftover", id: leftover.id },
      operation: removal(leftover),
      backend: requireBackend(state, leftover.backendId),
      ...(side === undefined ? {} : { side }),
      requestId,
      userId: BERTH_USER,
      deadlineMs: null,
    },
    moment,
  );
}

/** The same when the create is still with an agent: its own job becomes the removal, so that the two cannot overlap. */
export function turnIntoLeftover(state: State, job: Job, origin: LeftoverOrigin, moment: Moment): void {
  const leftover = recordLeftover(state, origin, moment);
  turnJob(
    state,
    job,
    { operation: removal(leftover), owner: { kind: "leftover", id: leftover.id }, deadlineMs: null },
    moment,
  );
}

function findLeftover(state: State, { snapshot, volume, backendId }: LeftoverOrigin): Leftover | undefined {
  const objectId = snapshot?.id ?? volume.id;
  return [...state.table("leftover").values()].find(
    (leftover) => leftover.backendId === backendId && (leftover.snapshot?.id ?? leftover.volume.id) === objectId,
  );
}

/** Its own job, or the create's that was turned into its removal. */
function jobOfLeftover(state: State, leftover: Leftover): Job | undefined {
  const own = state.get("job", jobId(leftover.id, leftover.jobCount));
  if (own !== undefined) return own;
  return [...state.table("job").values()].find((job) => job.owner.kind === "leftover" && job.owner.id === leftover.id);
}

function recordLeftover(state: State, origin: LeftoverOrigin, moment: Moment): Leftover {
  const leftover: Leftover = {
    ...origin,
    // With the commit's number: an id that came again would let a late result of the first removal end the second.
    id: `${origin.snapshot?.id ?? origin.volume.id}-left-${origin.backendId}-${moment.seq}`,
    zone: requireBackend(state, origin.backendId).zone,
    jobCount: 1,
    createdAtMs: moment.nowMs,
  };
  state.put("leftover", leftover);
  return leftover;
}

function removal({ snapshot, volume, giveBack }: Leftover): Operation {
  if (giveBack !== undefined) return { kind: "volume.unmanage", volume, reference: giveBack };
  return snapshot === null ? { kind: "volume.delete", volume } : { kind: "snapshot.delete", snapshot, volume };
}
