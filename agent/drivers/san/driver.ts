import type { Access, Connector } from "#shared/model/attachment.ts";
import type { Measurement } from "#shared/model/capacity.ts";
import type { VolumeSpec } from "#shared/model/extra-specs.ts";
import type { ListPage } from "#shared/model/listing.ts";
import type { OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import {
  type CallContext,
  type ChapCredentials,
  type Driver,
  DriverError,
  type HostConnection,
  type ObjectUpdate,
} from "../driver.ts";
import { snapshotName, volumeName } from "../names.ts";
import type { ObjectMark, SanArray, SanExports, SanObject, SanRef, WantedObject } from "./array.ts";
import { doneOrFound, doneOrStands } from "./made-once.ts";

/** The driver of a storage system on a network: all that does not depend on which one it is. */
export class SanDriver<O extends SanObject = SanObject, A extends SanArray<O> = SanArray<O>> implements Driver {
  protected readonly array: A;

  constructor(array: A) {
    this.array = array;
  }

  async open(context: CallContext): Promise<void> {
    await this.array.open(context);
  }

  async close(): Promise<void> {
    await this.array.close();
  }

  async measure(context: CallContext): Promise<Measurement> {
    return await this.array.measure(context);
  }

  async list(context: CallContext, after: string | null): Promise<ListPage> {
    return await this.array.list(context, after);
  }

  async createVolume(context: CallContext, volume: VolumeRef, mark: OwnerMark): Promise<ObjectUpdate> {
    const make = (wanted: WantedObject) => this.array.createVolume(context, wanted);
    return provided(await this.#make(context, wantedVolume(volume, mark), make));
  }

  async createVolumeFromSnapshot(
    context: CallContext,
    volume: VolumeRef,
    mark: OwnerMark,
    snapshot: SnapshotRef,
  ): Promise<ObjectUpdate> {
    assertNotSmaller(volume, snapshot);
    const from = snapshotRef(snapshot);
    const copy = (wanted: WantedObject) => this.array.copySnapshot(context, wanted, from);
    return providedCopy(await this.#make(context, wantedVolume(volume, mark), copy));
  }

  async cloneVolume(
    context: CallContext,
    volume: VolumeRef,
    mark: OwnerMark,
    original: VolumeRef,
  ): Promise<ObjectUpdate> {
    assertNotSmaller(volume, original);
    const from = volumeRef(original);
    const copy = (wanted: WantedObject) => this.array.copyVolume(context, wanted, from);
    return providedCopy(await this.#make(context, wantedVolume(volume, mark), copy));
  }

  async deleteVolume(context: CallContext, volume: VolumeRef): Promise<void> {
    await this.#remove(context, volumeRef(volume));
  }

  async extendVolume(context: CallContext, volume: VolumeRef, newSizeBytes: number): Promise<ObjectUpdate> {
    const found = await this.ours(context, volumeRef(volume));
    if (newSizeBytes < found.sizeBytes) throw new DriverError("not-done", "the volume is larger than that already");
    await this.#grow(context, volumeRef(volume), found, newSizeBytes);
    return {};
  }

  async createSnapshot(
    context: CallContext,
    snapshot: SnapshotRef,
    volume: VolumeRef,
    mark: OwnerMark | null,
  ): Promise<ObjectUpdate> {
    const of = volumeRef(volume);
    const owner = mark ?? (await this.ours(context, of)).mark.owner;
    const wanted = { ...snapshotRef(snapshot), sizeBytes: volume.sizeBytes, spec: null };
    const make = (one: WantedObject) => this.array.createSnapshot(context, one, of);
    return provided(await this.#make(context, { ...wanted, mark: newMark(wanted, owner) }, make));
  }

  async deleteSnapshot(context: CallContext, snapshot: SnapshotRef): Promise<void> {
    await this.#remove(context, snapshotRef(snapshot));
  }

  async writeMark(
    context: CallContext,
    { volume, snapshot }: { readonly volume: VolumeRef; readonly snapshot: SnapshotRef | null },
    owner: OwnerMark,
  ): Promise<void> {
    const found = await this.ours(context, snapshot === null ? volumeRef(volume) : snapshotRef(snapshot));
    await this.array.writeMark(context, found, { ...found.mark, owner, writtenAtMs: Date.now() });
  }

  async ensureExport(context: CallContext, volume: VolumeRef, chap: ChapCredentials, access: Access): Promise<void> {
    await this.#exports().ensure(context, volumeRef(volume), chap, access);
  }

  async removeExport(context: CallContext, volume: VolumeRef): Promise<void> {
    await this.array.exports?.remove(context, volumeRef(volume));
  }

  async initializeConnection(
    context: CallContext,
    volume: VolumeRef,
    connector: Connector,
    chap: ChapCredentials,
    access: Access,
  ): Promise<HostConnection> {
    return await this.#exports().letIn(context, volumeRef(volume), connector, chap, access);
  }

  async terminateConnection(context: CallContext, volume: VolumeRef, connector: Connector): Promise<void> {
    await this.array.exports?.shutOut(context, volumeRef(volume), connector);
  }

  /** @throws DriverError `not-done` when it does not stand, or is not ours */
  protected async ours(context: CallContext, ref: SanRef): Promise<O & { readonly mark: ObjectMark }> {
    return oursIn(await this.array.find(context, ref), ref);
  }

  /** Made once, whatever is lost on the way; what an earlier try made is taken for it, and brought to its end. */
  async #make(
    context: CallContext,
    wanted: WantedObject,
    make: (wanted: WantedObject) => Promise<O | null>,
  ): Promise<O> {
    const find = () => this.array.find(context, wanted);
    const before = this.array.namesAreUnique ? null : await find();
    const made = before ?? (await doneOrFound(() => make(wanted), find)) ?? (await find());
    if (made === null) throw new DriverError("unknown", `${wanted.name} was made and cannot be seen`);
    return await this.#finished(context, wanted, made);
  }

  /** It stands: is it what is wanted? */
  async #finished(context: CallContext, wanted: WantedObject, found: O): Promise<O> {
    if (found.mark?.id !== wanted.id || found.mark.volumeId !== wanted.volumeId) throw notOurs(found.name);
    if (found.whole === false) throw new DriverError("unknown", `${found.name} is not there yet`);
    const { sizeBytes } = wanted;
    const fits = found.unfinished === true ? found.sizeBytes <= sizeBytes : found.sizeBytes === sizeBytes;
    // A snapshot is as large as its volume was.
    if (wanted.kind === "volume" && !fits)
      throw new DriverError("not-done", `${found.name} stands there with another size`);
    if (found.unfinished !== true) return found;
    if (this.array.finish !== undefined) return await this.array.finish(context, found, wanted);
    await this.#grow(context, wanted, found, sizeBytes);
    return found;
  }

  async #grow(context: CallContext, ref: SanRef, volume: O, sizeBytes: number): Promise<void> {
    if (volume.sizeBytes >= sizeBytes) return;
    await doneOrStands(
      () => this.array.extend(context, volume, sizeBytes),
      async () => (await this.array.find(context, ref))?.sizeBytes === sizeBytes,
    );
  }

  /** What stands under its name and is not ours is left alone: ours is gone. */
  async #remove(context: CallContext, ref: SanRef): Promise<void> {
    const find = async (): Promise<O | null> => {
      const found = await this.array.find(context, ref);
      return found?.mark?.id === ref.id ? found : null;
    };
    const found = await find();
    await doneOrStands(
      () => this.array.remove(context, ref, found),
      async () => found !== null && (await find()) === null,
    );
  }

  #exports(): SanExports {
    const { exports } = this.array;
    if (exports === undefined) throw new DriverError("not-done", "hosts cannot reach the volumes of this backend");
    return exports;
  }
}

/** @throws DriverError `not-done` when nothing was found, or what is not ours */
export function oursIn<O extends SanObject>(
  found: O | null,
  { kind, id, name }: SanRef,
): O & { readonly mark: ObjectMark } {
  if (found === null) throw new DriverError("not-done", `the ${kind} ${id} does not stand here`);
  const { mark } = found;
  if (mark?.id !== id) throw notOurs(name);
  return { ...found, mark };
}

export function volumeRef({ id, sizeBytes, providerId }: VolumeRef): SanRef {
  return { kind: "volume", id, name: volumeName(id), volumeId: id, sizeBytes, providerId };
}

export function snapshotRef({ id, volumeId, sizeBytes, providerId }: SnapshotRef): SanRef {
  return { kind: "snapshot", id, name: snapshotName(id), volumeId, sizeBytes, providerId };
}

function wantedVolume(volume: VolumeRef, owner: OwnerMark): WantedObject {
  const ref = volumeRef(volume);
  const spec: VolumeSpec | null = volume.spec ?? null;
  return { ...ref, mark: newMark(ref, owner), spec };
}

function provided({ providerId, name }: SanObject): ObjectUpdate {
  return { providerId: providerId ?? name };
}

function providedCopy(copy: SanObject): ObjectUpdate {
  const { dependsOnSource } = copy;
  return { ...provided(copy), ...(dependsOnSource === undefined ? {} : { dependsOnSource }) };
}

function newMark({ id, volumeId }: SanRef, owner: OwnerMark | null): ObjectMark {
  return { id, volumeId, owner, writtenAtMs: Date.now() };
}

function assertNotSmaller({ sizeBytes }: VolumeRef, source: VolumeRef | SnapshotRef): void {
  if (sizeBytes < source.sizeBytes) throw new DriverError("not-done", "a copy cannot be smaller than its original");
}

function notOurs(name: string): DriverError {
  return new DriverError("not-done", `${name} stands there and is not ours`);
}
