import type { BackendState } from "#shared/model/backend-state.ts";
import { backendStateId } from "#shared/model/backend-state.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { Job } from "#shared/model/job.ts";
import type { Operation } from "#shared/model/operation.ts";
import { type Side, sideName } from "#shared/model/replication.ts";
import { type BackendAction, requireBackendAllows } from "./allowed.ts";
import type { State } from "./state.ts";

/** Where a backend's work goes: its own side, or that of a target. Most backends have no record and are on their own. */
export function backendState(state: State, backendId: number): BackendState {
  return state.get("backend-state", backendStateId(backendId)) ?? ownSide(backendId);
}

function ownSide(backendId: number): BackendState {
  return {
    id: backendStateId(backendId),
    backendId,
    side: null,
    failover: null,
    frozen: null,
    changedSeq: 0,
    jobCount: 0,
    historyCount: 0,
    lastError: null,
  };
}

/** What agents are to have open. While a backend is being failed over, first nothing, then the other side. */
export function openSide({ side, failover }: BackendState): { readonly side: Side; readonly open: boolean } {
  if (failover === null) return { side, open: true };
  return failover.phase === "closing" ? { side, open: false } : { side: failover.to, open: true };
}

/**
 * The fence: a job leaves only to the side that it was decided for, and while sides change none does but that which
 * changes them.
 */
export function mayLeave(state: State, job: Pick<Job, "backendId" | "side" | "operation" | "owner">): boolean {
  const record = state.get("backend-state", backendStateId(job.backendId));
  // What a storage system moves by itself it moves between own sides.
  if (job.operation.kind === "volume.migrate" && !isOnOwnSide(state, job.operation.toBackendId)) return false;
  if (record === undefined) return (job.side ?? null) === null;
  // Nobody waits for a mark: it says the new name when something may be changed there again.
  if (record.frozen !== null && job.owner.kind === "mark") return false;
  if (record.failover === null) return (job.side ?? null) === record.side;
  return job.operation.kind === "backend.failover" && record.failover.phase === "switching";
}

function isOnOwnSide(state: State, backendId: number): boolean {
  const { side, failover } = backendState(state, backendId);
  return side === null && failover === null;
}

/** The side on which an operation's object stands. */
export function sideFor(state: State, backendId: number, operation: Operation): Side {
  const { side } = backendState(state, backendId);
  if (operation.kind === "backend.failover") return operation.to;
  const snapshot =
    "snapshot" in operation && operation.snapshot !== null ? state.get("snapshot", operation.snapshot.id) : undefined;
  const aside = snapshot?.aside ?? state.volumeOfObject(volumeIdOf(operation))?.aside;
  return aside === undefined ? side : aside.side;
}

/** Of the volume that an operation is about, as it is called on its backend; of a group's, one of its members, for they stand on one. */
export function volumeIdOf(operation: Operation): string {
  if ("volume" in operation) return operation.volume.id;
  return "members" in operation ? (operation.members[0]?.volume.id ?? "") : "";
}

/** Does it allow that now, being what it is? Throws as `requireBackendAllows` does. */
export function requireAllowedOn(state: State, action: BackendAction, backend: Backend): void {
  requireBackendAllows(action, backend, backendState(state, backend.id));
}

/** Why a backend takes nothing new now, as placing tells it; null: it does. */
export function closedToNew(
  state: State,
  backendId: number,
): { readonly reason: "frozen" | "failed-over"; readonly detail: string } | null {
  const record = state.get("backend-state", backendStateId(backendId));
  if (record === undefined) return null;
  const { frozen, failover, side } = record;
  if (failover !== null) return { reason: "failed-over", detail: `it is on its way to ${sideName(failover.to)}` };
  if (side !== null) return { reason: "failed-over", detail: `it is failed over to ${side}` };
  return frozen === null ? null : { reason: "frozen", detail: frozen.reason };
}
