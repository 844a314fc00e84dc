import type { Attachment } from "#shared/model/attachment.ts";
import type { Job } from "#shared/model/job.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Volume } from "#shared/model/volume.ts";
import type { JobResult } from "#shared/protocol/result.ts";
import { sameJson } from "#shared/same-json.ts";
import { gibToBytes } from "#shared/units.ts";
import { disconnectOperation, settleVolumeStatus, startDetaching, statusFrom } from "./attachments.ts";
import type { Moment } from "./commands.ts";
import { lastError } from "./find.ts";
import { endJob, retryJob, turnJob } from "./jobs.ts";
import { leaveBehind } from "./leftovers.ts";
import { placeVolume } from "./place-volume.ts";
import { snapshotRef, volumeRef } from "./refs.ts";
import { startSnapshotDelete } from "./snapshots.ts";
import type { State } from "./state.ts";
import { mendStray } from "./strays.ts";
import { buryLeftover, burySnapshot, buryVolume } from "./tombstones.ts";
import { startDelete } from "./volumes.ts";

/**
 * Takes in what an agent says of a job. Results may be lost, late, doubled or reordered: only one of the attempt that
 * is awaited counts; for a job that nobody awaits any more see `strays.ts`.
 */
export function takeResult(state: State, result: JobResult, moment: Moment): undefined {
  const job = state.get("job", result.jobId);
  if (job === undefined) {
    mendStray(state, result, moment);
    return;
  }
  // A job of the same name with other work is one of before a restored backup: the queue has it yet.
  if (result.attempt !== job.attempt || !sameJson(result.operation, job.operation)) return;
  if (result.outcome === "unknown" || (result.outcome !== "done" && isRemoval(job))) {
    noteFailure(state, job, result, moment);
    retryJob(state, job, moment);
    return;
  }
  report(state, job, result, moment);
  switch (job.owner.kind) {
    case "volume":
      volumeResult(state, job, result, moment);
      break;
    case "snapshot":
      snapshotResult(state, job, result, moment);
      break;
    case "attachment":
      attachmentResult(state, job, result, moment);
      break;
    case "leftover":
      leftoverGone(state, job, moment);
      break;
  }
}

/** Removals have no other way on than to be done: they are tried again whatever they answer. */
function isRemoval({ operation }: Job): boolean {
  return (
    operation.kind === "volume.delete" ||
    operation.kind === "snapshot.delete" ||
    operation.kind === "attachment.disconnect"
  );
}

function volumeResult(state: State, job: Job, result: JobResult, moment: Moment): void {
  const volume = state.get("volume", job.owner.id);
  if (volume === undefined) {
    endJob(state, job, moment);
    return;
  }
  switch (job.operation.kind) {
    case "volume.delete":
      buryVolume(state, volume, moment);
      endJob(state, job, moment);
      return;
    case "volume.extend":
      endJob(state, job, moment);
      extended(state, volume, result, moment);
      return;
    default:
      if (result.outcome === "done") created(state, volume, result, moment);
      else notCreated(state, volume, job, result, moment);
      endJob(state, job, moment);
  }
}

function created(state: State, volume: Volume, result: JobResult, moment: Moment): void {
  const made: Volume = {
    ...volume,
    claim: volume.claim === null ? null : { ...volume.claim, settledSeq: moment.seq },
    providerId: result.providerId ?? volume.providerId,
    properties: result.properties ?? volume.properties,
    lastError: null,
    updatedAtMs: moment.nowMs,
  };
  // Deleted while it was being created: the delete wins.
  if (volume.status === "deleting") startDelete(state, made, moment);
  else state.put("volume", { ...made, status: "available" });
}

/** The backend refused: what it may hold goes, and placing goes on past it. */
function notCreated(state: State, volume: Volume, job: Job, result: JobResult, moment: Moment): void {
  const { backendId, claim } = volume;
  if (backendId === null || claim === null) return;
  const reason = result.error?.message ?? result.outcome;
  leaveBehind(state, { snapshot: null, volume: volumeRef(volume), backendId, claim, reason }, job.requestId, moment);
  if (result.outcome === "no-space") {
    state.space.backend(backendId).noSpace = { bytes: gibToBytes(volume.sizeGib), seq: moment.seq };
    state.emit({ kind: "measure", backendId });
  }
  const unplaced: Volume = {
    ...volume,
    backendId: null,
    zone: null,
    claim: null,
    triedBackendIds: [...volume.triedBackendIds, backendId],
    lastError: lastError(failure(result), moment),
    placementDeadlineMs: moment.nowMs + state.settings.placementDeadlineMs,
  };
  if (volume.status === "deleting") buryVolume(state, unplaced, moment);
  else placeVolume(state, unplaced, moment);
}

function extended(state: State, volume: Volume, result: JobResult, moment: Moment): void {
  const done = result.outcome === "done";
  const growth = volume.growth.flatMap((claim) => {
    if (claim.settledSeq !== null) return [claim];
    return done ? [{ ...claim, settledSeq: moment.seq }] : [];
  });
  const settled: Volume = {
    ...volume,
    sizeGib: done ? (volume.extendToGib ?? volume.sizeGib) : volume.sizeGib,
    extendToGib: null,
    growth,
    properties: result.properties ?? volume.properties,
    lastError: done ? null : lastError(failure(result), moment),
    updatedAtMs: moment.nowMs,
  };
  if (volume.status === "deleting") startDelete(state, settled, moment);
  else state.put("volume", { ...settled, status: statusFrom(state.attachmentsOf(volume.id)) });
}

function snapshotResult(state: State, job: Job, result: JobResult, moment: Moment): void {
  const snapshot = state.get("snapshot", job.owner.id);
  endJob(state, job, moment);
  if (snapshot === undefined) return;
  if (job.operation.kind === "snapshot.delete") {
    burySnapshot(state, snapshot, moment);
    return;
  }
  if (result.outcome === "done") {
    const made: Snapshot = {
      ...snapshot,
      claim: { ...snapshot.claim, settledSeq: moment.seq },
      providerId: result.providerId ?? snapshot.providerId,
      properties: result.properties ?? snapshot.properties,
      updatedAtMs: moment.nowMs,
    };
    if (snapshot.status === "deleting") startSnapshotDelete(state, made, moment);
    else state.put("snapshot", { ...made, status: "available" });
    return;
  }
  const volume = state.get("volume", snapshot.volumeId);
  if (volume !== undefined)
    leaveBehind(
      state,
      {
        snapshot: snapshotRef(snapshot),
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
    claim: { virtualBytes: 0, physicalBytes: 0, settledSeq: moment.seq },
    lastError: lastError(failure(result), moment),
    updatedAtMs: moment.nowMs,
  };
  if (snapshot.status === "deleting") burySnapshot(state, failed, moment);
  else state.put("snapshot", failed);
}

function attachmentResult(state: State, job: Job, result: JobResult, moment: Moment): void {
  const attachment = state.get("attachment", job.owner.id);
  if (attachment === undefined) {
    endJob(state, job, moment);
    return;
  }
  if (job.operation.kind === "attachment.disconnect") {
    endJob(state, job, moment);
    state.remove("attachment", attachment.id);
  } else if (result.outcome === "done") {
    endJob(state, job, moment);
    connected(state, attachment, result, moment);
  } else {
    undoConnect(state, job, attachment, failure(result), moment);
  }
  settleVolumeStatus(state, attachment.volumeId, moment);
}

function connected(state: State, attachment: Attachment, result: JobResult, moment: Moment): void {
  const attached: Attachment = {
    ...attachment,
    connectionInfo: result.connectionInfo,
    lastError: null,
    updatedAtMs: moment.nowMs,
  };
  if (attachment.status === "detaching") startDetaching(state, attached, moment);
  else state.put("attachment", { ...attached, status: "attached" });
}

/** The host could not be let in: what may be half done is undone under the same job, then the attachment goes. */
export function undoConnect(
  state: State,
  job: Job,
  attachment: Attachment,
  error: { readonly code: string; readonly message: string },
  moment: Moment,
): void {
  const failed: Attachment = {
    ...attachment,
    status: "detaching",
    lastError: lastError(error, moment),
    updatedAtMs: moment.nowMs,
  };
  state.put("attachment", failed);
  const volume = state.get("volume", attachment.volumeId);
  if (volume !== undefined) state.put("volume", { ...volume, lastError: failed.lastError });
  turnJob(state, job, { operation: disconnectOperation(state, failed), owner: job.owner, deadlineMs: null }, moment);
}

function leftoverGone(state: State, job: Job, moment: Moment): void {
  const leftover = state.get("leftover", job.owner.id);
  if (leftover !== undefined) buryLeftover(state, leftover, moment);
  endJob(state, job, moment);
}

/** A try failed and there will be another: the object says why it takes so long. */
function noteFailure(state: State, job: Job, result: JobResult, moment: Moment): void {
  const error = lastError(failure(result), moment);
  const { kind, id } = job.owner;
  if (kind === "volume") {
    const volume = state.get("volume", id);
    if (volume !== undefined) state.put("volume", { ...volume, lastError: error });
  } else if (kind === "snapshot") {
    const snapshot = state.get("snapshot", id);
    if (snapshot !== undefined) state.put("snapshot", { ...snapshot, lastError: error });
  } else if (kind === "attachment") {
    const attachment = state.get("attachment", id);
    if (attachment !== undefined) state.put("attachment", { ...attachment, lastError: error });
  }
}

function failure(result: JobResult): { code: string; message: string } {
  return result.error ?? { code: "E_BACKEND_FAILED", message: `the backend answered ${result.outcome}` };
}

function report(state: State, job: Job, result: JobResult, moment: Moment): void {
  state.emit({
    kind: "operation-ended",
    operation: job.operation.kind,
    objectId: job.owner.id,
    outcome: result.outcome,
    durationMs: moment.nowMs - job.createdAtMs,
    requestId: job.requestId,
    error: result.error?.message ?? null,
  });
}
