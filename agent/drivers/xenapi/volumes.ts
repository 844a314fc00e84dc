import type { OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import type { CallContext, ObjectUpdate } from "../driver.ts";
import { isFailure, refused } from "./failure.ts";
import { type Identity, snapshotOf, volumeOf } from "./marks.ts";
import type { Opened } from "./opened.ts";
import type { OwnVdi, Vdi, Vdis } from "./vdis.ts";

/** Volumes and snapshots as VDIs: made, copied, grown, removed. Each may be done again after any of its calls. */
export async function makeVolume(
  context: CallContext,
  { kind, vdis }: Opened,
  volume: VolumeRef,
  owner: OwnerMark,
): Promise<ObjectUpdate> {
  if (kind.creation === "refused")
    throw refused(`${kind.type} makes no volumes: its LUNs are taken over (berth volume manage)`);
  const found = await vdis.findOrFree(context, volumeOf(volume), volume.providerId);
  if (found !== null) return asItShouldBe(vdis, found, volume.sizeBytes);
  const mark = vdis.markFor(volumeOf(volume), volume.id, volume.sizeBytes, owner);
  return { providerId: await vdis.uuid(context, await vdis.create(context, mark)) };
}

/** `sourceOf` is asked only while there is something to be copied: one that is whole may have outlived its source. */
export async function copyVolume(
  context: CallContext,
  opened: Opened,
  volume: VolumeRef,
  owner: OwnerMark,
  sourceOf: (opened: Opened) => Promise<OwnVdi>,
): Promise<ObjectUpdate> {
  const { vdis } = opened;
  const found = await vdis.findOrFree(context, volumeOf(volume), volume.providerId);
  if (found !== null && found.mark.filling !== true) return asItShouldBe(vdis, found, volume.sizeBytes);
  const source = await sourceOf(opened);
  if (vdis.sizeOf(source) > volume.sizeBytes) throw refused("a copy cannot be smaller than its original");
  const mark = vdis.markFor(volumeOf(volume), volume.id, volume.sizeBytes, owner);
  const made = await branchedOrFilled(context, vdis, source, mark, found?.ref ?? null);
  return { providerId: await vdis.uuid(context, made) };
}

/** Where no copy on write can be made any more (its chain is too long), all bytes are copied. */
async function branchedOrFilled(
  context: CallContext,
  vdis: Vdis,
  source: OwnVdi,
  mark: OwnVdi["mark"],
  begun: string | null,
): Promise<string> {
  if (begun === null) {
    try {
      return await vdis.branch(context, source, mark);
    } catch (error) {
      if (!isFailure(error, "SR_BACKEND_FAILURE_109", "SR_OPERATION_NOT_SUPPORTED")) throw error;
    }
  }
  const filling = { ...mark, filling: true };
  const target = begun ?? (await vdis.create(context, filling));
  await vdis.fill(context, source, target, filling);
  return target;
}

export async function growVolume(
  context: CallContext,
  { kind, vdis }: Opened,
  volume: VolumeRef,
  newSizeBytes: number,
): Promise<void> {
  const found = await vdis.requireVolume(context, volume);
  const sizeBytes = vdis.sizeOf(found);
  if (sizeBytes > newSizeBytes) throw refused("the volume is larger than that already");
  if (sizeBytes === newSizeBytes) return;
  if (kind.layout !== "luns") {
    await vdis.resize(context, found.ref, newSizeBytes);
    return;
  }
  if (found.record.virtual_size < newSizeBytes) throw refused("the LUN is not that large");
  const mark = { ...found.mark, sizeBytes: newSizeBytes };
  await vdis.mark(context, { ref: found.ref, config: found.record.other_config }, mark);
}

export async function takeSnapshot(
  context: CallContext,
  { vdis }: Opened,
  snapshot: SnapshotRef,
  volume: VolumeRef,
  owner: OwnerMark | null,
): Promise<ObjectUpdate> {
  const identity = snapshotOf(snapshot);
  const found = await vdis.findOrFree(context, identity, snapshot.providerId);
  if (found !== null) return { providerId: found.record.uuid };
  const source = await vdis.requireVolume(context, volume);
  const mark = vdis.markFor(identity, volume.id, vdis.sizeOf(source), owner ?? source.mark.owner);
  return { providerId: await vdis.uuid(context, await vdis.branch(context, source, mark)) };
}

/**
 * A clone of the snapshot takes the volume's place: from the moment that it bears the volume's mark it is the volume, and
 * what it replaces goes.
 */
export async function revertVolume(
  context: CallContext,
  { vdis }: Opened,
  volume: VolumeRef,
  snapshot: SnapshotRef,
): Promise<ObjectUpdate> {
  const source = await vdis.requireSnapshot(context, snapshot);
  const found = await vdis.requireVolume(context, volume);
  const sizeBytes = vdis.sizeOf(found);
  if (sizeBytes !== vdis.sizeOf(source)) throw refused("the volume had another size then");
  const { owner, volumeId } = found.mark;
  const anew = vdis.markFor(volumeOf(volume), volumeId, sizeBytes, owner);
  const mark = { ...anew, replaces: found.record.uuid };
  const made = await vdis.branch(context, source, mark);
  const uuid = await vdis.uuid(context, made);
  for (const one of await vdis.everythingOf(context, volumeOf(volume), null))
    if (one.record.uuid !== uuid) await vdis.destroy(context, one.ref);
  return { providerId: uuid };
}

/** All that stands of it. */
export async function remove(
  context: CallContext,
  opened: Opened,
  identity: Identity,
  providerId: string | null,
): Promise<void> {
  for (const vdi of await opened.vdis.everythingOf(context, identity, providerId))
    await removeVdi(context, opened, vdi);
}

export async function removeVdi(context: CallContext, { kind, disks, vdis }: Opened, vdi: Vdi): Promise<void> {
  await disks.unplug(context, vdi, null);
  // A LUN stays, and its next owner shall not find our mark.
  if (kind.layout === "luns") await vdis.unmark(context, vdi);
  await vdis.destroy(context, vdi.ref);
}

function asItShouldBe(vdis: Vdis, found: OwnVdi, sizeBytes: number): ObjectUpdate {
  if (found.mark.filling === true) throw refused("it is a copy that is not whole");
  if (vdis.sizeOf(found) !== sizeBytes) throw refused("it is there with another size");
  return { providerId: found.record.uuid };
}
