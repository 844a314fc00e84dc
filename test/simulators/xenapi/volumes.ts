import { randomUUID } from "node:crypto";
import { gibToBytes } from "#shared/units.ts";
import type { Database } from "./database.ts";
import { backendFailure } from "./failure.ts";
import { fabricOf, lunsOf, type Plugin, pluginOf } from "./plugins.ts";
import { flag, number, type Row, text, type XenMap } from "./values.ts";

const MIB = 1024 ** 2;
const VHD_BLOCK = 2 * MIB;
const EXTENT = 4 * MIB;
const VHD_MAX = gibToBytes(2040);
/** VHD nodes from a leaf to its root, itself included. */
export const MAX_CHAIN = 30;

/** The storage that plugins work on: what lies in an export, a volume group or a filer, with its space. */
export class Volumes {
  readonly #database: Database;
  readonly #capacityGib: number;
  readonly #isFull: () => boolean;

  constructor(database: Database, capacityGib: number, isFull: () => boolean) {
    this.#database = database;
    this.#capacityGib = capacityGib;
    this.#isFull = isFull;
  }

  /** An SR laid out on a place. What an exclusive one held before is gone. */
  format(plugin: Plugin, uuid: string, place: string, config: XenMap, quotaBytes: number): void {
    if (plugin.exclusive)
      for (const [ref, row] of [...this.#database.table("_storage")]) if (row.place === place) this.#wipe(ref);
    const thin = config.allocation === "thin";
    const storage = this.#database.add("_storage", { uuid, type: plugin.type, place, quota_bytes: quotaBytes, thin });
    if (plugin.layout !== "luns") return;
    for (const { LUNid, SCSIid, bytes } of lunsOf(fabricOf(config), this.#capacityGib))
      this.#database.add("_volume", { storage, virtual_bytes: bytes, raw: true, lun: { LUNid, SCSIid } });
  }

  /** undefined: no such SR lies there. */
  storage(uuid: string): { readonly ref: string; readonly row: Row } | undefined {
    for (const [ref, row] of this.#database.table("_storage")) if (row.uuid === uuid) return { ref, row };
    return undefined;
  }

  at(place: string): string[] {
    return [...this.#database.table("_storage").values()]
      .filter((row) => row.place === place)
      .map((row) => text(row, "uuid"));
  }

  wipe(uuid: string): void {
    const found = this.storage(uuid);
    if (found !== undefined) this.#wipe(found.ref);
  }

  of(srUuid: string): Row[] {
    const found = this.storage(srUuid);
    return found === undefined ? [] : this.#in(found.ref);
  }

  find(uuid: string): { readonly ref: string; readonly row: Row } | undefined {
    for (const [ref, row] of this.#database.table("_volume")) if (row.uuid === uuid) return { ref, row };
    return undefined;
  }

  /** @throws XenFailure 46 when it is gone from the storage */
  get(uuid: string): { readonly ref: string; readonly row: Row } {
    const found = this.find(uuid);
    if (found === undefined) throw backendFailure(46, uuid);
    return found;
  }

  update(uuid: string, fields: Row): void {
    this.#database.update("_volume", this.get(uuid).ref, fields);
  }

  /** @throws XenFailure 44 without space, 79 for a size that cannot be */
  create(srUuid: string, virtualBytes: number, raw: boolean): Row {
    const { ref, row } = this.#storageOf(srUuid);
    if (layoutOf(row) === "luns") return this.#takeLun(ref, virtualBytes);
    const rounded = roundedSize(row, virtualBytes, raw);
    const uuid = randomUUID();
    const fields = { uuid, storage: ref, virtual_bytes: rounded, raw };
    this.#assertSpace(ref, [{ ...fields, data_bytes: 0 }], []);
    this.#database.add("_volume", fields);
    return this.get(uuid).row;
  }

  /** LUNs stay, and are free for the next. */
  destroy(uuid: string): void {
    const { ref, row } = this.get(uuid);
    if (isLun(row)) {
      this.#database.update("_volume", ref, { taken: false });
      return;
    }
    if (this.#childrenOf(row).length > 0) this.#database.update("_volume", ref, { hidden: true });
    else this.#database.remove("_volume", ref);
  }

  resize(uuid: string, virtualBytes: number): Row {
    const { ref, row } = this.get(uuid);
    const storage = this.#database.get("_storage", text(row, "storage"));
    const rounded = roundedSize(storage, virtualBytes, flag(row, "raw"));
    if (rounded < number(row, "virtual_bytes")) throw backendFailure(79, "shrinking not allowed");
    const grown = { ...row, virtual_bytes: rounded };
    this.#assertSpace(text(row, "storage"), [grown], [row]);
    this.#database.update("_volume", ref, { virtual_bytes: rounded });
    return grown;
  }

  /**
   * A copy on write beside its original. Of VHDs both then hang under what the original was, unless nothing was written to
   * the original since it got its own parent.
   */
  branch(uuid: string, readOnly: boolean): { readonly copy: Row; readonly base: Row | null } {
    const { ref, row } = this.get(uuid);
    const storageRef = text(row, "storage");
    const storage = this.#database.get("_storage", storageRef);
    const copy = { ...row, uuid: randomUUID(), data_bytes: 0, read_only: readOnly, hidden: false, name: "" };
    if (layoutOf(storage) === "filer" || flag(row, "raw")) {
      const made = { ...copy, parent: "", data_bytes: number(row, "data_bytes") };
      this.#assertSpace(storageRef, [made], [], readOnly && storage.type === "netapp" ? 129 : 44);
      this.#database.add("_volume", made);
      return { copy: made, base: null };
    }
    if (row.parent !== "" && number(row, "data_bytes") === 0) {
      this.#assertSpace(storageRef, [copy], []);
      this.#database.add("_volume", copy);
      return { copy, base: null };
    }
    if (this.chainLength(row) + 1 > MAX_CHAIN) throw backendFailure(109);
    const base = { ...row, uuid: randomUUID(), hidden: true, read_only: true, name: "" };
    const leaf = { ...row, data_bytes: 0, parent: base.uuid };
    const made = { ...copy, parent: base.uuid };
    this.#assertSpace(storageRef, [base, leaf, made], [row]);
    this.#database.add("_volume", base);
    this.#database.update("_volume", ref, leaf);
    this.#database.add("_volume", made);
    return { copy: made, base };
  }

  /** It holds so many bytes of its own more. @throws XenFailure 44 */
  write(uuid: string, dataBytes: number): void {
    const { ref, row } = this.get(uuid);
    const written = { ...row, data_bytes: Math.min(dataBytes, number(row, "virtual_bytes")) };
    this.#assertSpace(text(row, "storage"), [written], [row]);
    this.#database.update("_volume", ref, written);
  }

  chainLength(row: Row): number {
    let length = 1;
    for (
      let parent = this.find(text(row, "parent"));
      parent !== undefined;
      parent = this.find(text(parent.row, "parent"))
    )
      length += 1;
    return length;
  }

  /** One step of the coalescer: a hidden node without children goes, one with a single child is merged into it. */
  coalesce(srUuid: string): boolean {
    for (const node of this.of(srUuid).filter((one) => flag(one, "hidden"))) {
      const children = this.#childrenOf(node);
      const [child] = children;
      if (children.length > 1) continue;
      if (child !== undefined)
        this.update(text(child, "uuid"), {
          parent: text(node, "parent"),
          data_bytes: number(child, "data_bytes") + number(node, "data_bytes"),
        });
      this.#database.remove("_volume", this.get(text(node, "uuid")).ref);
      return true;
    }
    return false;
  }

  physicalBytes(volume: Row): number {
    const storage = this.#database.get("_storage", text(volume, "storage"));
    const [virtual, data] = [number(volume, "virtual_bytes"), number(volume, "data_bytes")];
    const thin = flag(storage, "thin");
    switch (layoutOf(storage)) {
      case "luns":
        return virtual;
      case "filer":
        return thin ? data : virtual;
      case "file":
        return Math.min(virtual, data) + vhdMetadata(virtual);
      case "lvhd": {
        if (flag(volume, "raw")) return upTo(virtual, EXTENT);
        const deflated = thin || flag(volume, "hidden") || flag(volume, "read_only");
        return upTo((deflated ? data : virtual) + EXTENT + (virtual / VHD_BLOCK) * 4096, EXTENT);
      }
    }
  }

  sizes(srUuid: string): { physicalSize: number; utilisation: number; allocation: number } {
    const { ref, row } = this.#storageOf(srUuid);
    const mine = this.#in(ref);
    const allocation = sum(mine.filter((one) => !flag(one, "hidden")).map((one) => number(one, "virtual_bytes")));
    if (layoutOf(row) === "luns") {
      const taken = sum(mine.filter((one) => flag(one, "taken")).map((one) => number(one, "virtual_bytes")));
      const isFabric = text(row, "place").endsWith(":fabric");
      return isFabric
        ? { physicalSize: 0, utilisation: 0, allocation: taken }
        : { physicalSize: allocation, utilisation: taken, allocation: taken };
    }
    return { physicalSize: this.#totalBytes(row), utilisation: this.#usedBytes(row), allocation };
  }

  #takeLun(storageRef: string, virtualBytes: number): Row {
    const [smallest] = this.#in(storageRef)
      .filter((lun) => !flag(lun, "taken") && number(lun, "virtual_bytes") >= virtualBytes)
      .sort((one, other) => number(one, "virtual_bytes") - number(other, "virtual_bytes"));
    if (smallest === undefined) throw backendFailure(44, "no LUN is large enough");
    this.update(text(smallest, "uuid"), { taken: true });
    return smallest;
  }

  #storageOf(srUuid: string): { readonly ref: string; readonly row: Row } {
    const found = this.storage(srUuid);
    if (found === undefined) throw backendFailure(47, srUuid);
    return found;
  }

  #in(storageRef: string): Row[] {
    return this.#database.related("_volume", "storage", storageRef).map((ref) => this.#database.get("_volume", ref));
  }

  #childrenOf(node: Row): Row[] {
    return this.#in(text(node, "storage")).filter((one) => one.parent === node.uuid);
  }

  #assertSpace(storageRef: string, added: readonly Row[], removed: readonly Row[], fault = 44): void {
    const storage = this.#database.get("_storage", storageRef);
    const more = sum(added.map((one) => this.physicalBytes(one))) - sum(removed.map((one) => this.physicalBytes(one)));
    if (more <= 0) return;
    if (this.#isFull() || this.#usedBytes(storage) + more > this.#totalBytes(storage)) throw backendFailure(fault);
  }

  #totalBytes(storage: Row): number {
    const quota = number(storage, "quota_bytes");
    const capacity = gibToBytes(this.#capacityGib);
    return quota > 0 && layoutOf(storage) === "filer" ? Math.min(quota, capacity) : capacity;
  }

  /** Of all SRs on the place: an export's file system, or an aggregate. */
  #usedBytes({ place }: Row): number {
    let used = 0;
    for (const [ref, row] of this.#database.table("_storage"))
      if (row.place === place) used += sum(this.#in(ref).map((one) => this.physicalBytes(one)));
    return used;
  }

  #wipe(ref: string): void {
    for (const volume of this.#database.related("_volume", "storage", ref)) this.#database.remove("_volume", volume);
    this.#database.remove("_storage", ref);
  }
}

export function isLun(volume: Row): boolean {
  return Object.keys(volume.lun ?? {}).length > 0;
}

function layoutOf(storage: Row) {
  return pluginOf(text(storage, "type"))?.layout ?? "file";
}

function roundedSize(storage: Row, virtualBytes: number, raw: boolean): number {
  if (virtualBytes < 0) throw backendFailure(79);
  if (layoutOf(storage) === "filer") return upTo(Math.max(virtualBytes, MIB), MIB);
  if (raw) return upTo(Math.max(virtualBytes, EXTENT), EXTENT);
  if (virtualBytes > VHD_MAX) throw backendFailure(79, `VDI size must be at most ${VHD_MAX} bytes`);
  return upTo(Math.max(virtualBytes, VHD_BLOCK), VHD_BLOCK);
}

/** Footer, its copy and header, and four bytes a block in the allocation table. */
function vhdMetadata(virtualBytes: number): number {
  return upTo(512 + 512 + 1024 + (virtualBytes / VHD_BLOCK) * 4, 512);
}

function upTo(bytes: number, step: number): number {
  return Math.ceil(bytes / step) * step;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
