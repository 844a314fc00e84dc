import { type CallContext, DriverError } from "../driver.ts";
import type { SolarisHost } from "./host.ts";
import { list, look, MARK_PROPERTY, type ObjectNames, snapshotsOf } from "./objects.ts";
import { refusalOf, unless } from "./refusal.ts";
import { isInternal, removeVolume } from "./removal.ts";

interface Reverting {
  readonly context: CallContext;
  readonly host: SolarisHost;
  readonly names: ObjectNames;
  readonly volumeId: string;
  readonly snapshotId: string;
}

/**
 * The volume, which is served to nobody, gets the bytes of its newest snapshot. ZFS goes back by itself unless something
 * was cloned from a later state. Then a clone of the snapshot takes the volume's place, and the volume as it was goes, as
 * a volume with clones does. Under one of its names it stands at any time; what was begun is ended by the next try.
 */
export async function revert(reverting: Reverting): Promise<void> {
  const { context, host, names, volumeId, snapshotId } = reverting;
  await endWhatWasBegun(reverting);
  const [volume, snapshot] = [names.volume(volumeId), names.snapshot(volumeId, snapshotId)];
  const [has, had] = [await look(context, host, volume), await look(context, host, snapshot)];
  if (has?.mark == null || had?.mark == null || had.deferred)
    throw new DriverError("not-done", "the volume or its snapshot is not there, or not ours");
  if (has.sizeBytes !== had.sizeBytes) throw new DriverError("not-done", "the volume had another size then");
  try {
    // Not twice, if its answer is lost: somebody may have begun to write.
    await host.zfs(context, ["rollback", snapshot], true);
  } catch (error) {
    if (!/more recent snapshots|clones of previous snapshots/.test(refusalOf(error)?.message ?? "")) throw error;
    await assertNothingNewer(reverting);
    await takePlace(reverting, has.refreservationBytes);
  }
}

/** What is newer than the snapshot must be there for clones alone. */
async function assertNothingNewer({ context, host, names, volumeId, snapshotId }: Reverting): Promise<void> {
  const all = await snapshotsOf(context, host, names.volume(volumeId));
  const at = all.findIndex(({ name }) => name === names.snapshot(volumeId, snapshotId));
  const newer = all.slice(at + 1).filter((one) => !isInternal(one));
  if (newer.length > 0)
    throw new DriverError(
      "not-done",
      `there are later snapshots: ${newer
        .slice(0, 5)
        .map(({ name }) => name)
        .join(", ")}`,
    );
}

async function takePlace(reverting: Reverting, refreservationBytes: number): Promise<void> {
  const { context, host, names, volumeId, snapshotId } = reverting;
  const rows = await host.readZfs(context, ["get", "-H", "-o", "value", MARK_PROPERTY, names.volume(volumeId)]);
  const mark = `${MARK_PROPERTY}=${rows[0]?.[0] ?? ""}`;
  const reserve = refreservationBytes === 0 ? [] : ["-o", `refreservation=${refreservationBytes}`];
  const from = names.snapshot(volumeId, snapshotId);
  await unless(["exists"], () => host.zfs(context, ["clone", "-o", mark, ...reserve, from, names.successor(volumeId)]));
  await endWhatWasBegun(reverting);
}

/** From any step that an earlier try came to. */
async function endWhatWasBegun({ context, host, names, volumeId, snapshotId }: Reverting): Promise<void> {
  const [volume, successor, retired] = [names.volume(volumeId), names.successor(volumeId), names.retired(volumeId)];
  const found = await list(context, host, { names: [volume, successor, retired], partly: true });
  const stands = (name: string): boolean => found.some((one) => one.name === name);
  if (stands(successor)) {
    if (stands(volume)) {
      const isPromoted = (await look(context, host, `${successor}@snapshot-${snapshotId}`)) !== null;
      if (!isPromoted) await host.zfs(context, ["promote", successor]);
      await host.zfs(context, ["rename", volume, retired]);
    }
    await host.zfs(context, ["rename", successor, volume]);
  }
  if (stands(retired) || (stands(successor) && stands(volume)))
    await removeVolume(context, host, names, retired, { withSnapshots: true });
}
