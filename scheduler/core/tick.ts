import type { Attachment } from "#shared/model/attachment.ts";
import type { Job } from "#shared/model/job.ts";
import { formatDuration } from "#shared/units.ts";
import { settleVolumeStatus } from "./attachments.ts";
import type { Moment } from "./commands.ts";
import { lastError } from "./find.ts";
import { dispatchReady, turnJob } from "./jobs.ts";
import { turnIntoLeftover } from "./leftovers.ts";
import { placeVolume } from "./place-volume.ts";
import { snapshotRef, volumeRef } from "./refs.ts";
import { undoConnect } from "./results.ts";
import type { State } from "./state.ts";

/** Brings time along. What it finds due is the same whoever woke it, and doing it twice is doing it once. */
export function tick(state: State, moment: Moment): undefined {
  countSilentAgents(state, moment);
  for (const job of [...state.table("job").values()]) {
    if (job.deadlineMs !== null && job.deadlineMs <= moment.nowMs) passDeadline(state, job, moment);
  }
  for (const backendId of state.queues.backendIds()) dispatchReady(state, backendId, moment);
  offerAgain(state, moment);
  retryWaiting(state, moment);
  forgetOld(state, moment);
}

/** After a start: the queue may have lost anything, so all that is in hand is offered again; it refuses what it has. */
export function resume(state: State, moment: Moment): undefined {
  sendInHand(state);
  state.nextOfferMs = moment.nowMs + state.settings.resendIntervalMs;
  for (const backendId of state.queues.backendIds()) dispatchReady(state, backendId, moment);
}

/** Volumes that no backend took look again: called when something healed, and on every tick for their deadline. */
export function retryWaiting(state: State, moment: Moment): void {
  for (const id of [...state.waiting]) {
    const volume = state.get("volume", id);
    if (volume !== undefined) placeVolume(state, volume, moment);
  }
}

function countSilentAgents(state: State, moment: Moment): void {
  const { heartbeatIntervalMs, missedHeartbeats, forgetAgentMs } = state.settings;
  for (const agent of [...state.fleet.agents.values()]) {
    const silentMs = moment.nowMs - agent.lastSeenMs;
    if (agent.up && silentMs > heartbeatIntervalMs * missedHeartbeats) {
      state.fleet.down(agent.id);
      state.emit({ kind: "agent-down", agentId: agent.id, zone: agent.heartbeat.zone, silentMs });
    }
    if (!agent.up && silentMs > forgetAgentMs) state.fleet.forget(agent.id);
  }
}

function offerAgain(state: State, moment: Moment): void {
  if (moment.nowMs < state.nextOfferMs) return;
  state.nextOfferMs = moment.nowMs + state.settings.resendIntervalMs;
  sendInHand(state);
}

function sendInHand(state: State): void {
  for (const backendId of state.queues.backendIds()) {
    for (const job of state.queues.of(backendId).inHand.values()) state.emit({ kind: "send-job", job });
  }
}

/** No passing state is for ever: each has its way on. A job that goes on does so without a deadline. */
function passDeadline(state: State, job: Job, moment: Moment): void {
  const waitedMs = moment.nowMs - job.createdAtMs;
  const error = {
    code: "E_DEADLINE",
    message: `${job.operation.kind} was not done within ${formatDuration(waitedMs)}`,
  };
  switch (job.owner.kind) {
    case "volume":
      passVolumeDeadline(state, job, error, moment);
      break;
    case "snapshot":
      passSnapshotDeadline(state, job, error, moment);
      break;
    case "attachment":
      passAttachmentDeadline(state, job, error, moment);
      break;
    case "leftover":
      break;
  }
}

interface Failure {
  readonly code: string;
  readonly message: string;
}

function passVolumeDeadline(state: State, job: Job, error: Failure, moment: Moment): void {
  const volume = state.get("volume", job.owner.id);
  if (volume === undefined || volume.backendId === null) return;
  const failed = { ...volume, lastError: lastError(error, moment), updatedAtMs: moment.nowMs };
  if (job.operation.kind === "volume.delete") {
    state.put("volume", { ...failed, status: "error_deleting" });
    state.put("job", { ...job, deadlineMs: null });
    return;
  }
  if (volume.status === "deleting") {
    // It was waited for out of politeness; now the removal takes its place.
    const deadlineMs = moment.nowMs + state.settings.operationDeadlineMs;
    turnJob(
      state,
      job,
      { operation: { kind: "volume.delete", volume: volumeRef(volume) }, owner: job.owner, deadlineMs },
      moment,
    );
    return;
  }
  if (job.operation.kind === "volume.extend") {
    // It may yet be done: then the volume is whole again with its new size.
    state.put("volume", { ...failed, status: "error_extending" });
    state.put("job", { ...job, deadlineMs: null });
    return;
  }
  const { backendId, claim } = volume;
  if (claim === null) return;
  state.put("volume", { ...failed, status: "error", backendId: null, zone: null, claim: null });
  turnIntoLeftover(
    state,
    job,
    { snapshot: null, volume: volumeRef(volume), backendId, claim, reason: error.message },
    moment,
  );
}

function passSnapshotDeadline(state: State, job: Job, error: Failure, moment: Moment): void {
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
        operation: { kind: "snapshot.delete", snapshot: snapshotRef(snapshot), volume: volumeRef(volume) },
        owner: job.owner,
        deadlineMs: moment.nowMs + state.settings.operationDeadlineMs,
      },
      moment,
    );
    return;
  }
  const { backendId, claim } = snapshot;
  state.put("snapshot", {
    ...failed,
    status: "error",
    claim: { virtualBytes: 0, physicalBytes: 0, settledSeq: moment.seq },
  });
  turnIntoLeftover(
    state,
    job,
    { snapshot: snapshotRef(snapshot), volume: volumeRef(volume), backendId, claim, reason: error.message },
    moment,
  );
}

function passAttachmentDeadline(state: State, job: Job, error: Failure, moment: Moment): void {
  const attachment = state.get("attachment", job.owner.id);
  if (attachment === undefined) return;
  if (job.operation.kind === "attachment.disconnect") {
    const failed: Attachment = { ...attachment, status: "error_detaching", lastError: lastError(error, moment) };
    state.put("attachment", failed);
    state.put("job", { ...job, deadlineMs: null });
  } else undoConnect(state, job, attachment, error, moment);
  settleVolumeStatus(state, attachment.volumeId, moment);
}

/** Tables are in order of creation, so looking stops at the first that is young enough. */
function forgetOld(state: State, moment: Moment): void {
  const { idempotencyTtlMs, tombstoneTtlMs } = state.settings;
  for (const record of [
    ...takeWhile(state.table("idempotency").values(), (r) => r.createdAtMs + idempotencyTtlMs < moment.nowMs),
  ])
    state.remove("idempotency", record.id);
  for (const tombstone of [
    ...takeWhile(state.table("tombstone").values(), (t) => t.deletedAtMs + tombstoneTtlMs < moment.nowMs),
  ]) {
    state.remove("tombstone", tombstone.id);
    state.forgetPlacements(tombstone.id, tombstone.placementRounds);
  }
}

function* takeWhile<T>(items: Iterable<T>, wanted: (item: T) => boolean): Iterable<T> {
  for (const item of items) {
    if (!wanted(item)) return;
    yield item;
  }
}
