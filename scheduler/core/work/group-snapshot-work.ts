import type { GroupSnapshot } from "#shared/model/group.ts";
import type { Job } from "#shared/model/job.ts";
import type { JobResult } from "#shared/protocol/result.ts";
import type { Moment } from "../commands.ts";
import { lastError } from "../find.ts";
import { groupOf, membersOf, startGroupSnapshotDelete } from "../group-snapshots.ts";
import { toldOfJob } from "../history.ts";
import { endJob, turnJob } from "../jobs.ts";
import type { State } from "../state.ts";
import { buryGroupSnapshot } from "../tombstones.ts";
import { errorOf, type Failure, failureOf, type OwnerWork } from "./owner-work.ts";

export const groupSnapshotWork: OwnerWork = {
  ended(state, job, result, moment) {
    const taken = state.get("group-snapshot", job.owner.id);
    if (taken === undefined) endJob(state, job, moment);
    else if (job.operation.kind === "group-snapshot.delete") removed(state, taken, job, result, moment);
    else if (result.outcome === "done") made(state, taken, job, result, moment);
    else giveUp(state, taken, job, failureOf(result), moment);
  },

  overdue(state, job, error, moment) {
    const taken = state.get("group-snapshot", job.owner.id);
    if (taken === undefined) return;
    if (job.operation.kind !== "group-snapshot.delete") {
      giveUp(state, taken, job, error, moment);
      return;
    }
    state.put("group-snapshot", { ...taken, status: "error_deleting", lastError: lastError(error, moment) });
    state.put("job", { ...job, deadlineMs: null });
  },

  failedOnce(state, ownerId, error) {
    const taken = state.get("group-snapshot", ownerId);
    if (taken !== undefined) state.put("group-snapshot", { ...taken, lastError: error });
  },
};

function made(state: State, taken: GroupSnapshot, job: Job, result: JobResult, moment: Moment): void {
  endJob(state, job, moment);
  const updates = new Map(result.objects?.map((object) => [object.id, object]));
  for (const snapshot of state.snapshotsOfGroup(taken.id)) {
    const update = updates.get(snapshot.id);
    state.put("snapshot", {
      ...toldOfJob(state, snapshot, job, { error: null, detail: taken.id }, moment),
      status: "available",
      claim: { ...snapshot.claim, settledSeq: moment.seq },
      providerId: update?.providerId ?? snapshot.providerId,
      properties: update?.properties ?? snapshot.properties,
      updatedAtMs: moment.nowMs,
    });
  }
  const done = tell(state, { ...taken, lastError: null }, job, null, moment);
  if (taken.status === "deleting") startGroupSnapshotDelete(state, done, moment);
  else state.put("group-snapshot", { ...done, status: "available" });
}

/**
 * What some of it may have left goes under the same job, so that the two cannot overlap; what it claims counts until
 * then. Nobody waits for it, unless the group snapshot is being deleted.
 */
function giveUp(state: State, taken: GroupSnapshot, job: Job, error: Failure, moment: Moment): void {
  const operation = {
    kind: "group-snapshot.delete" as const,
    groupSnapshotId: taken.id,
    members: membersOf(state, taken),
  };
  const wanted = taken.status === "deleting";
  const deadlineMs = wanted ? moment.nowMs + state.settings.operationDeadlineMs : null;
  const failure = lastError(error, moment);
  for (const snapshot of state.snapshotsOfGroup(taken.id)) {
    const failed = toldOfJob(state, snapshot, job, { error, detail: taken.id }, moment);
    state.put("snapshot", { ...failed, status: "error", lastError: failure, updatedAtMs: moment.nowMs });
  }
  const failed = { ...tell(state, taken, job, error, moment), lastError: failure };
  state.put("group-snapshot", { ...failed, status: wanted ? "deleting" : "error" });
  turnJob(state, job, { operation, owner: job.owner, deadlineMs }, moment);
}

/** Gone from the backend: for good if that was asked for, else what could not be made holds nothing any more. */
function removed(state: State, taken: GroupSnapshot, job: Job, result: JobResult, moment: Moment): void {
  if (taken.status === "error") {
    for (const snapshot of state.snapshotsOfGroup(taken.id)) {
      const claim = { virtualBytes: 0, physicalBytes: 0, settledSeq: moment.seq };
      state.put("snapshot", { ...snapshot, claim, updatedAtMs: moment.nowMs });
    }
  } else {
    buryGroupSnapshot(state, tell(state, taken, job, errorOf(result), moment), moment);
  }
  endJob(state, job, moment);
}

/** Its own history and its group's. */
function tell(state: State, taken: GroupSnapshot, job: Job, error: Failure | null, moment: Moment): GroupSnapshot {
  const group = groupOf(state, taken);
  if (group !== undefined) state.put("group", toldOfJob(state, group, job, { error, detail: taken.id }, moment));
  return { ...toldOfJob(state, taken, job, { error }, moment), updatedAtMs: moment.nowMs };
}
