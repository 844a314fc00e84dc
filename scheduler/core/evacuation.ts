import { BerthError } from "#shared/errors.ts";
import type { BackendState, Evacuation } from "#shared/model/backend-state.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { Volume } from "#shared/model/volume.ts";
import { backendAllows } from "./allowed.ts";
import type { Commands, Moment } from "./commands.ts";
import { told } from "./history.ts";
import { migrateVolume, obstacleToLeaving } from "./moves/request.ts";
import { backendState, requireAllowedOn } from "./sides.ts";
import type { State } from "./state.ts";
import type { Failure } from "./work/owner-work.ts";

/**
 * Every volume of a drained backend is moved away, by moves like any other, until none is left or it is no longer drained.
 * It is a record: whoever died meanwhile, each tick finds how far it is. What cannot be moved is looked at again.
 */
export function evacuate(state: State, input: Commands["backend.evacuate"]["input"], moment: Moment): BackendState {
  const { backendId, atOnce, bandwidthLimitBytesPerS, userId, requestId } = input;
  const backend = state.backend(backendId);
  if (backend === undefined) throw new BerthError("E_NOT_FOUND", `there is no backend ${backendId} in the catalogue`);
  requireAllowedOn(state, "move volumes away", backend);
  if (backend.admission.state !== "draining")
    throw new BerthError("E_CONFLICT", `backend ${backend.name} is not being drained: drain it first`);
  const record = backendState(state, backendId);
  const underWay = record.evacuation?.endedAtMs === null ? record.evacuation : undefined;
  const evacuation: Evacuation = {
    atOnce,
    bandwidthLimitBytesPerS,
    userId,
    requestId,
    startedAtMs: underWay?.startedAtMs ?? moment.nowMs,
    moved: underWay?.moved ?? 0,
    endedAtMs: null,
  };
  const evacuated: BackendState = { ...record, evacuation };
  state.put("backend-state", evacuated);
  state.evacuationLooks.delete(backendId);
  advance(state, evacuated, evacuation, moment);
  return backendState(state, backendId);
}

/** Called on every tick. */
export function advanceEvacuations(state: State, moment: Moment): void {
  for (const record of [...state.table("backend-state").values()])
    if (record.evacuation?.endedAtMs === null) advance(state, record, record.evacuation, moment);
}

function advance(state: State, record: BackendState, evacuation: Evacuation, moment: Moment): void {
  const { backendId } = record;
  const backend = state.backend(backendId);
  const volumes = volumesOn(state, backendId);
  if (volumes.length === 0) end(state, record, evacuation, null, moment);
  else if (backend?.admission.state !== "draining")
    end(state, record, evacuation, { code: "E_CANCELLED", message: "the backend is no longer drained" }, moment);
  else if ((state.evacuationLooks.get(backendId) ?? 0) <= moment.nowMs) {
    const count = freeSlots(state, backend, evacuation, volumes);
    if (count > 0) state.emit({ kind: "evacuate", backendId, count });
  }
}

/** Looks anew who is there and may go: time has passed since it was said how many may. */
export function evacuateNext(
  state: State,
  { backendId, means }: Commands["backend.evacuate-next"]["input"],
  moment: Moment,
): number {
  const { evacuation } = backendState(state, backendId);
  const backend = state.backend(backendId);
  if (evacuation === undefined || evacuation.endedAtMs !== null || backend === undefined) return 0;
  const volumes = volumesOn(state, backendId);
  const free = means.slice(0, freeSlots(state, backend, evacuation, volumes));
  const { userId, requestId, bandwidthLimitBytesPerS } = evacuation;
  let begun = 0;
  for (const volume of volumes) {
    const mean = free[begun];
    if (mean === undefined) break;
    if (obstacle(state, volume, evacuation, moment.nowMs) !== null) continue;
    const to = { backend: null, zone: volume.zone };
    const asked = { scope: null, id: volume.id, userId, requestId, to, forceCopy: false };
    migrateVolume(state, { ...mean, bandwidthLimitBytesPerS, ...asked }, moment);
    begun += 1;
  }
  // What is in the way of the others goes by itself, or by somebody's hand: there is time until the next look.
  if (begun < free.length) state.evacuationLooks.set(backendId, moment.nowMs + state.settings.resendIntervalMs);
  return begun;
}

/** Why it stays for now; null: nothing is in its way, or it is going. */
export function whyItStays(state: State, volume: Volume, evacuation: Evacuation, nowMs: number): Failure | null {
  return volume.move === null ? obstacle(state, volume, evacuation, nowMs) : null;
}

function obstacle(state: State, volume: Volume, evacuation: Evacuation, nowMs: number): Failure | null {
  const { migrated, requestId, lastError } = volume;
  // It was tried. Copying terabytes again and again would not make it better.
  if (migrated === "error" && requestId === evacuation.requestId && lastError !== null) return lastError;
  return obstacleToLeaving(state, volume, nowMs);
}

/** Also those that are on their way. */
export function volumesOn(state: State, backendId: number): Volume[] {
  return state.users(backendId).flatMap((key) => {
    const [kind, id = ""] = key.split(" ");
    const volume = kind === "volume" ? state.get("volume", id) : undefined;
    return volume?.backendId === backendId ? [volume] : [];
  });
}

function freeSlots(state: State, backend: Backend, { atOnce }: Evacuation, volumes: readonly Volume[]): number {
  if (backend.admission.state !== "draining") return 0;
  if (!backendAllows("move volumes away", backend, backendState(state, backend.id))) return 0;
  return Math.max(0, atOnce - volumes.filter(({ move }) => move !== null).length);
}

function end(state: State, record: BackendState, evacuation: Evacuation, error: Failure | null, moment: Moment): void {
  const { userId, requestId, startedAtMs, moved } = evacuation;
  const detail = `${moved} ${moved === 1 ? "volume" : "volumes"} moved away`;
  const ended = { operation: "backend.evacuate", userId, requestId, backendId: record.backendId, startedAtMs };
  state.put("backend-state", {
    ...told(state, record, { ...ended, detail, error }, moment),
    evacuation: { ...evacuation, endedAtMs: moment.nowMs },
  });
  state.evacuationLooks.delete(record.backendId);
}
