import { randomUUID } from "node:crypto";
import { FOREIGN_PER_PAGE, type ForeignObject, type ForeignPage } from "#shared/model/foreign.ts";
import type { OwnerMark, VolumeRef } from "#shared/model/operation.ts";
import {
  type CallContext,
  DriverError,
  type ForeignObjects,
  type ObjectUpdate,
  type WantedForeign,
} from "../driver.ts";
import { volumeName } from "../names.ts";
import { type FakeJournal, foreignName, type JournalEntry, referenceOf } from "./journal.ts";
import { type FakeMark, parseFakeMark, printFakeMark } from "./mark.ts";
import type { Misbehaviour } from "./misbehaviour.ts";

/** What the driver lends here. */
export interface FakeHouse {
  readonly backendId: number;
  readonly journal: FakeJournal;
  readonly misbehaviour: Misbehaviour;
  /** Throws `no-space` when more stands there than may. */
  assertWithin(sizeBytes: number): void;
  log(context: CallContext, call: string, given: object): void;
}

/** What is not ours in a journal: volumes that were let go. Each step is one line, so nothing is ever half done. */
export class FakeForeign implements ForeignObjects {
  readonly #house: FakeHouse;

  constructor(house: FakeHouse) {
    this.#house = house;
  }

  async list(context: CallContext, after: string | null): Promise<ForeignPage> {
    const { journal, backendId, log } = this.#house;
    log(context, "foreign.list", { after });
    journal.catchUp();
    const wanted = journal
      .entries(backendId)
      .flatMap(([name, entry]) => {
        const reference = referenceOf(name);
        return reference === null || (after !== null && reference <= after) ? [] : [foreignObject(reference, entry)];
      })
      .sort((one, other) => (one.reference < other.reference ? -1 : 1));
    const objects = wanted.slice(0, FOREIGN_PER_PAGE);
    return { objects, next: wanted.length > objects.length ? (objects.at(-1)?.reference ?? null) : null };
  }

  async describe(context: CallContext, reference: string): Promise<ForeignObject | null> {
    this.#house.log(context, "foreign.describe", { reference });
    const entry = this.#entry(foreignName(reference));
    return entry === undefined ? null : foreignObject(reference, entry);
  }

  async takeOver(
    context: CallContext,
    volume: VolumeRef,
    owner: OwnerMark,
    wanted: WantedForeign,
  ): Promise<ObjectUpdate> {
    const { misbehaviour, log } = this.#house;
    log(context, "foreign.takeOver", { volume, mark: owner, ...wanted });
    return await misbehaviour.around(context, "manage", volume.id, () => this.#take(volume, owner, wanted));
  }

  async letGo(context: CallContext, volume: VolumeRef, reference: string): Promise<void> {
    const { misbehaviour, log } = this.#house;
    log(context, "foreign.letGo", { volume, reference });
    await misbehaviour.around(context, "unmanage", volume.id, () => this.#letGo(volumeName(volume.id), reference));
  }

  #take(volume: VolumeRef, owner: OwnerMark, { reference, identity, foundBytes }: WantedForeign): ObjectUpdate {
    const { journal, backendId, assertWithin } = this.#house;
    const [name, from] = [volumeName(volume.id), foreignName(reference)];
    const standing = this.#entry(name);
    if (standing === undefined) {
      const found = this.#entry(from);
      if (found === undefined) throw new DriverError("not-done", `there is no ${JSON.stringify(reference)}`);
      if (identityOf(found) !== identity || found.sizeBytes !== foundBytes)
        throw new DriverError("not-done", `${reference} is not what it was when it was looked at`);
      const taken = { name: reference, sizeBytes: foundBytes, identity };
      const mark = printFakeMark({ volumeId: volume.id, owner, madeAtMs: Date.now(), taken });
      journal.rename(backendId, from, name, { ...found, sizeBytes: volume.sizeBytes, mark });
      try {
        assertWithin(volume.sizeBytes);
      } catch (error) {
        journal.rename(backendId, name, from, found);
        throw error;
      }
    }
    if (takenOf(this.#entry(name))?.name !== reference)
      throw new DriverError("not-done", `${name} is there already, and was not taken over from that name`);
    return { providerId: name };
  }

  #letGo(name: string, reference: string): void {
    const { journal, backendId } = this.#house;
    const standing = this.#entry(name);
    if (standing === undefined) return;
    const taken = takenOf(standing);
    const asItWas = taken?.name === reference;
    journal.rename(backendId, name, foreignName(reference), {
      ...standing,
      sizeBytes: asItWas ? taken.sizeBytes : standing.sizeBytes,
      mark: asItWas ? taken.identity : randomUUID(),
    });
    if (this.#entry(name) !== undefined) throw new DriverError("not-done", `the name ${reference} is taken`);
  }

  #entry(name: string): JournalEntry | undefined {
    const { journal, backendId } = this.#house;
    journal.catchUp();
    return journal.entry(backendId, name);
  }
}

function takenOf(entry: JournalEntry | undefined): FakeMark["taken"] {
  return entry?.mark === undefined || entry.mark === null ? undefined : parseFakeMark(entry.mark)?.taken;
}

/** What stands in the place of a mark. */
function identityOf({ mark }: JournalEntry): string {
  return mark ?? "";
}

function foreignObject(reference: string, entry: JournalEntry): ForeignObject {
  const { sizeBytes } = entry;
  return { reference, sizeBytes, countedBytes: sizeBytes, identity: identityOf(entry), whyNot: null };
}
