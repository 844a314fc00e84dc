import { FOREIGN_PER_PAGE, type ForeignObject, type ForeignPage } from "#shared/model/foreign.ts";
import type { OwnerMark, VolumeRef } from "#shared/model/operation.ts";
import { BYTES_PER_GIB } from "#shared/units.ts";
import type { CallContext, ForeignObjects, ObjectUpdate, WantedForeign } from "../driver.ts";
import { refused } from "./failure.ts";
import { foreignName } from "./listing.ts";
import { copyOf, markOf, nameOf, withMark } from "./marks.ts";
import type { XenPool } from "./pool.ts";
import { NULL_REF, parsed } from "./records.ts";
import type { StorageRepository } from "./sr.ts";
import type { OwnVdi, Vdi, Vdis } from "./vdis.ts";

const EPOCH = "19700101T00:00:00Z";

interface House {
  readonly pool: XenPool;
  readonly sr: StorageRepository;
  readonly vdis: Vdis;
}

type Do = <T>(context: CallContext, work: (house: House) => Promise<T>) => Promise<T>;

/**
 * The LUNs of a LUN-per-VDI SR that are nobody's: they are called by their SCSI ids, and what was let go of by its name.
 * A LUN stays as large as it is.
 */
export class XenForeign implements ForeignObjects {
  readonly #do: Do;

  constructor(work: Do) {
    this.#do = work;
  }

  async list(context: CallContext, after: string | null): Promise<ForeignPage> {
    return await this.#do(context, async ({ vdis }) => {
      const wanted = (await foreigners(context, vdis))
        .map(({ record }) => foreignObject(record))
        .filter(({ reference }) => after === null || reference > after)
        .sort((one, other) => (one.reference < other.reference ? -1 : 1));
      const objects = wanted.slice(0, FOREIGN_PER_PAGE);
      return { objects, next: wanted.length > objects.length ? (objects.at(-1)?.reference ?? null) : null };
    });
  }

  async describe(context: CallContext, reference: string): Promise<ForeignObject | null> {
    return await this.#do(context, async ({ vdis }) => {
      const found = await called(context, vdis, reference);
      return found === undefined ? null : foreignObject(found.record);
    });
  }

  async takeOver(
    context: CallContext,
    volume: VolumeRef,
    owner: OwnerMark,
    { reference, identity, foundBytes }: WantedForeign,
  ): Promise<ObjectUpdate> {
    return await this.#do(context, async (house) => {
      const { vdis } = house;
      const standing = (await vdis.findVolume(context, volume)) ?? (await begun(context, vdis, volume));
      if (standing !== null) {
        if (standing.mark.taken?.name === reference) return { providerId: await named(context, vdis, standing) };
        throw refused(`${nameOf(standing.mark)} is there already, and was not taken over from that name`);
      }
      const found = await called(context, vdis, reference);
      if (found === undefined) throw refused(`there is no ${JSON.stringify(reference)}`);
      const { record } = found;
      if (record.sm_config.SCSIid !== identity || record.virtual_size !== foundBytes)
        throw refused(`${reference} is not what it was when it was looked at`);
      if (record.virtual_size < volume.sizeBytes) throw refused("the LUN is smaller than that, and cannot grow");
      const mark = {
        ...vdis.markFor({ kind: "volume", id: volume.id }, volume.id, volume.sizeBytes, owner),
        taken: { name: reference, sizeBytes: foundBytes },
      };
      if (!record.managed) return { providerId: await introduce(context, house, found, mark) };
      await vdis.mark(context, { ref: found.ref, config: record.other_config }, mark);
      return { providerId: await named(context, vdis, { ...found, mark }) };
    });
  }

  async letGo(context: CallContext, volume: VolumeRef, reference: string): Promise<void> {
    await this.#do(context, async ({ pool, sr, vdis }) => {
      const found = (await vdis.findVolume(context, volume)) ?? (await begun(context, vdis, volume));
      if (found === null) return;
      const { ref, record } = found;
      if (record.sm_config.SCSIid === reference) {
        // Its record goes, and the next look finds the LUN as one of nobody's. A plugin without records of its own keeps it.
        await vdis.unmark(context, found);
        await pool.call(context, "VDI.forget", [ref], { changes: true });
        await pool.call(context, "SR.scan", [sr.ref], { changes: false });
        return;
      }
      const taken = (await vdis.all(context)).some((one) => one.ref !== ref && foreignName(one.record) === reference);
      if (taken) throw refused(`the name ${reference} is taken`);
      await vdis.rename(context, ref, reference);
      await vdis.unmark(context, found);
    });
  }
}

/** Under a uuid that the volume's id gives, so that a repetition meets it. */
async function introduce(
  context: CallContext,
  { pool, sr }: House,
  { record }: Vdi,
  mark: OwnVdi["mark"],
): Promise<string> {
  const { LUNid = "", SCSIid = "" } = record.sm_config;
  const config = withMark({}, mark);
  const fields = [mark.id, nameOf(mark), "", sr.ref, "user", false, false, config, record.location, {}];
  const more = [{ LUNid, SCSIid }, true, record.virtual_size, 0, NULL_REF, false, EPOCH, NULL_REF];
  const made = await pool.call(context, "VDI.introduce", [...fields, ...more], { changes: true });
  return parsed.text.parse(await pool.call(context, "VDI.get_uuid", [made], { changes: false }));
}

/** Marked, and not yet or no longer called by our name. */
async function begun(context: CallContext, vdis: Vdis, { id }: VolumeRef): Promise<OwnVdi | null> {
  for (const { ref, record } of await vdis.all(context)) {
    const mark = markOf(record);
    if (mark?.kind === "volume" && mark.id === id) return { ref, record, mark };
  }
  return null;
}

async function named(context: CallContext, vdis: Vdis, { ref, record, mark }: OwnVdi): Promise<string> {
  if (record.name_label !== nameOf(mark)) await vdis.rename(context, ref, nameOf(mark));
  return record.uuid;
}

async function foreigners(context: CallContext, vdis: Vdis): Promise<Vdi[]> {
  return (await vdis.all(context)).filter(({ record }) => markOf(record) === null && copyOf(record) === null);
}

async function called(context: CallContext, vdis: Vdis, reference: string): Promise<Vdi | undefined> {
  const found = (await foreigners(context, vdis)).filter(({ record }) => foreignName(record) === reference);
  return found.length === 1 ? found[0] : undefined;
}

function foreignObject(record: Vdi["record"]): ForeignObject {
  return {
    reference: foreignName(record).slice(0, 255),
    sizeBytes: record.virtual_size,
    countedBytes: 0,
    identity: record.sm_config.SCSIid ?? record.uuid,
    whyNot: whyNot(record),
  };
}

function whyNot({ virtual_size, VBDs }: Vdi["record"]): string | null {
  if (VBDs.length > 0) return "it is a disk of a virtual machine";
  return virtual_size % BYTES_PER_GIB === 0 ? null : "its size is no whole number of GiB, and a LUN cannot be grown";
}
