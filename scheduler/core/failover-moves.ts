import { type Side, sideName } from "#shared/model/replication.ts";
import type { Volume } from "#shared/model/volume.ts";
import type { Moment } from "./commands.ts";
import { isByStorage, undoMove } from "./moves/ends.ts";
import { stepJobId } from "./moves/steps.ts";
import type { State } from "./state.ts";

/**
 * What moves from or to a backend that changes sides stays where it was: what was copied may be of another side than what
 * stands there from now on. Called while no job of the backend may leave. What a storage system moves by itself goes on
 * when its side is back, for nobody else knows how far it is.
 */
export function abandonMoves(state: State, backendId: number, to: Side, moment: Moment): void {
  const name = state.backend(backendId)?.name ?? String(backendId);
  const error = { code: "E_BACKEND_FAILED", message: `backend ${name} went to ${sideName(to)} meanwhile` };
  for (const id of [...state.moving]) {
    const volume = state.get("volume", id);
    if (volume?.move?.target == null) continue;
    if (volume.backendId !== backendId && volume.move.toBackendId !== backendId) continue;
    const job = state.get("job", stepJobId(volume, volume.move));
    if (job !== undefined && !isOutOfHand(volume, job)) undoMove(state, volume, job, error, moment);
  }
}

/** Its storage system moves it by itself, and may have done so. */
export function isMovedByStorage(state: State, volume: Volume): boolean {
  const { move } = volume;
  if (move === null || move.target === null) return false;
  const job = state.get("job", stepJobId(volume, move));
  return job !== undefined && isOutOfHand(volume, job);
}

function isOutOfHand({ move }: Volume, job: { readonly dispatched: boolean; readonly attempt: number }): boolean {
  return move !== null && isByStorage(move) && (job.dispatched || job.attempt > 1);
}

/** A storage system is told at this moment to move a volume to the backend. */
export function isBeingMovedInto(state: State, backendId: number): boolean {
  for (const id of state.moving) {
    const volume = state.get("volume", id);
    if (volume?.move?.phase !== "migrating" || volume.move.toBackendId !== backendId) continue;
    if (state.get("job", stepJobId(volume, volume.move))?.dispatched) return true;
  }
  return false;
}
