import { type Caller, isAllowed } from "../caller.ts";
import { assertNewName, isNamePart, MAX_NAME_LENGTH, poolOf } from "./names.ts";
import { isSettable, isSizeProperty, isUserProperty } from "./properties.ts";
import { Refusal } from "./refusal.ts";
import { checkedSettings, type Settings, sizeSetting } from "./settings.ts";
import { parseSize, readableSize, reservationFor } from "./sizes.ts";
import { refreservationOf, Space } from "./space.ts";
import {
  childrenOf,
  clonesOf,
  type Dataset,
  findSnapshot,
  newDataset,
  nextNumber,
  nowS,
  parentName,
  type Snapshot,
  snapshotsInOrder,
  volsizeOf,
  type ZfsState,
} from "./state.ts";
import type { VolumeData } from "./volume-data.ts";

const DEFAULT_BLOCK_BYTES = 8192;

export interface ZfsSurroundings {
  readonly capacityBytes: number;
  /** Nothing is free, whatever is used. */
  isFull(): boolean;
  readonly data: VolumeData;
  /** Is a volume in use (a logical unit stands on it)? */
  isBusy(datasetName: string): boolean;
}

/** Datasets, snapshots and clones. Everything refuses in the words of libzfs. */
export class Zfs {
  readonly state: ZfsState;
  readonly #around: ZfsSurroundings;

  constructor(state: ZfsState, around: ZfsSurroundings) {
    this.state = state;
    this.#around = around;
  }

  space(): Space {
    return new Space(this.state, this.#around.capacityBytes, this.#around.isFull());
  }

  async createVolume(
    caller: Caller,
    name: string,
    given: { readonly size: string; readonly sparse: boolean; readonly block: string; readonly set: Settings },
  ): Promise<void> {
    const what = `cannot create '${name}'`;
    assertNewName(this.state, name, what);
    const user = Object.keys(given.set).some(isUserProperty) ? ["userprop"] : [];
    this.#assertAllowed(caller, name, ["create", "mount", ...(given.sparse ? [] : ["refreservation"]), ...user], what);
    const volsize = parseSize(given.size);
    if (volsize === null) throw new Refusal(`bad volume size '${given.size}': numeric value is invalid`, 2);
    const volblocksize = given.block === "" ? DEFAULT_BLOCK_BYTES : parseSize(given.block);
    if (volblocksize === null || volblocksize < 512 || volblocksize > 131_072 || !isPowerOfTwo(volblocksize))
      throw new Refusal(`${what}: 'volblocksize' must be power of 2 from 512B to 128KB`);
    if (volsize === 0) throw new Refusal(`${what}: volume size cannot be zero`);
    if (volsize % volblocksize !== 0) throw new Refusal(`${what}: volume size must be a multiple of volume block size`);
    const set = checkedSettings(given.set, what);
    const reserved = Number(set.refreservation ?? (given.sparse ? 0 : reservationFor(volsize, volblocksize)));
    this.#assertNotFull(what);
    if (reserved > this.space().availableBytes(parentName(name) ?? name)) throw new Refusal(`${what}: out of space`);
    const properties = { ...set, volsize: String(volsize), volblocksize: String(volblocksize) };
    const volume = newDataset(this.state, "volume", properties);
    if (reserved > 0) volume.properties.refreservation = String(reserved);
    await this.#around.data.setSize(volume, volsize);
    await this.#around.data.look(volume);
    this.state.datasets[name] = volume;
  }

  createFileSystem(caller: Caller, name: string, given: Settings): void {
    const what = `cannot create '${name}'`;
    assertNewName(this.state, name, what);
    this.#assertAllowed(caller, name, ["create", "mount"], what);
    this.state.datasets[name] = newDataset(this.state, "filesystem", checkedSettings(given, what));
  }

  /** `zfs destroy`; `recursive`: with snapshots and what is below; `clones`: and whatever was cloned from them. */
  async destroy(caller: Caller, name: string, how: { recursive: boolean; clones: boolean }): Promise<void> {
    const dataset = this.open(name);
    this.#assertAllowed(caller, name, ["destroy", "mount"], `cannot destroy '${name}'`);
    if (parentName(name) === null)
      throw new Refusal(
        `cannot destroy '${name}': operation does not apply to pools\nuse 'zfs destroy -r ${name}' to destroy all datasets in the pool\nuse 'zpool destroy ${name}' to destroy the pool itself`,
      );
    const word = dataset.kind === "volume" ? "volume" : "filesystem";
    const below = [
      ...snapshotsInOrder(dataset).map(([snapshot]) => `${name}@${snapshot}`),
      ...childrenOf(this.state, name),
    ];
    if (below.length > 0 && !how.recursive && !how.clones)
      throw new Refusal(
        `cannot destroy '${name}': ${word} has children\nuse '-r' to destroy the following datasets:\n${below.join("\n")}`,
      );
    const clones = this.#clonesBelow(name).filter((clone) => clone !== name && !clone.startsWith(`${name}/`));
    if (clones.length > 0 && !how.clones)
      throw new Refusal(
        `cannot destroy '${name}': ${word} has dependent clones\nuse '-R' to destroy the following datasets:\n${clones.join("\n")}`,
      );
    const doomed = [...clones, ...childrenOf(this.state, name).reverse(), name];
    for (const one of doomed)
      if (this.#around.isBusy(one)) throw new Refusal(`cannot destroy '${one}': dataset is busy`);
    for (const one of doomed) await this.#removeDataset(one);
  }

  async destroySnapshot(caller: Caller, full: string, how: { defer: boolean; clones: boolean }): Promise<void> {
    const { datasetName, dataset, name, snapshot } = this.openSnapshot(full);
    this.#assertAllowed(caller, datasetName, ["destroy", "mount"], `cannot destroy '${full}'`);
    const clones = clonesOf(this.state, snapshot);
    if (how.defer) {
      snapshot.deferred = true;
      return await this.#removeIfDeferred(snapshot);
    }
    if (snapshot.holds.length > 0) throw new Refusal(`cannot destroy '${full}': dataset is busy`);
    if (clones.length > 0 && !how.clones)
      throw new Refusal(
        `cannot destroy '${full}': snapshot has dependent clones\nuse '-R' to destroy the following datasets:\n${clones.join("\n")}`,
      );
    for (const clone of clones) await this.destroy(caller, clone, { recursive: true, clones: true });
    delete dataset.snapshots[name];
    await this.#around.data.removeSnapshot(snapshot);
    this.#forgetContents();
  }

  /** All at one instant, or none. */
  async snapshot(caller: Caller, fulls: readonly string[], set: Settings, recursive: boolean): Promise<void> {
    const wanted: { dataset: Dataset; datasetName: string; name: string }[] = [];
    for (const full of fulls) {
      const [datasetName = "", name = "", more] = full.split("@");
      const what = `cannot create snapshot '${full}'`;
      if (name === "" || more !== undefined || !isNamePart(name)) throw new Refusal(`${what}: invalid snapshot name`);
      const below = recursive ? childrenOf(this.state, datasetName) : [];
      for (const one of [datasetName, ...below]) {
        const dataset = this.state.datasets[one];
        if (dataset === undefined) throw new Refusal(`cannot open '${one}': dataset does not exist`);
        this.#assertAllowed(
          caller,
          one,
          ["snapshot", "mount", ...(Object.keys(set).length > 0 ? ["userprop"] : [])],
          what,
        );
        if (Object.hasOwn(dataset.snapshots, name))
          throw new Refusal(`cannot create snapshot '${one}@${name}': dataset already exists`);
        if (`${one}@${name}`.length > MAX_NAME_LENGTH) throw new Refusal(`${what}: snapshot name is too long`);
        wanted.push({ dataset, datasetName: one, name });
      }
    }
    const properties = checkedSettings(set, `cannot create snapshot '${fulls[0]}'`);
    this.#assertNotFull(`cannot create snapshot '${fulls[0]}'`);
    const space = this.space();
    let needed = 0;
    for (const { dataset } of wanted) needed += Math.min(space.uniqueBytes(dataset), refreservationOf(dataset));
    for (const { datasetName, name } of wanted)
      if (needed > space.availableBytes(datasetName))
        throw new Refusal(`cannot create snapshot '${datasetName}@${name}': out of space`);
    for (const { dataset, name } of wanted) {
      const made: Snapshot = {
        guid: nextNumber(this.state),
        txg: nextNumber(this.state),
        createdS: nowS(),
        content: dataset.content,
        volsizeBytes: volsizeOf(dataset),
        properties: { ...properties },
        deferred: false,
        holds: [],
      };
      if (dataset.kind === "volume") await this.#around.data.keep(dataset, made);
      dataset.snapshots[name] = made;
    }
  }

  async clone(caller: Caller, from: string, name: string, set: Settings): Promise<void> {
    const found = this.openSnapshot(from);
    const what = `cannot create '${name}'`;
    assertNewName(this.state, name, what);
    const user = Object.keys(set).some(isUserProperty) ? ["userprop"] : [];
    const reserves = Object.hasOwn(set, "refreservation") ? ["refreservation"] : [];
    this.#assertAllowed(caller, name, ["create", "mount", "clone", ...user, ...reserves], what);
    this.#assertAllowed(caller, found.datasetName, ["clone"], what);
    if (poolOf(name) !== poolOf(from)) throw new Refusal(`${what}: source and target pools differ`);
    const given = checkedSettings(set, what);
    this.#assertNotFull(what);
    if (Number(given.refreservation ?? 0) > this.space().availableBytes(parentName(name) ?? name))
      throw new Refusal(`${what}: out of space`);
    const { dataset, snapshot } = found;
    const properties = { ...given };
    if (dataset.kind === "volume") {
      properties.volsize = String(snapshot.volsizeBytes);
      properties.volblocksize = dataset.properties.volblocksize ?? String(DEFAULT_BLOCK_BYTES);
    }
    const clone = newDataset(this.state, dataset.kind, properties);
    clone.origin = snapshot.guid;
    clone.content = snapshot.content;
    if (dataset.kind === "volume") await this.#around.data.fill(clone, snapshot);
    this.state.datasets[name] = clone;
  }

  promote(caller: Caller, name: string): void {
    const clone = this.open(name);
    const what = `cannot promote '${name}'`;
    const origin = clone.origin === null ? null : findSnapshot(this.state, ({ guid }) => guid === clone.origin);
    if (origin === null) throw new Refusal(`${what}: not a cloned filesystem`);
    this.#assertAllowed(caller, name, ["promote", "mount"], what);
    this.#assertAllowed(caller, origin.datasetName, ["promote", "mount"], what);
    const moving = snapshotsInOrder(origin.dataset).filter(([, { txg }]) => txg <= origin.snapshot.txg);
    const clash = moving.find(([snapshot]) => Object.hasOwn(clone.snapshots, snapshot));
    if (clash !== undefined)
      throw new Refusal(`${what}: conflicting snapshot '${clash[0]}' from parent '${origin.datasetName}'`);
    for (const [snapshotName, snapshot] of moving) {
      clone.snapshots[snapshotName] = snapshot;
      delete origin.dataset.snapshots[snapshotName];
    }
    clone.origin = origin.dataset.origin;
    origin.dataset.origin = origin.snapshot.guid;
  }

  async rollback(caller: Caller, full: string, how: { newer: boolean; clones: boolean }): Promise<void> {
    const { datasetName, dataset, snapshot } = this.openSnapshot(full);
    this.#assertAllowed(caller, datasetName, ["rollback", "mount"], `cannot rollback '${datasetName}'`);
    const newer = snapshotsInOrder(dataset).filter(([, { txg }]) => txg > snapshot.txg);
    if (newer.length > 0 && !how.newer && !how.clones)
      throw new Refusal(
        `cannot rollback to '${full}': more recent snapshots or bookmarks exist\nuse '-r' to force deletion of the following snapshots and bookmarks:\n${newer.map(([one]) => `${datasetName}@${one}`).join("\n")}`,
      );
    const clones = newer.flatMap(([, one]) => clonesOf(this.state, one));
    if (clones.length > 0 && !how.clones)
      throw new Refusal(
        `cannot rollback to '${full}': clones of previous snapshots exist\nuse '-R' to force deletion of the following clones and dependents:\n${clones.join("\n")}`,
      );
    if (this.#around.isBusy(datasetName)) throw new Refusal(`cannot rollback '${datasetName}': dataset is busy`);
    for (const [one] of newer)
      await this.destroySnapshot(caller, `${datasetName}@${one}`, { defer: false, clones: how.clones });
    dataset.content = snapshot.content;
    dataset.properties.volsize = String(snapshot.volsizeBytes);
    if (dataset.kind === "volume") await this.#around.data.fill(dataset, snapshot);
    this.#forgetContents();
  }

  rename(caller: Caller, from: string, to: string): void {
    if (from.includes("@")) this.#renameSnapshot(caller, from, to);
    else this.#renameDataset(caller, from, to);
  }

  #renameDataset(caller: Caller, from: string, to: string): void {
    const dataset = this.open(from);
    const what = `cannot rename '${from}'`;
    assertNewName(this.state, to, `cannot create '${to}'`);
    this.#assertAllowed(caller, from, ["rename", "mount"], what);
    this.#assertAllowed(caller, to, ["create", "mount"], what);
    if (poolOf(from) !== poolOf(to)) throw new Refusal(`${what}: datasets must be within same pool`);
    if (to.startsWith(`${from}/`))
      throw new Refusal(`${what}: New dataset name cannot be a descendant of current dataset name`);
    if (this.#around.isBusy(from)) throw new Refusal(`${what}: dataset is busy`);
    for (const child of childrenOf(this.state, from)) this.#move(child, `${to}${child.slice(from.length)}`);
    this.#move(from, to);
    this.state.datasets[to] = dataset;
  }

  async set(caller: Caller, name: string, given: Settings): Promise<void> {
    const what = (property: string): string => `cannot set property for '${name}': '${property}'`;
    const snapshot = name.includes("@") ? this.openSnapshot(name) : null;
    const dataset = snapshot?.dataset ?? this.open(name);
    for (const [property, value] of Object.entries(given)) {
      const permission = isUserProperty(property) ? "userprop" : property;
      this.#assertAllowed(caller, snapshot?.datasetName ?? name, [permission], `cannot set property for '${name}'`);
      if (isUserProperty(property)) (snapshot?.snapshot ?? dataset).properties[property] = value;
      else if (snapshot !== null) throw new Refusal(`${what(property)} is not applicable to snapshots`);
      else if (property === "volsize") await this.#setVolsize(name, dataset, value);
      else this.#setNative(name, dataset, property, value, what(property));
    }
  }

  inherit(caller: Caller, name: string, property: string): void {
    const snapshot = name.includes("@") ? this.openSnapshot(name) : null;
    const dataset = snapshot?.dataset ?? this.open(name);
    this.#assertAllowed(
      caller,
      snapshot?.datasetName ?? name,
      [isUserProperty(property) ? "userprop" : property],
      `cannot set property for '${name}'`,
    );
    if (!isSettable(property)) throw new Refusal(`'${property}' property cannot be inherited`);
    delete (snapshot?.snapshot ?? dataset).properties[property];
  }

  async hold(caller: Caller, tag: string, full: string, release: boolean): Promise<void> {
    const { datasetName, snapshot } = this.openSnapshot(full);
    const what = `cannot ${release ? "release hold from" : "hold"} snapshot '${full}'`;
    this.#assertAllowed(caller, datasetName, [release ? "release" : "hold"], what);
    if (!release && snapshot.holds.includes(tag)) throw new Refusal(`${what}: tag already exists on this dataset`);
    if (release && !snapshot.holds.includes(tag)) throw new Refusal(`${what}: no such tag on this dataset`);
    snapshot.holds = release ? snapshot.holds.filter((one) => one !== tag) : [...snapshot.holds, tag];
    await this.#removeIfDeferred(snapshot);
  }

  /** @throws Refusal that it does not exist */
  open(name: string): Dataset {
    const dataset = this.state.datasets[name];
    if (dataset !== undefined) return dataset;
    throw new Refusal(`cannot open '${name}': dataset does not exist`);
  }

  openSnapshot(full: string): { datasetName: string; dataset: Dataset; name: string; snapshot: Snapshot } {
    const [datasetName = "", name = ""] = full.split("@");
    const dataset = this.state.datasets[datasetName];
    const snapshot = dataset?.snapshots[name];
    if (dataset === undefined || snapshot === undefined)
      throw new Refusal(`cannot open '${full}': dataset does not exist`);
    return { datasetName, dataset, name, snapshot };
  }

  async #setVolsize(name: string, dataset: Dataset, value: string): Promise<void> {
    const what = `cannot set property for '${name}': 'volsize'`;
    const size = parseSize(value);
    const block = Number(dataset.properties.volblocksize ?? DEFAULT_BLOCK_BYTES);
    if (dataset.kind !== "volume") throw new Refusal(`${what} does not apply to datasets of this type`);
    if (size === null) throw new Refusal(`${what} must be a number`);
    if (size === 0) throw new Refusal(`${what} cannot be zero`);
    if (size % block !== 0)
      throw new Refusal(`${what} must be a multiple of volume block size (${readableSize(block)})`);
    const before = volsizeOf(dataset);
    if (size > before && this.#around.isFull()) throw new Refusal(`${what} size is greater than available space`);
    const follows = refreservationOf(dataset) === reservationFor(before, block);
    const reserved = follows ? reservationFor(size, block) : refreservationOf(dataset);
    if (reserved - refreservationOf(dataset) > this.space().availableBytes(name))
      throw new Refusal(`${what} size is greater than available space`);
    if (reserved > 0) dataset.properties.refreservation = String(reserved);
    dataset.properties.volsize = String(size);
    await this.#around.data.setSize(dataset, size);
    await this.#around.data.look(dataset);
  }

  #setNative(name: string, dataset: Dataset, property: string, value: string, what: string): void {
    if (!isSettable(property)) throw new Refusal(`cannot set property for '${name}': '${property}' is readonly`);
    if (!isSizeProperty(property)) {
      dataset.properties[property] = value;
      return;
    }
    const size = sizeSetting(property, value, what);
    if (property === "refreservation" || property === "reservation") {
      if (
        property === "refreservation" &&
        dataset.kind === "volume" &&
        size > reservationFor(volsizeOf(dataset), Number(dataset.properties.volblocksize))
      )
        throw new Refusal(`${what} is greater than current volume size`);
      if (size - Number(dataset.properties[property] ?? 0) > this.space().availableBytes(name))
        throw new Refusal(`${what} size is greater than available space`);
    }
    if (size === 0) delete dataset.properties[property];
    else dataset.properties[property] = String(size);
  }

  #assertAllowed(caller: Caller, name: string, permissions: readonly string[], what: string): void {
    if (!isAllowed(this.state.delegations, caller, name, permissions)) throw new Refusal(`${what}: permission denied`);
  }

  /** Also what takes no space of its own needs some to be written down. */
  #assertNotFull(what: string): void {
    if (this.#around.isFull()) throw new Refusal(`${what}: out of space`);
  }

  #renameSnapshot(caller: Caller, from: string, to: string): void {
    const { datasetName, dataset, name, snapshot } = this.openSnapshot(from);
    const newName = to.includes("@") ? (to.split("@")[1] ?? "") : to;
    this.#assertAllowed(caller, datasetName, ["rename", "mount"], `cannot rename '${from}'`);
    if (to.includes("@") && to.split("@")[0] !== datasetName)
      throw new Refusal(`cannot rename '${from}': snapshots must be part of same dataset`);
    if (Object.hasOwn(dataset.snapshots, newName)) throw new Refusal(`cannot rename '${from}': dataset already exists`);
    delete dataset.snapshots[name];
    dataset.snapshots[newName] = snapshot;
  }

  #move(from: string, to: string): void {
    const dataset = this.state.datasets[from];
    delete this.state.datasets[from];
    if (dataset !== undefined) this.state.datasets[to] = dataset;
  }

  #clonesBelow(name: string): string[] {
    const all = [name, ...childrenOf(this.state, name)];
    const direct = all.flatMap((one) =>
      Object.values(this.state.datasets[one]?.snapshots ?? {}).flatMap((snapshot) => clonesOf(this.state, snapshot)),
    );
    return [...new Set(direct.flatMap((clone) => [...this.#clonesBelow(clone), clone]))];
  }

  async #removeDataset(name: string): Promise<void> {
    const dataset = this.state.datasets[name];
    if (dataset === undefined) return;
    const { origin } = dataset;
    delete this.state.datasets[name];
    for (const snapshot of Object.values(dataset.snapshots)) await this.#around.data.removeSnapshot(snapshot);
    await this.#around.data.removeVolume(dataset);
    const found = origin === null ? null : findSnapshot(this.state, ({ guid }) => guid === origin);
    if (found !== null) await this.#removeIfDeferred(found.snapshot);
    this.#forgetContents();
  }

  /** The last clone or hold of a snapshot that was to go takes it along. */
  async #removeIfDeferred(snapshot: Snapshot): Promise<void> {
    if (!snapshot.deferred || snapshot.holds.length > 0 || clonesOf(this.state, snapshot).length > 0) return;
    const found = findSnapshot(this.state, ({ guid }) => guid === snapshot.guid);
    if (found === null) return;
    delete found.dataset.snapshots[found.name];
    await this.#around.data.removeSnapshot(snapshot);
    this.#forgetContents();
  }

  #forgetContents(): void {
    const standing = new Set<string>();
    for (const dataset of Object.values(this.state.datasets)) {
      standing.add(String(dataset.content));
      for (const { content } of Object.values(dataset.snapshots)) standing.add(String(content));
    }
    for (const content of Object.keys(this.state.contentBytes))
      if (!standing.has(content)) delete this.state.contentBytes[content];
  }
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value));
}
