import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Volume } from "#shared/model/volume.ts";
import { requireSnapshotAllows, requireVolumeAllows } from "./allowed.ts";
import type { Commands, Moment } from "./commands.ts";
import { findSnapshot, findVolume } from "./find.ts";
import { toldAtOnce } from "./history.ts";
import type { State } from "./state.ts";

/**
 * A person takes a volume out of use, or gives it back: it is told as in `error` or in `maintenance`, and nothing new is
 * begun with it. What it is, and what goes on with it, is not touched, so that nothing can be stuck or lost by it.
 */
export function holdVolume(state: State, input: Commands["volume.hold"]["input"], moment: Moment): Volume {
  const { as, userId, requestId } = input;
  const volume = findVolume(state, input.id, input.scope);
  if (as === (volume.held ?? null) || (as !== null && as === volume.status)) return volume;
  if (as !== null) requireVolumeAllows("hold", volume);
  const done = { operation: "volume.hold", userId, requestId, detail: as === null ? "given back" : `as ${as}` };
  const { held: _, ...free } = toldAtOnce(state, volume, done, moment);
  const held: Volume = { ...free, ...(as === null ? {} : { held: as }), updatedAtMs: moment.nowMs };
  state.put("volume", held);
  return held;
}

/** The same of a snapshot. */
export function holdSnapshot(state: State, input: Commands["snapshot.hold"]["input"], moment: Moment): Snapshot {
  const { as, userId, requestId } = input;
  const snapshot = findSnapshot(state, input.id, input.scope);
  if (as === (snapshot.held ?? null) || as === snapshot.status) return snapshot;
  if (as !== null) requireSnapshotAllows("hold", snapshot);
  const done = { operation: "snapshot.hold", userId, requestId, detail: as === null ? "given back" : `as ${as}` };
  const { held: _, ...free } = toldAtOnce(state, snapshot, done, moment);
  const held: Snapshot = { ...free, ...(as === null ? {} : { held: as }), updatedAtMs: moment.nowMs };
  state.put("snapshot", held);
  return held;
}
