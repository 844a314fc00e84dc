import type { Access, ConnectionInfo, Connector } from "#shared/model/attachment.ts";
import type { Measurement } from "#shared/model/capacity.ts";
import type { ListPage } from "#shared/model/listing.ts";
import type { OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import { AnswerLost } from "../../transport/failures.ts";
import { type CallContext, type ChapCredentials, type Driver, DriverError, type ObjectUpdate } from "../driver.ts";
import { snapshotName, volumeName } from "../names.ts";
import { NameTaken, type SanArray, type SanKind, type SanObject, type WantedObject } from "./array.ts";
import { isOurs, listedPage } from "./listing.ts";
import { madeOrFound } from "./lost-answers.ts";
import { parseMark, printMark, type SanMark } from "./mark.ts";

/** What is asked for, and whose it is to be. */
interface Wish {
  readonly kind: SanKind;
  readonly id: string;
  readonly volumeId: string;
  readonly sizeBytes: number;
  readonly owner: OwnerMark;
  readonly providerId: string | null;
  readonly spec: VolumeRef["spec"] | null;
}

/** The driver of a storage system on a network: all that does not depend on which one it is. */
export class SanDriver<O extends SanObject = SanObject> implements Driver {
  protected readonly array: SanArray<O>;

  constructor(array: SanArray<O>) {
    this.array = array;
  }

  async open(context: CallContext): Promise<void> {
    await this.array.open(context);
  }

  async close(): Promise<void> {
    await this.array.close();
  }

  async measure(context: CallContext): Promise<Measurement> {
    const ours = (await this.array.objects(context)).filter(isOurs);
    const bytes = ours.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const allocatedBytes = ours.reduce((sum, one) => sum + (one.allocatedBytes ?? one.sizeBytes), 0);
    const space = await this.array.space(context);
    return { provisioned: { scope: "backend", bytes, allocatedBytes }, ...space, objectCount: ours.length };
  }

  async list(context: CallContext, after: string | null): Promise<ListPage> {
    return listedPage(await this.array.objects(context), after, Date.now());
  }

  async createVolume(context: CallContext, volume: VolumeRef, mark: OwnerMark): Promise<ObjectUpdate> {
    return await this.#make(context, wishOf(volume, mark), (wanted) => this.array.createVolume(context, wanted));
  }

  async createVolumeFromSnapshot(
    context: CallContext,
    volume: VolumeRef,
    mark: OwnerMark,
    snapshot: SnapshotRef,
  ): Promise<ObjectUpdate> {
    const source = await this.#find(context, "snapshot", snapshot);
    return await this.#copy(context, wishOf(volume, mark), source, (wanted, from) =>
      this.array.copySnapshot(context, wanted, from),
    );
  }

  async cloneVolume(
    context: CallContext,
    volume: VolumeRef,
    mark: OwnerMark,
    original: VolumeRef,
  ): Promise<ObjectUpdate> {
    const source = await this.#find(context, "volume", original);
    return await this.#copy(context, wishOf(volume, mark), source, (wanted, from) =>
      this.array.copyVolume(context, wanted, from),
    );
  }

  async deleteVolume(context: CallContext, volume: VolumeRef): Promise<void> {
    await this.#remove(context, "volume", volume);
  }

  async extendVolume(context: CallContext, volume: VolumeRef, newSizeBytes: number): Promise<ObjectUpdate> {
    const found = await this.ours(context, "volume", volume);
    if (newSizeBytes < found.sizeBytes) throw new DriverError("not-done", "the volume is larger than that already");
    await this.#grow(context, found, newSizeBytes);
    return {};
  }

  async createSnapshot(
    context: CallContext,
    snapshot: SnapshotRef,
    volume: VolumeRef,
    mark: OwnerMark | null,
  ): Promise<ObjectUpdate> {
    const source = await this.ours(context, "volume", volume);
    const owner = mark ?? markOf(source)?.owner;
    if (owner === undefined) throw notOurs(source.name);
    const { id, volumeId, providerId } = snapshot;
    const wish: Wish = { kind: "snapshot", id, volumeId, sizeBytes: source.sizeBytes, owner, providerId, spec: null };
    return await this.#make(context, wish, (wanted) => this.array.createSnapshot(context, wanted, source));
  }

  async deleteSnapshot(context: CallContext, snapshot: SnapshotRef): Promise<void> {
    await this.#remove(context, "snapshot", snapshot);
  }

  async writeMark(
    context: CallContext,
    { volume, snapshot }: { readonly volume: VolumeRef; readonly snapshot: SnapshotRef | null },
    owner: OwnerMark,
  ): Promise<void> {
    const found = await (snapshot === null
      ? this.ours(context, "volume", volume)
      : this.ours(context, "snapshot", snapshot));
    const mark = markOf(found);
    if (mark === null) throw notOurs(found.name);
    await this.array.writeMark(context, found, this.#text({ ...mark, owner, writtenAtMs: Date.now() }));
  }

  async ensureExport(context: CallContext, volume: VolumeRef, chap: ChapCredentials, access: Access): Promise<void> {
    const found = await this.ours(context, "volume", volume);
    await this.#exports().ensure(context, found, chap, access);
  }

  async removeExport(context: CallContext, volume: VolumeRef): Promise<void> {
    const found = await this.#find(context, "volume", volume);
    if (found !== null) await this.array.exports?.remove(context, found);
  }

  async initializeConnection(
    context: CallContext,
    volume: VolumeRef,
    connector: Connector,
    chap: ChapCredentials,
    access: Access,
  ): Promise<ConnectionInfo> {
    const found = await this.ours(context, "volume", volume);
    return await this.#exports().letIn(context, found, connector, chap, access);
  }

  async terminateConnection(context: CallContext, volume: VolumeRef, connector: Connector): Promise<void> {
    const found = await this.#find(context, "volume", volume);
    if (found !== null) await this.array.exports?.shutOut(context, found, connector);
  }

  /** @throws DriverError `not-done` when it does not stand, or is not ours */
  protected async ours(context: CallContext, kind: SanKind, ref: VolumeRef | SnapshotRef): Promise<O> {
    const found = await this.#find(context, kind, ref);
    if (found === null) throw new DriverError("not-done", `the ${kind} ${ref.id} does not stand here`);
    return found;
  }

  /** null: nothing of ours stands under its name. */
  async #find(context: CallContext, kind: SanKind, ref: Pick<VolumeRef, "id" | "providerId">): Promise<O | null> {
    const found = await this.#look(context, kind, ref);
    return found !== null && markOf(found)?.id === ref.id ? found : null;
  }

  async #look(context: CallContext, kind: SanKind, ref: Pick<VolumeRef, "id" | "providerId">): Promise<O | null> {
    return await this.array.find(context, kind, nameOf(kind, ref.id), ref.providerId);
  }

  async #copy(
    context: CallContext,
    wish: Wish,
    source: O | null,
    copy: (wanted: WantedObject, source: O) => Promise<O | null>,
  ): Promise<ObjectUpdate> {
    // A try that was made before may have been the last use of its source.
    if (source === null) {
      const found = await this.#find(context, wish.kind, wish);
      if (found === null) throw new DriverError("not-done", "what is to be copied does not stand here");
      return await this.#settled(context, wish, found);
    }
    if (wish.sizeBytes < source.sizeBytes)
      throw new DriverError("not-done", "a copy cannot be smaller than its original");
    const update = await this.#make(context, wish, (wanted) => copy(wanted, source));
    return this.array.copiesDepend === undefined ? update : { ...update, dependsOnSource: this.array.copiesDepend };
  }

  /** Made once, whatever is lost on the way; what an earlier try made is taken for it, and brought to its end. */
  async #make(
    context: CallContext,
    wish: Wish,
    make: (wanted: WantedObject) => Promise<O | null>,
  ): Promise<ObjectUpdate> {
    const look = () => this.#look(context, wish.kind, wish);
    const before = this.array.namesAreUnique ? null : await look();
    if (before !== null) return await this.#settled(context, wish, before);
    const { kind, id, sizeBytes, spec } = wish;
    const name = nameOf(kind, id);
    const wanted = { name, id, sizeBytes, markText: this.#text(freshMark(wish)), spec: spec ?? null };
    const made = await madeOrFound(() => make(wanted), look).catch((error: unknown) => {
      if (error instanceof NameTaken) return null;
      throw error;
    });
    const found = made ?? (await look());
    if (found === null) throw new DriverError("unknown", `${name} was made and cannot be seen`);
    return await this.#settled(context, wish, found);
  }

  /** It stands: is it what is wanted? */
  async #settled(context: CallContext, wish: Wish, found: O): Promise<ObjectUpdate> {
    const mark = markOf(found);
    if (mark === null || mark.id !== wish.id || mark.volumeId !== wish.volumeId) throw notOurs(found.name);
    if (found.whole === false) throw new DriverError("unknown", `${found.name} is not there yet`);
    const unfinished = found.sizeBytes < wish.sizeBytes && mark.sizeBytes === wish.sizeBytes;
    if (unfinished) await this.#grow(context, found, wish.sizeBytes);
    else if (found.sizeBytes !== wish.sizeBytes)
      throw new DriverError("not-done", `${found.name} stands there with another size`);
    return { providerId: found.providerId ?? found.name };
  }

  async #grow(context: CallContext, volume: O, sizeBytes: number): Promise<void> {
    if (volume.sizeBytes >= sizeBytes) return;
    try {
      await this.array.extend(context, volume, sizeBytes);
    } catch (error) {
      if (!(error instanceof AnswerLost)) throw error;
      const now = await this.array.find(context, "volume", volume.name, volume.providerId).catch(() => null);
      if (now === null || now.sizeBytes < sizeBytes) throw error;
    }
  }

  /** What stands under its name and is not ours is left alone: ours is gone. */
  async #remove(context: CallContext, kind: SanKind, ref: Pick<VolumeRef, "id" | "providerId">): Promise<void> {
    const found = await this.#find(context, kind, ref);
    if (found === null) return;
    if (kind === "volume") await this.array.exports?.remove(context, found);
    try {
      await this.array.remove(context, found);
    } catch (error) {
      if (!(error instanceof AnswerLost) || (await this.#find(context, kind, ref)) !== null) throw error;
    }
  }

  #exports() {
    const { exports } = this.array;
    if (exports === undefined) throw new DriverError("not-done", "hosts cannot reach the volumes of this backend");
    return exports;
  }

  #text(mark: SanMark): string {
    const text = printMark(mark, this.array.markLength);
    if (text === null) throw new DriverError("not-done", "the system has no room for our mark");
    return text;
  }
}

function wishOf({ id, sizeBytes, providerId, spec = undefined }: VolumeRef, owner: OwnerMark): Wish {
  return { kind: "volume", id, volumeId: id, sizeBytes, owner, providerId, spec: spec ?? null };
}

function freshMark({ kind, id, volumeId, sizeBytes, owner }: Wish): SanMark {
  return { kind, id, volumeId, sizeBytes, owner, writtenAtMs: Date.now() };
}

function nameOf(kind: SanKind, id: string): string {
  return kind === "volume" ? volumeName(id) : snapshotName(id);
}

function markOf({ markText }: SanObject): SanMark | null {
  return markText === null ? null : parseMark(markText);
}

function notOurs(name: string): DriverError {
  return new DriverError("not-done", `${name} stands there and is not ours`);
}
