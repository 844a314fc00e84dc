import type { Volume } from "#shared/model/volume.ts";
import { requireVolumeAllows } from "./allowed.ts";
import type { Commands, Moment } from "./commands.ts";
import { findVolume } from "./find.ts";
import { toldAtOnce } from "./history.ts";
import type { State } from "./state.ts";

/** What users say of a volume's use: machines may boot from it; nobody may write to it from the next connection on. */
export function flagVolume(state: State, input: Commands["volume.flag"]["input"], moment: Moment): Volume {
  const { userId, requestId, flags } = input;
  const volume = findVolume(state, input.id, input.scope);
  const { bootable = volume.bootable, readOnly = volume.readOnly } = flags;
  requireVolumeAllows("set bootable", volume);
  if (flags.readOnly !== undefined) requireVolumeAllows("set read-only", volume);
  if (bootable === volume.bootable && readOnly === volume.readOnly) return volume;
  const detail = [
    ...(bootable === volume.bootable ? [] : [bootable ? "bootable" : "not bootable"]),
    ...(readOnly === volume.readOnly ? [] : [readOnly ? "read-only" : "writable"]),
  ].join(", ");
  const told = toldAtOnce(state, volume, { operation: "volume.flag", userId, requestId, detail }, moment);
  const flagged: Volume = { ...told, bootable, readOnly, updatedAtMs: moment.nowMs };
  state.put("volume", flagged);
  return flagged;
}
