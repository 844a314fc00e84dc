import { randomBytes } from "node:crypto";
import { volsizeOf } from "../zfs/state.ts";
import type { Zfs } from "../zfs/zfs.ts";
import type { ComstarState, LogicalUnit, View } from "./state.ts";

/** COMSTAR's refusals, by what is wrong; each tool has its own sentence around it. */
export class ComstarRefusal extends Error {
  /** What it is about, where the tools name it. */
  readonly object: string | null;

  constructor(what: string, object: string | null = null) {
    super(what);
    this.object = object;
  }
}

const DEVICE_FOLDERS = ["/dev/zvol/rdsk/", "/dev/zvol/dsk/"];
const DEFAULT_OUI = "00144F";
/** What the tools say of it where they have no words: libstmf's number. */
const NO_SUCH_UNIT = 2_147_483_653;
export const MAX_LUN = 16_383;

/** What of a unit can be said when it is made (`-p`). */
export interface UnitProperties {
  readonly guid?: string;
  readonly alias?: string;
  readonly blockBytes?: number;
  readonly serial?: string;
  readonly vendor?: string;
  readonly product?: string;
  readonly managementUrl?: string;
  readonly writeProtected?: boolean;
  readonly writeCacheDisabled?: boolean;
  readonly sizeBytes?: number;
  readonly oui?: string;
}

/** Logical units, views and groups: what stmfadm and sbdadm are about. */
export class Comstar {
  readonly state: ComstarState;
  readonly #zfs: Zfs;

  constructor(state: ComstarState, zfs: Zfs) {
    this.state = state;
    this.#zfs = zfs;
  }

  /** Returns its GUID. */
  createUnit(file: string, given: UnitProperties): string {
    const name = datasetOfDevice(file);
    const volume = name === null ? undefined : this.#zfs.state.datasets[name];
    if (volume?.kind !== "volume") throw new ComstarRefusal("data file error");
    if (this.unitOfFile(file) !== null) throw new ComstarRefusal("in use", `filename ${file}`);
    const guid = given.guid?.toUpperCase() ?? newGuid(given.oui ?? DEFAULT_OUI);
    if (this.state.units[guid] !== undefined) throw new ComstarRefusal("guid in use");
    const sizeBytes = given.sizeBytes ?? volsizeOf(volume);
    if (sizeBytes > volsizeOf(volume)) throw new ComstarRefusal("invalid size");
    if (sizeBytes < 1024 ** 2) throw new ComstarRefusal("file size invalid");
    this.state.units[guid] = {
      file,
      sizeBytes,
      alias: given.alias ?? file,
      blockBytes: given.blockBytes ?? 512,
      serial: given.serial ?? "not set",
      vendor: given.vendor ?? "SUN",
      product: given.product ?? "COMSTAR",
      managementUrl: given.managementUrl ?? "not set",
      writeProtected: given.writeProtected ?? false,
      writeCacheDisabled: given.writeCacheDisabled ?? false,
      online: true,
    };
    volume.unitMetadata = guid;
    return guid;
  }

  /** From what stands in the volume itself. */
  importUnit(file: string): string {
    const name = datasetOfDevice(file);
    const volume = name === null ? undefined : this.#zfs.state.datasets[name];
    if (volume?.kind !== "volume") throw new ComstarRefusal("data file error");
    if (this.unitOfFile(file) !== null) throw new ComstarRefusal("in use", `filename ${file}`);
    if (volume.unitMetadata === null) throw new ComstarRefusal("meta data not found");
    return this.createUnit(file, { guid: volume.unitMetadata });
  }

  unit(guid: string): LogicalUnit {
    const unit = this.state.units[guid.toUpperCase()];
    if (unit === undefined) throw new ComstarRefusal("not found", guid);
    return unit;
  }

  /** Of its file; null: it has none. */
  unitOfFile(file: string): string | null {
    const dataset = datasetOfDevice(file);
    const found = Object.entries(this.state.units).find(
      ([, unit]) => unit.file === file || (dataset !== null && datasetOfDevice(unit.file) === dataset),
    );
    return found?.[0] ?? null;
  }

  isVolumeBusy(datasetName: string): boolean {
    return Object.values(this.state.units).some(({ file }) => datasetOfDevice(file) === datasetName);
  }

  resizeUnit(guid: string, sizeBytes: number): void {
    const unit = this.state.units[guid.toUpperCase()];
    if (unit === undefined) throw new ComstarRefusal(`could not set property: size: ${NO_SUCH_UNIT}`);
    const name = datasetOfDevice(unit.file);
    const volume = name === null ? undefined : this.#zfs.state.datasets[name];
    if (volume === undefined || sizeBytes > volsizeOf(volume))
      throw new ComstarRefusal("could not set property: size: 65535");
    unit.sizeBytes = sizeBytes;
  }

  /** `keepViews`: they come into force again with a unit of the same GUID. */
  deleteUnit(guid: string, keepViews: boolean): void {
    const key = guid.toUpperCase();
    const hadViews = (this.state.views[key] ?? []).length > 0;
    const had = this.state.units[key] !== undefined;
    delete this.state.units[key];
    if (!keepViews) delete this.state.views[key];
    if (!had && !hadViews) throw new ComstarRefusal("not found", guid.toLowerCase());
  }

  /** `lun` null: the lowest that is free. */
  addView(guid: string, view: Omit<View, "index" | "lun"> & { readonly lun: number | null }): void {
    const key = guid.toUpperCase();
    if (view.hostGroup !== null && this.state.hostGroups[view.hostGroup] === undefined)
      throw new ComstarRefusal("invalid host group", view.hostGroup);
    if (view.targetGroup !== null && this.state.targetGroups[view.targetGroup] === undefined)
      throw new ComstarRefusal("invalid target group", view.targetGroup);
    this.unit(guid);
    const own = this.state.views[key] ?? [];
    if (own.some((one) => overlap(one.hostGroup, view.hostGroup) && overlap(one.targetGroup, view.targetGroup)))
      throw new ComstarRefusal("view entry exists", guid);
    const taken = new Set(
      Object.values(this.state.views)
        .flat()
        .filter((one) => overlap(one.hostGroup, view.hostGroup) && overlap(one.targetGroup, view.targetGroup))
        .map(({ lun }) => lun),
    );
    if (view.lun !== null && taken.has(view.lun)) throw new ComstarRefusal("LUN already in use", guid);
    let lun = view.lun ?? 0;
    while (view.lun === null && taken.has(lun)) lun += 1;
    const index = Math.max(-1, ...own.map((one) => one.index)) + 1;
    this.state.views[key] = [...own, { index, hostGroup: view.hostGroup, targetGroup: view.targetGroup, lun }];
  }

  viewsOf(guid: string): readonly View[] {
    return this.state.views[guid.toUpperCase()] ?? [];
  }

  removeViews(guid: string, indexes: readonly number[] | "all"): void {
    const key = guid.toUpperCase();
    const left = indexes === "all" ? [] : this.viewsOf(guid).filter(({ index }) => !indexes.includes(index));
    if (left.length > 0) this.state.views[key] = [...left];
    else delete this.state.views[key];
  }

  createGroup(kind: "hostGroups" | "targetGroups", name: string): void {
    if (this.state[kind][name] !== undefined) throw new ComstarRefusal("already exists", name);
    this.state[kind][name] = [];
  }

  deleteGroup(kind: "hostGroups" | "targetGroups", name: string): void {
    if (this.state[kind][name] === undefined) throw new ComstarRefusal("not found", name);
    const field = kind === "hostGroups" ? "hostGroup" : "targetGroup";
    const used = Object.values(this.state.views)
      .flat()
      .some((view) => view[field] === name);
    if (used) throw new ComstarRefusal("group is in use by existing view entry", name);
    delete this.state[kind][name];
  }

  addMember(kind: "hostGroups" | "targetGroups", group: string, member: string): void {
    const members = this.state[kind][group];
    if (members === undefined) throw new ComstarRefusal("not found", group);
    if (Object.values(this.state[kind]).some((all) => all.includes(member)))
      throw new ComstarRefusal("already exists", member);
    if (kind === "targetGroups" && this.state.targets[member]?.online === true)
      throw new ComstarRefusal("STMF target must be offline");
    members.push(member);
  }

  removeMember(kind: "hostGroups" | "targetGroups", group: string, member: string): void {
    const members = this.state[kind][group];
    if (members === undefined) throw new ComstarRefusal("not found", group);
    if (!members.includes(member)) throw new ComstarRefusal("not found", member);
    if (kind === "targetGroups" && this.state.targets[member]?.online === true)
      throw new ComstarRefusal("STMF target must be offline");
    this.state[kind][group] = members.filter((one) => one !== member);
  }
}

/** `rpool/vol` of `/dev/zvol/rdsk/rpool/vol`; null: no volume's. */
export function datasetOfDevice(file: string): string | null {
  const folder = DEVICE_FOLDERS.find((prefix) => file.startsWith(prefix));
  return folder === undefined ? null : file.slice(folder.length);
}

/** Two that are for all, or for the same, meet. */
function overlap(one: string | null, other: string | null): boolean {
  return one === null || other === null || one === other;
}

function newGuid(oui: string): string {
  return `6${oui}0${randomBytes(12).toString("hex")}`.toUpperCase();
}
