import { randomUUID } from "node:crypto";
import type { SrKind } from "#shared/drivers/xenapi/declarations.ts";
import type { OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import type { CallContext } from "../driver.ts";
import { isFailure, refused } from "./failure.ts";
import {
  copyOf,
  type Identity,
  isMarkedFor,
  isNotedFor,
  markOf,
  nameOf,
  withMark,
  withNote,
  withoutMark,
  withoutNote,
  type XenMark,
} from "./marks.ts";
import type { XenPool } from "./pool.ts";
import { NULL_REF, parsed, type VdiRecord } from "./records.ts";
import type { StorageRepository } from "./sr.ts";
import { asTask } from "./tasks.ts";

/** VHDs are rounded up to this, logical volumes to a little more. */
const ROUNDED_UP_BYTES = 4 * 1024 ** 2;

export interface Vdi {
  readonly ref: string;
  readonly record: VdiRecord;
}

/** One of ours that stands whole. */
export interface OwnVdi extends Vdi {
  readonly mark: XenMark;
}

/** The VDIs of one SR, by whose they are. */
export class Vdis {
  readonly #pool: XenPool;
  readonly #sr: StorageRepository;
  readonly #kind: SrKind;

  constructor(pool: XenPool, sr: StorageRepository, kind: SrKind) {
    this.#pool = pool;
    this.#sr = sr;
    this.#kind = kind;
  }

  /** What stands under its name, or else under the uuid that was recorded of it. null: nothing of ours. */
  async find(context: CallContext, identity: Identity, providerId: string | null): Promise<OwnVdi | null> {
    return (await this.#look(context, identity, providerId)).found;
  }

  /** The same, for who is about to make it: another's of that name is in the way, and what a rival try made goes. */
  async findOrFree(context: CallContext, identity: Identity, providerId: string | null): Promise<OwnVdi | null> {
    const { found, twins, others } = await this.#look(context, identity, providerId);
    for (const { ref } of twins) await this.destroy(context, ref);
    if (found === null && others) throw refused(`there is a VDI called ${nameOf(identity)} that is not ours`);
    return found;
  }

  async findVolume(context: CallContext, { id, providerId }: VolumeRef): Promise<OwnVdi | null> {
    return await this.find(context, { kind: "volume", id }, providerId);
  }

  /** @throws DriverError `not-done` when it is not there, or only a part of it */
  async requireVolume(context: CallContext, volume: VolumeRef): Promise<OwnVdi> {
    return required(await this.findVolume(context, volume), { kind: "volume", id: volume.id });
  }

  async requireSnapshot(context: CallContext, { id, providerId }: SnapshotRef): Promise<OwnVdi> {
    const identity = { kind: "snapshot", id } as const;
    return required(await this.find(context, identity, providerId), identity);
  }

  /** All of it: what was replaced, what is a part, and copies that never became whole. */
  async everythingOf(context: CallContext, identity: Identity, providerId: string | null): Promise<Vdi[]> {
    const named = await this.#named(context, nameOf(identity));
    const marked = named.filter(({ record }) => isMarkedFor(record, identity)).map(owned);
    const { copies } = chosen(standing(marked), identity, providerId);
    const mine = named.filter(({ record }) => isMarkedFor(record, identity) || isCopyFor(record, identity));
    if (mine.length > 0) return mine.filter((one) => copies.every(({ ref }) => ref !== one.ref));
    const recorded = providerId === null ? null : await this.#recorded(context, identity, providerId);
    if (recorded !== null) return [recorded];
    return (await this.all(context)).filter(
      ({ record }) => isMarkedFor(record, identity) || isCopyFor(record, identity),
    );
  }

  /** All of the SR, others' as well. */
  async all(context: CallContext): Promise<Vdi[]> {
    const filter = `field "SR"="${this.#sr.ref}"`;
    const records = parsed.vdis.parse(await this.#read(context, "VDI.get_all_records_where", [filter]));
    return Object.entries(records).map(([ref, record]) => ({ ref, record }));
  }

  async create(context: CallContext, mark: XenMark): Promise<string> {
    return parsed.text.parse(
      await this.#change(context, "VDI.create", [
        {
          name_label: nameOf(mark),
          name_description: "",
          SR: this.#sr.ref,
          virtual_size: mark.sizeBytes,
          type: "user",
          sharable: false,
          read_only: false,
          other_config: withMark({}, mark),
          xenstore_data: {},
          sm_config: {},
          tags: [],
        },
      ]),
    );
  }

  async uuid(context: CallContext, vdi: string): Promise<string> {
    return parsed.text.parse(await this.#read(context, "VDI.get_uuid", [vdi]));
  }

  /**
   * A snapshot or clone of `source` that is `mark`'s. Pools copy a VDI's other_config with it: so the note that is made at
   * the source first says of the copy, from its first moment, whose it will be; an earlier try's is found by it and goes.
   */
  async branch(context: CallContext, source: OwnVdi, mark: XenMark): Promise<string> {
    const { ref, record } = source;
    if (isNotedFor(record, mark)) await this.#removeCopies(context, mark);
    const noted = withNote(record.other_config, { kind: mark.kind, id: mark.id, from: record.uuid });
    await this.#change(context, "VDI.set_other_config", [ref, noted]);
    const method = mark.kind === "snapshot" ? "VDI.snapshot" : "VDI.clone";
    const copy = await this.#orUnnoted(context, source, async () =>
      parsed.text.parse(await this.#change(context, method, [ref, {}])),
    );
    if (mark.sizeBytes > record.virtual_size) await this.#grownOrGone(context, source, copy, mark.sizeBytes);
    await this.#change(context, "VDI.set_name_label", [copy, nameOf(mark)]);
    await this.#change(context, "VDI.set_other_config", [copy, withMark(record.other_config, mark)]);
    await this.unnote(context, source);
    return copy;
  }

  /** All bytes of `source` into a VDI of ours that was made for them, as a task of the pool. */
  async fill(context: CallContext, source: OwnVdi, target: string, mark: XenMark): Promise<void> {
    const params = [source.ref, NULL_REF, NULL_REF, target];
    await asTask(context, this.#pool, { method: "VDI.copy", params, totalBytes: source.record.virtual_size });
    const { filling: _, ...whole } = mark;
    await this.mark(context, { ref: target, config: {} }, whole);
  }

  async mark(
    context: CallContext,
    { ref, config }: { readonly ref: string; readonly config: VdiRecord["other_config"] },
    mark: XenMark,
  ): Promise<void> {
    await this.#change(context, "VDI.set_other_config", [ref, withMark(config, mark)]);
  }

  async unmark(context: CallContext, { ref, record }: Vdi): Promise<void> {
    await this.#change(context, "VDI.set_other_config", [ref, withoutMark(record.other_config)]);
  }

  async unnote(context: CallContext, { ref, record }: Vdi): Promise<void> {
    await this.#change(context, "VDI.set_other_config", [ref, withoutNote(record.other_config)]);
  }

  async rename(context: CallContext, vdi: string, name: string): Promise<void> {
    await this.#change(context, "VDI.set_name_label", [vdi, name]);
  }

  async resize(context: CallContext, vdi: string, sizeBytes: number): Promise<void> {
    await this.#change(context, "VDI.resize", [vdi, sizeBytes]);
  }

  /** Gone already is gone. */
  async destroy(context: CallContext, vdi: string): Promise<void> {
    try {
      await this.#change(context, "VDI.destroy", [vdi]);
    } catch (error) {
      if (!isFailure(error, "HANDLE_INVALID") || error.parameters[0] !== "VDI") throw error;
    }
  }

  /** Of LUNs only what was asked for counts; else what it is, for it may have been grown since. */
  sizeOf({ record, mark }: OwnVdi): number {
    if (this.#kind.layout === "luns") return mark.sizeBytes;
    const more = record.virtual_size - mark.sizeBytes;
    return more >= 0 && more < ROUNDED_UP_BYTES ? mark.sizeBytes : record.virtual_size;
  }

  markFor(identity: Identity, volumeId: string, sizeBytes: number, owner: OwnerMark | null): XenMark {
    return { ...identity, volumeId, owner, sizeBytes, writtenAtMs: Date.now(), nonce: randomUUID() };
  }

  async #look(
    context: CallContext,
    identity: Identity,
    providerId: string | null,
  ): Promise<{ readonly found: OwnVdi | null; readonly twins: readonly OwnVdi[]; readonly others: boolean }> {
    const named = await this.#named(context, nameOf(identity));
    const mine = named.filter(({ record }) => isMarkedFor(record, identity)).map(owned);
    const { own, twins } = chosen(standing(mine), identity, providerId);
    if (own !== null) return { found: own, twins, others: false };
    const found = providerId === null ? null : await this.#recorded(context, identity, providerId);
    // A copy of ours that has its name already is not whole, and is made anew.
    return { found, twins: [], others: named.some(({ record }) => !isCopyFor(record, identity)) };
  }

  async #grownOrGone(context: CallContext, source: OwnVdi, copy: string, sizeBytes: number): Promise<void> {
    try {
      await this.resize(context, copy, sizeBytes);
    } catch (error) {
      await this.destroy(context, copy);
      await this.unnote(context, source);
      throw error;
    }
  }

  async #orUnnoted<T>(context: CallContext, source: OwnVdi, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      // It was refused, so there is no copy.
      if (error instanceof Error && error.name === "XenFailure") await this.unnote(context, source);
      throw error;
    }
  }

  async #removeCopies(context: CallContext, identity: Identity): Promise<void> {
    for (const { ref, record } of await this.all(context))
      if (isCopyFor(record, identity)) await this.destroy(context, ref);
  }

  async #named(context: CallContext, name: string): Promise<Vdi[]> {
    const refs = parsed.refs.parse(await this.#read(context, "VDI.get_by_name_label", [name]));
    const found: Vdi[] = [];
    for (const ref of refs) {
      const record = await this.#record(context, ref);
      if (record?.SR === this.#sr.ref) found.push({ ref, record });
    }
    return found;
  }

  /** An SR that was forgotten and introduced again has lost its marks, not its uuids: the mark is put back. */
  async #recorded(context: CallContext, identity: Identity, uuid: string): Promise<OwnVdi | null> {
    const ref = await this.#byUuid(context, uuid);
    const record = ref === null ? null : await this.#record(context, ref);
    if (ref === null || record?.SR !== this.#sr.ref || !record.managed) return null;
    const mark = markOf(record);
    if (mark !== null) return isMarkedFor(record, identity) ? { ref, record, mark } : null;
    // What was let go of has another name.
    if (copyOf(record) !== null || !["", nameOf(identity)].includes(record.name_label)) return null;
    const anew = this.markFor(identity, identity.id, record.virtual_size, null);
    await this.rename(context, ref, nameOf(identity));
    await this.mark(context, { ref, config: record.other_config }, anew);
    return { ref, record, mark: anew };
  }

  async #byUuid(context: CallContext, uuid: string): Promise<string | null> {
    try {
      return parsed.text.parse(await this.#read(context, "VDI.get_by_uuid", [uuid]));
    } catch (error) {
      if (isFailure(error, "UUID_INVALID", "HANDLE_INVALID")) return null;
      throw error;
    }
  }

  async #record(context: CallContext, ref: string): Promise<VdiRecord | null> {
    try {
      return parsed.vdi.parse(await this.#read(context, "VDI.get_record", [ref]));
    } catch (error) {
      if (isFailure(error, "HANDLE_INVALID")) return null;
      throw error;
    }
  }

  #read(context: CallContext, method: string, params: readonly unknown[]): Promise<unknown> {
    return this.#pool.call(context, method, params, { changes: false });
  }

  #change(context: CallContext, method: string, params: readonly unknown[]): Promise<unknown> {
    return this.#pool.call(context, method, params, { changes: true });
  }
}

function owned(vdi: Vdi): OwnVdi {
  const mark = markOf(vdi.record);
  if (mark === null) throw refused(`${vdi.record.uuid} bears no mark of ours`);
  return { ...vdi, mark };
}

/** Without those whose place another has taken. */
export function standing(mine: readonly OwnVdi[]): OwnVdi[] {
  const replaced = new Set(mine.map(({ mark }) => mark.replaces));
  return mine.filter(({ record }) => !replaced.has(record.uuid));
}

/**
 * Names are not unique: two tries at once make two. One is it, the one that is recorded or else the first by uuid; the
 * others are `twins`. `copies` are somebody else's.
 */
function chosen(
  mine: readonly OwnVdi[],
  identity: Identity,
  providerId: string | null,
): { readonly own: OwnVdi | null; readonly twins: readonly OwnVdi[]; readonly copies: readonly OwnVdi[] } {
  const [first, ...more] = mine.toSorted((one, other) => (one.record.uuid < other.record.uuid ? -1 : 1));
  if (first === undefined || more.length === 0) return { own: first ?? null, twins: [], copies: [] };
  const recorded = mine.find(({ record }) => record.uuid === providerId);
  if (recorded === undefined && new Set(mine.map(({ mark }) => mark.nonce)).size < mine.length)
    throw refused(`${mine.length} VDIs of the SR say that they are ${nameOf(identity)}`);
  const own = recorded ?? first;
  const others = mine.filter(({ ref }) => ref !== own.ref);
  const copies = others.filter(({ mark }) => mark.nonce === own.mark.nonce);
  return { own, twins: others.filter((one) => !copies.includes(one)), copies };
}

function required(found: OwnVdi | null, identity: Identity): OwnVdi {
  if (found === null) throw refused(`${nameOf(identity)} is not there`);
  if (found.mark.filling === true) throw refused(`${nameOf(identity)} is not whole`);
  return found;
}

function isCopyFor(record: VdiRecord, { kind, id }: Identity): boolean {
  const note = copyOf(record);
  return note !== null && note.kind === kind && note.id === id;
}
