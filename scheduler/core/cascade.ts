import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Volume } from "#shared/model/volume.ts";
import { formatDuration } from "#shared/units.ts";
import type { Moment } from "./commands.ts";
import { lastError } from "./find.ts";
import { beginRemoval } from "./removal.ts";
import type { State } from "./state.ts";

/**
 * Volumes that are deleted with their snapshots have no job until these are gone. Asked after every result and on every tick:
 * doing it twice is doing it once.
 */
export function settleCascades(state: State, moment: Moment): void {
  for (const id of [...state.unsettled]) {
    const volume = state.get("volume", id);
    if (volume !== undefined) settle(state, volume, moment);
  }
}

function settle(state: State, volume: Volume, moment: Moment): void {
  const snapshots = state.snapshotsOf(volume.id);
  const { cascadeDeadlineMs: deadlineMs = null, ...rest } = volume;
  if (snapshots.length === 0) {
    const { requestId, requestedBy: userId } = volume;
    beginRemoval(state, rest, { requestId, userId }, moment);
    return;
  }
  if (deadlineMs === null || moment.nowMs < deadlineMs) return;
  // The snapshots' jobs go on, and the volume still follows them.
  state.put("volume", {
    ...volume,
    status: "error_deleting",
    cascadeDeadlineMs: null,
    lastError: lastError(whyNotDone(volume, snapshots, moment), moment),
    updatedAtMs: moment.nowMs,
  });
}

function whyNotDone(
  volume: Volume,
  [first]: readonly Snapshot[],
  moment: Moment,
): { readonly code: string; readonly message: string } {
  const waited = formatDuration(moment.nowMs - volume.updatedAtMs);
  const why = first?.lastError == null ? "" : `: ${first.lastError.message}`;
  return { code: "E_DEADLINE", message: `snapshot ${first?.id} was not removed within ${waited}${why}` };
}
