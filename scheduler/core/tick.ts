import type { Job } from "#shared/model/job.ts";
import { formatDuration } from "#shared/units.ts";
import { settleCascades } from "./cascade.ts";
import type { Moment } from "./commands.ts";
import { advanceEvacuations } from "./evacuation.ts";
import { advanceFailovers } from "./failover.ts";
import { settleGroups } from "./group-settle.ts";
import { dispatchReady } from "./jobs.ts";
import { forgetMessages } from "./messages.ts";
import { placeVolume } from "./place-volume.ts";
import { backendState } from "./sides.ts";
import type { State } from "./state.ts";
import { OWNER_WORK } from "./work/table.ts";

/** Brings time along. What it finds due is the same whoever woke it, and doing it twice is doing it once. */
export function tick(state: State, moment: Moment): undefined {
  countSilentAgents(state, moment);
  for (const job of [...state.table("job").values()]) {
    if (job.deadlineMs === null || job.deadlineMs > moment.nowMs) continue;
    // Its end is waited for before sides change, and it has a time of its own.
    if (job.dispatched && backendState(state, job.backendId).failover !== null) continue;
    passDeadline(state, job, moment);
  }
  advanceFailovers(state, moment);
  advanceEvacuations(state, moment);
  for (const backendId of state.queues.backendIds()) dispatchReady(state, backendId, moment);
  offerAgain(state, moment);
  retryWaiting(state, moment);
  settleCascades(state, moment);
  settleGroups(state, moment);
  forgetOld(state, moment);
}

/** After a start: the queue may have lost anything, so all that is in hand is offered again; it refuses what it has. */
export function resume(state: State, moment: Moment): undefined {
  sendInHand(state);
  state.resumedMs = moment.nowMs;
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
  OWNER_WORK[job.owner.kind].overdue(state, job, error, moment);
}

/** Tables are in order of creation, so looking stops at the first that is young enough. */
function forgetOld(state: State, moment: Moment): void {
  forgetMessages(state, moment);
  const { idempotencyTtlMs, tombstoneTtlMs } = state.settings;
  for (const { id, accepted } of [...state.table("transfer").values()])
    if (accepted !== null && accepted.atMs + idempotencyTtlMs < moment.nowMs) state.remove("transfer", id);
  for (const record of [
    ...takeWhile(state.table("idempotency").values(), (r) => r.createdAtMs + idempotencyTtlMs < moment.nowMs),
  ])
    state.remove("idempotency", record.id);
  for (const tombstone of [
    ...takeWhile(state.table("tombstone").values(), (t) => t.deletedAtMs + tombstoneTtlMs < moment.nowMs),
  ]) {
    state.remove("tombstone", tombstone.id);
    state.forgetPlacements(tombstone.id, tombstone.placementRounds);
    state.forgetHistory(tombstone.id, tombstone.historyCount);
  }
}

function* takeWhile<T>(items: Iterable<T>, wanted: (item: T) => boolean): Iterable<T> {
  for (const item of items) {
    if (!wanted(item)) return;
    yield item;
  }
}
