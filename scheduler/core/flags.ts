import { BerthError } from "#shared/errors.ts";
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
  const migrated = flags.migrated === undefined ? (volume.migrated ?? null) : flags.migrated;
  if (flags.migrated !== undefined && volume.move !== null)
    throw new BerthError(
      "E_WRONG_STATE",
      `volume ${volume.id} is being moved: wait until it has moved, or cancel that`,
    );
  const same = migrated === (volume.migrated ?? null);
  if (bootable === volume.bootable && readOnly === volume.readOnly && same) return volume;
  const detail = [
    ...(bootable === volume.bootable ? [] : [bootable ? "bootable" : "not bootable"]),
    ...(readOnly === volume.readOnly ? [] : [readOnly ? "read-only" : "writable"]),
    ...(same ? [] : [`migration ${migrated ?? "forgotten"}`]),
  ].join(", ");
  const { migrated: _, ...told } = toldAtOnce(
    state,
    volume,
    { operation: "volume.flag", userId, requestId, detail },
    moment,
  );
  const flagged: Volume = {
    ...told,
    bootable,
    readOnly,
    ...(migrated === null ? {} : { migrated }),
    updatedAtMs: moment.nowMs,
  };
  state.put("volume", flagged);
  return flagged;
}
