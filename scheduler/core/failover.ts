import { BerthError } from "#shared/errors.ts";
import type { BackendState, Failover } from "#shared/model/backend-state.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { type Side, sideName } from "#shared/model/replication.ts";
import { formatDuration } from "#shared/units.ts";
import { requireBackendAllows } from "./allowed.ts";
import type { Commands, Moment } from "./commands.ts";
import { isBeingMovedInto } from "./failover-moves.ts";
import { lastError } from "./find.ts";
import { told, toldAtOnce } from "./history.ts";
import { dispatchReady, jobId, requireBackend, startJob, turnJob } from "./jobs.ts";
import { backendState } from "./sides.ts";
import type { State } from "./state.ts";

/**
 * A backend goes over to one of its targets, or back to its own side. Nothing is undone when it takes long: it is asked
 * again, or back, until a side has taken over. Only then is decided what each volume becomes (`failover-settle.ts`).
 */
export function failOver(state: State, input: Commands["backend.failover"]["input"], moment: Moment): BackendState {
  const { to, userId, requestId } = input;
  const backend = findBackend(state, input.backendId);
  const record = backendState(state, backend.id);
  requireTarget(backend, to);
  if (record.failover !== null && record.failover.to === to) return record;
  requireBackendAllows(to === null ? "failover to default" : "failover to a target", backend, record);
  const failover: Failover = { to, phase: "closing", userId, requestId, startedAtMs: moment.nowMs, overdue: false };
  return change(state, backend, { ...record, failover, lastError: null }, moment);
}

export function freezeBackend(state: State, input: Commands["backend.freeze"]["input"], moment: Moment): BackendState {
  const { reason, userId, requestId } = input;
  const backend = findBackend(state, input.backendId);
  const record = backendState(state, backend.id);
  if (record.frozen !== null && record.frozen.reason === reason) return record;
  const frozen = { reason, by: userId, atMs: moment.nowMs };
  const done = { operation: "backend.freeze", userId, requestId, detail: reason };
  const after = toldAtOnce(state, { ...record, frozen }, done, moment);
  state.put("backend-state", after);
  return after;
}

export function thawBackend(state: State, input: Commands["backend.thaw"]["input"], moment: Moment): BackendState {
  const { userId, requestId } = input;
  const record = backendState(state, findBackend(state, input.backendId).id);
  if (record.frozen === null) return record;
  const after = toldAtOnce(
    state,
    { ...record, frozen: null },
    { operation: "backend.thaw", userId, requestId },
    moment,
  );
  state.put("backend-state", after);
  dispatchReady(state, record.backendId, moment);
  return after;
}

/** Brings failovers on: whatever died meanwhile, each tick finds where they stand. */
export function advanceFailovers(state: State, moment: Moment): void {
  for (const record of [...state.table("backend-state").values()]) {
    const { failover } = record;
    const backend = state.backend(record.backendId);
    if (failover === null || backend === undefined) continue;
    const now = tellOverdue(state, record, failover, moment);
    if (failover.phase === "closing" && isClosed(state, backend, moment))
      switchOver(state, backend, now, failover, moment);
    if (failover.phase === "looking") wantListing(state, now);
  }
}

export function wantListing(state: State, { backendId, changedSeq }: BackendState): void {
  state.emit({ kind: "list-backend", backendId, token: changedSeq });
}

/** The side has taken over: what stands there is asked next. */
export function lookAround(state: State, record: BackendState, moment: Moment): void {
  if (record.failover === null) return;
  const looking = change(
    state,
    requireBackend(state, record.backendId),
    { ...record, failover: { ...record.failover, phase: "looking" } },
    moment,
  );
  wantListing(state, looking);
}

/** No job of it is with an agent, and those that live have let go of it. */
function isClosed(state: State, backend: Backend, moment: Moment): boolean {
  const { heartbeatIntervalMs, missedHeartbeats } = state.settings;
  // A scheduler that has just begun has not heard of all that live (found by the simulation).
  if (moment.nowMs - state.resumedMs <= heartbeatIntervalMs * missedHeartbeats) return false;
  if (state.queues.of(backend.id).inHand.size > 0 || !state.fleet.serves(backend)) return false;
  if (isBeingMovedInto(state, backend.id)) return false;
  for (const { opening } of state.fleet.openings(backend)) if (opening.state === "open") return false;
  return true;
}

function switchOver(state: State, backend: Backend, record: BackendState, failover: Failover, moment: Moment): void {
  const { to, userId, requestId } = failover;
  const { side: from } = record;
  const operation = { kind: "backend.failover" as const, from, to };
  const standing = state.get("job", jobId(record.id, record.jobCount));
  const jobCount = standing === undefined ? record.jobCount + 1 : record.jobCount;
  const after = { ...record, jobCount, failover: { ...failover, phase: "switching" as const } };
  change(state, backend, after, moment);
  const owner = { kind: "backend" as const, id: record.id };
  if (standing !== undefined) {
    // Asked elsewhere before it was done: the same job now leads there.
    turnJob(state, { ...standing, side: to }, { operation, owner, deadlineMs: null }, moment);
    return;
  }
  startJob(
    state,
    { id: jobId(record.id, jobCount), owner, operation, backend, requestId, userId, deadlineMs: null },
    moment,
  );
}

/** Once, with an entry; what is under way goes on. */
function tellOverdue(state: State, record: BackendState, failover: Failover, moment: Moment): BackendState {
  const lastedMs = moment.nowMs - failover.startedAtMs;
  if (failover.overdue || lastedMs < state.settings.operationDeadlineMs) return record;
  const why = record.lastError === null ? "" : `: ${record.lastError.message}`;
  const error = {
    code: "E_DEADLINE",
    message: `${sideName(failover.to)} has not taken over within ${formatDuration(lastedMs)}${why}`,
  };
  const { userId, requestId, startedAtMs } = failover;
  const ended = { operation: "backend.failover", userId, requestId, backendId: record.backendId, startedAtMs, error };
  const after: BackendState = {
    ...told(state, record, { ...ended, detail: `to ${sideName(failover.to)}` }, moment),
    failover: { ...failover, overdue: true },
    lastError: lastError(error, moment),
  };
  state.put("backend-state", after);
  return after;
}

/** Agents notice by the commit's number; what was measured of another side says nothing of this one. */
function change(state: State, backend: Backend, record: BackendState, moment: Moment): BackendState {
  const changed = { ...record, changedSeq: moment.seq };
  state.put("backend-state", changed);
  state.fleet.reports.delete(backend.id);
  state.emit({ kind: "nudge", zone: backend.zone });
  dispatchReady(state, backend.id, moment);
  return changed;
}

function findBackend(state: State, backendId: number): Backend {
  const backend = state.backend(backendId);
  if (backend !== undefined) return backend;
  throw new BerthError("E_NOT_FOUND", `there is no backend ${backendId} in the catalogue`);
}

function requireTarget({ name, replicationTargets = [] }: Backend, to: Side): void {
  if (replicationTargets.length === 0)
    throw new BerthError("E_CONFLICT", `backend ${name} cannot do this (replication): it has no replication targets`);
  if (to === null || replicationTargets.some((target) => target.name === to)) return;
  const known = replicationTargets.map((target) => target.name).join(", ");
  throw new BerthError("E_NOT_FOUND", `backend ${name} has no replication target ${to}; there are: ${known}, default`);
}
