import type { Job } from "#shared/model/job.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { JobResult } from "#shared/protocol/result.ts";
import type { Moment } from "../commands.ts";
import { lastError } from "../find.ts";
import { toldOfJob } from "../history.ts";
import { endJob, turnJob } from "../jobs.ts";
import { leaveBehind, turnIntoLeftover } from "../leftovers.ts";
import { renewIfChanged } from "../marks.ts";
import { snapshotRef, volumeRef } from "../refs.ts";
import { startSnapshotDelete } from "../snapshots.ts";
import type { State } from "../state.ts";
import { burySnapshot } from "../tombstones.ts";
import { errorOf, failureOf, type OwnerWork } from "./owner-work.ts";

export const snapshotWork: OwnerWork = {
  ended(state, job, result, moment) {
    const found = state.get("snapshot", job.owner.id);
    endJob(state, job, moment);
    if (found === undefined) return;
    const snapshot = toldOfJob(state, found, job, { error: errorOf(result) }, moment);
    if (job.operation.kind === "snapshot.delete") burySnapshot(state, snapshot, moment);
    else if (result.outcome === "done") taken(state, snapshot, job, result, moment);
    else notTaken(state, snapshot, job, result, moment);
  },

  overdue(state, job, error, moment) {
    const snapshot = state.get("snapshot", job.owner.id);
    if (snapshot === undefined) return;
    const failed = { ...snapshot, lastError: lastError(error, moment), updatedAtMs: moment.nowMs };
    const volume = state.get("volume", snapshot.volumeId);
    if (job.operation.kind === "snapshot.delete" || volume === undefined) {
      state.put("snapshot", { ...failed, status: "error_deleting" });
      state.put("job", { ...job, deadlineMs: null });
      return;
    }
    if (snapshot.status === "deleting") {
      turnJob(
        state,
        job,
        {
          operation: { kind: "snapshot.delete", snapshot: snapshotRef(snapshot, volume), volume: volumeRef(volume) },
          owner: job.owner,
          deadlineMs: moment.nowMs + state.settings.operationDeadlineMs,
        },
        moment,
      );
      return;
    }
    const { backendId, claim } = snapshot;
    state.put("snapshot", {
      ...toldOfJob(state, failed, job, { error }, moment),
      status: "error",
      claim: nothing(moment),
    });
    turnIntoLeftover(
      state,
      job,
      { snapshot: snapshotRef(snapshot, volume), volume: volumeRef(volume), backendId, claim, reason: error.message },
      moment,
    );
  },

  failedOnce(state, ownerId, error) {
    const snapshot = state.get("snapshot", ownerId);
    if (snapshot !== undefined) state.put("snapshot", { ...snapshot, lastError: error });
  },
};

function taken(state: State, snapshot: Snapshot, job: Job, result: JobResult, moment: Moment): void {
  const made: Snapshot = {
    ...snapshot,
    claim: { ...snapshot.claim, settledSeq: moment.seq },
    providerId: result.providerId ?? snapshot.providerId,
    properties: result.properties ?? snapshot.properties,
    updatedAtMs: moment.nowMs,
  };
  if (snapshot.status === "deleting") {
    startSnapshotDelete(state, made, moment);
    return;
  }
  const available: Snapshot = { ...made, status: "available" };
  state.put("snapshot", available);
  renewIfChanged(state, available, job.operation.kind === "snapshot.create" ? job.operation.mark : undefined, moment);
}

function notTaken(state: State, snapshot: Snapshot, job: Job, result: JobResult, moment: Moment): void {
  const volume = state.get("volume", snapshot.volumeId);
  if (volume !== undefined)
    leaveBehind(
      state,
      {
        snapshot: snapshotRef(snapshot, volume),
        volume: volumeRef(volume),
        backendId: snapshot.backendId,
        claim: snapshot.claim,
        reason: result.error?.message ?? result.outcome,
      },
      job.requestId,
      moment,
    );
  const failed: Snapshot = {
    ...snapshot,
    status: "error",
    claim: nothing(moment),
    lastError: lastError(failureOf(result), moment),
    updatedAtMs: moment.nowMs,
  };
  if (snapshot.status === "deleting") burySnapshot(state, failed, moment);
  else state.put("snapshot", failed);
}

/** What is in `error` holds nothing: leftovers do. */
function nothing(moment: Moment): Snapshot["claim"] {
  return { virtualBytes: 0, physicalBytes: 0, settledSeq: moment.seq };
}
