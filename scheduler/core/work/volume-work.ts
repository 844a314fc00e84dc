import type { Job } from "#shared/model/job.ts";
import type { Volume } from "#shared/model/volume.ts";
import type { JobResult } from "#shared/protocol/result.ts";
import { gibToBytes } from "#shared/units.ts";
import { statusFrom } from "../attachments.ts";
import type { Moment } from "../commands.ts";
import { lastError } from "../find.ts";
import { told, toldOfJob } from "../history.ts";
import { endJob, turnJob } from "../jobs.ts";
import { leaveBehind, turnIntoLeftover } from "../leftovers.ts";
import { renewIfChanged } from "../marks.ts";
import { placeVolume } from "../place-volume.ts";
import { volumeRef } from "../refs.ts";
import { startDelete } from "../removal.ts";
import type { State } from "../state.ts";
import { buryVolume } from "../tombstones.ts";
import { manageEnded, manageOverdue, unmanageEnded } from "./manage-work.ts";
import { moveStepEnded, moveStepOverdue } from "./move-work.ts";
import { errorOf, type Failure, failureOf, type OwnerWork } from "./owner-work.ts";

export const volumeWork: OwnerWork = {
  ended(state, job, result, moment) {
    const volume = state.get("volume", job.owner.id);
    if (volume === undefined) {
      endJob(state, job, moment);
      return;
    }
    if (volume.move !== null) {
      moveStepEnded(state, volume, job, result, moment);
      return;
    }
    switch (job.operation.kind) {
      case "volume.delete":
        buryVolume(state, toldOfJob(state, volume, job, { error: null }, moment), moment);
        endJob(state, job, moment);
        return;
      case "volume.extend":
        endJob(state, job, moment);
        extended(state, volume, job, result, moment);
        return;
      case "volume.revert":
        endJob(state, job, moment);
        reverted(state, volume, job, result, moment);
        return;
      case "volume.manage":
        manageEnded(state, volume, job, job.operation, result, moment);
        return;
      case "volume.unmanage":
        unmanageEnded(state, volume, job, job.operation, moment);
        return;
      default:
        if (result.outcome === "done") created(state, volume, job, result, moment);
        else notCreated(state, volume, job, result, moment);
        endJob(state, job, moment);
    }
  },

  overdue(state, job, error, moment) {
    const volume = state.get("volume", job.owner.id);
    if (volume === undefined || volume.backendId === null) return;
    if (volume.move !== null) {
      moveStepOverdue(state, volume, job, error, moment);
      return;
    }
    const failed = { ...volume, lastError: lastError(error, moment), updatedAtMs: moment.nowMs };
    if (job.operation.kind === "volume.delete") {
      state.put("volume", { ...failed, status: "error_deleting" });
      state.put("job", { ...job, deadlineMs: null });
      return;
    }
    if (job.operation.kind === "volume.unmanage") {
      state.put("volume", { ...failed, status: "error_unmanaging" });
      state.put("job", { ...job, deadlineMs: null });
      return;
    }
    if (job.operation.kind === "volume.manage") {
      manageOverdue(state, volume, job, job.operation, error, moment);
      return;
    }
    if (volume.cascadeDeadlineMs !== undefined) {
      // Its snapshots go first; by then it has a deadline again.
      state.put("job", { ...job, deadlineMs: null });
      return;
    }
    if (volume.status === "deleting") {
      // It was waited for out of politeness; now the removal takes its place.
      const deadlineMs = moment.nowMs + state.settings.operationDeadlineMs;
      const operation = { kind: "volume.delete" as const, volume: volumeRef(volume) };
      turnJob(state, job, { operation, owner: job.owner, deadlineMs }, moment);
      return;
    }
    if (job.operation.kind === "volume.extend") {
      // It may yet be done: then the volume is whole again with its new size.
      state.put("volume", { ...failed, status: "error_extending" });
      state.put("job", { ...job, deadlineMs: null });
      return;
    }
    if (job.operation.kind === "volume.revert") {
      state.put("volume", { ...failed, status: "error_reverting" });
      state.put("job", { ...job, deadlineMs: null });
      return;
    }
    giveUpCreating(state, failed, job, error, moment);
  },

  failedOnce(state, ownerId, error) {
    const volume = state.get("volume", ownerId);
    if (volume !== undefined) state.put("volume", { ...volume, lastError: error });
  },
};

function created(state: State, volume: Volume, job: Job, result: JobResult, moment: Moment): void {
  const made: Volume = {
    ...toldCreated(state, volume, job, null, moment),
    claim: volume.claim === null ? null : { ...volume.claim, settledSeq: moment.seq },
    providerId: result.providerId ?? volume.providerId,
    properties: result.properties ?? volume.properties,
    parent: result.dependsOnSource === true ? parentOf(volume) : null,
    chap: bringsAccount(job.operation) ? volume.chap : null,
    lastError: null,
    updatedAtMs: moment.nowMs,
  };
  // Deleted while it was being created: the delete wins.
  if (volume.status === "deleting") startDelete(state, made, moment);
  // The volumes of a group that is being copied become available together (`group-settle.ts`).
  else if (volume.groupId !== null && state.get("group", volume.groupId)?.status === "creating")
    state.put("volume", made);
  else {
    const available: Volume = { ...made, status: "available" };
    state.put("volume", available);
    renewIfChanged(state, available, "mark" in job.operation ? job.operation.mark : undefined, moment);
  }
}

function bringsAccount(operation: Job["operation"]): boolean {
  return "chap" in operation && operation.chap !== undefined;
}

function parentOf({ source }: Volume): Volume["parent"] {
  if (source.kind === "snapshot") return { kind: "snapshot", id: source.snapshotId };
  return source.kind === "volume" ? { kind: "volume", id: source.volumeId } : null;
}

/** It began with the request, however often it was placed since. */
function toldCreated(state: State, volume: Volume, job: Job, error: Failure | null, moment: Moment): Volume {
  return told(
    state,
    volume,
    {
      operation: job.operation.kind,
      userId: volume.userId,
      requestId: job.requestId,
      backendId: job.backendId,
      startedAtMs: volume.createdAtMs,
      error,
    },
    moment,
  );
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
    lastError: lastError(failureOf(result), moment),
    placementDeadlineMs: moment.nowMs + state.settings.placementDeadlineMs,
  };
  if (volume.status === "deleting") buryVolume(state, unplaced, moment);
  else placeVolume(state, unplaced, moment);
}

function giveUpCreating(state: State, volume: Volume, job: Job, error: Failure, moment: Moment): void {
  const { backendId, claim } = volume;
  if (claim === null || backendId === null) return;
  const failed = toldCreated(state, volume, job, error, moment);
  state.put("volume", { ...failed, status: "error", backendId: null, zone: null, claim: null, chap: null });
  turnIntoLeftover(
    state,
    job,
    { snapshot: null, volume: volumeRef(volume), backendId, claim, reason: error.message },
    moment,
  );
}

function extended(state: State, volume: Volume, job: Job, result: JobResult, moment: Moment): void {
  const done = result.outcome === "done";
  const growth = volume.growth.flatMap((claim) => {
    if (claim.settledSeq !== null) return [claim];
    return done ? [{ ...claim, settledSeq: moment.seq }] : [];
  });
  const detail = `from ${volume.sizeGib} to ${volume.extendToGib ?? volume.sizeGib} GiB`;
  const settled: Volume = {
    ...toldOfJob(state, volume, job, { error: errorOf(result), detail }, moment),
    sizeGib: done ? (volume.extendToGib ?? volume.sizeGib) : volume.sizeGib,
    extendToGib: null,
    growth,
    properties: result.properties ?? volume.properties,
    parent: result.dependsOnSource === false ? null : volume.parent,
    lastError: done ? null : lastError(failureOf(result), moment),
    updatedAtMs: moment.nowMs,
  };
  // Its snapshots go before it.
  if (volume.cascadeDeadlineMs !== undefined) state.put("volume", settled);
  else if (volume.status === "deleting") startDelete(state, settled, moment);
  else state.put("volume", { ...settled, status: statusFrom(state.attachmentsOf(volume.id)) });
}

/** Refused for good: its bytes are what they were. */
function reverted(state: State, volume: Volume, job: Job, result: JobResult, moment: Moment): void {
  const done = result.outcome === "done";
  const detail = `to snapshot ${volume.revertTo}`;
  state.put("volume", {
    ...toldOfJob(state, volume, job, { error: errorOf(result), detail }, moment),
    status: "available",
    revertTo: null,
    growth: volume.growth.filter(({ settledSeq }) => settledSeq !== null),
    properties: result.properties ?? volume.properties,
    parent: result.dependsOnSource === false ? null : volume.parent,
    lastError: done ? null : lastError(failureOf(result), moment),
    updatedAtMs: moment.nowMs,
  });
}
