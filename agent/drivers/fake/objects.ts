import type { FakeParameters } from "#shared/drivers/fake.ts";
import type { Measurement } from "#shared/model/capacity.ts";
import type { VolumeRef } from "#shared/model/operation.ts";
import { formatGib, gibToBytes } from "#shared/units.ts";
import { DriverError, type ObjectUpdate } from "../driver.ts";
import type { FakeJournal, MadeAs } from "./journal.ts";
import { type FakeMark, parseFakeMark, printFakeMark } from "./mark.ts";
import { type FakeReplica, isReplicated } from "./replica.ts";

export interface FakeObjectsOptions {
  readonly backendId: number;
  readonly parameters: FakeParameters;
  readonly journal: FakeJournal;
  readonly replica: FakeReplica;
}

/** What stands on one fake backend, and how much of its pool that takes: the arithmetic of a storage system. */
export class FakeObjects {
  readonly #backendId: number;
  readonly #parameters: FakeParameters;
  readonly #journal: FakeJournal;
  readonly #replica: FakeReplica;

  constructor({ backendId, parameters, journal, replica }: FakeObjectsOptions) {
    this.#backendId = backendId;
    this.#parameters = parameters;
    this.#journal = journal;
    this.#replica = replica;
  }

  wasMadeThick(name: string): boolean {
    return this.#journal.madeAs(this.#backendId, name)?.thick ?? false;
  }

  mirroredWith(name: string): Pick<FakeMark, "replicated"> {
    return isReplicated(this.#journal.madeAs(this.#backendId, name)?.mark) ? { replicated: true } : {};
  }

  rewriteMark(name: string, sizeBytes: number, change: Partial<FakeMark>): void {
    const { mark: printed = null, thick = false } = this.#journal.madeAs(this.#backendId, name) ?? {};
    const mark = printed === null ? null : parseFakeMark(printed);
    if (mark === null) return;
    this.#journal.put(this.#backendId, name, sizeBytes, { mark: printFakeMark({ ...mark, ...change }), thick });
  }

  /** There already with that size: done. */
  add(name: string, sizeBytes: number, mark: Omit<FakeMark, "madeAtMs">, thick: boolean): ObjectUpdate {
    this.#journal.catchUp();
    const standing = this.#journal.sizeOf(this.#backendId, name);
    if (standing !== undefined && standing !== sizeBytes)
      throw new DriverError("not-done", `${name} is there already, with another size`);
    if (standing === undefined) {
      const { max_objects } = this.#parameters;
      if (max_objects !== undefined && this.#journal.totals(this.#backendId).count >= max_objects)
        throw new DriverError("not-done", `the backend holds its ${max_objects} objects already`);
      const printed = printFakeMark({ ...mark, madeAtMs: Date.now() });
      this.#take(name, sizeBytes, () => this.#journal.remove(this.#backendId, name), { mark: printed, thick });
    }
    this.#replica.mirror(name);
    return { providerId: name };
  }

  /** `spec`: limits per GiB are other ones from now on. */
  grow(name: string, newSizeBytes: number, { spec }: VolumeRef): void {
    const sizeBytes = this.sizeOf(name);
    if (spec !== undefined) this.rewriteMark(name, sizeBytes, { spec });
    if (newSizeBytes < sizeBytes) throw new DriverError("not-done", "the volume is larger than that already");
    if (newSizeBytes > sizeBytes)
      this.#take(name, newSizeBytes, () => this.#journal.put(this.#backendId, name, sizeBytes));
    this.#replica.mirror(name);
  }

  /** Writes the object down and only then counts, so that two agents at once cannot both take the last space. */
  #take(name: string, sizeBytes: number, takeBack: () => void, made: MadeAs | null = null): void {
    if (this.#parameters.full === true) throw new DriverError("no-space", "this fake backend was told to be full");
    this.#journal.put(this.#backendId, name, sizeBytes, made);
    try {
      this.assertWithin(sizeBytes);
    } catch (error) {
      takeBack();
      throw error;
    }
  }

  assertWithin(sizeBytes: number): void {
    const totalBytes = this.totalBytes();
    if (typeof totalBytes === "string" || this.#takenBytes() <= totalBytes) return;
    throw new DriverError(
      "no-space",
      `${formatGib(sizeBytes)} do not fit into what is left of ${formatGib(totalBytes)}`,
    );
  }

  remove(name: string): void {
    this.#journal.catchUp();
    if (this.#parameters.dependent_copies === true) this.#assertNothingStandsUpon(name);
    if (this.#journal.sizeOf(this.#backendId, name) !== undefined) this.#journal.remove(this.#backendId, name);
    this.#replica.mirror(name);
  }

  #assertNothingStandsUpon(name: string): void {
    const copies = this.#journal
      .entries(this.#backendId)
      .filter(([, { mark }]) => mark !== null && parseFakeMark(mark)?.parent === name)
      .map(([copy]) => copy);
    if (copies.length > 0) throw new DriverError("not-done", `${copies.join(", ")} stand upon ${name}`);
  }

  sizeOf(name: string): number {
    this.#journal.catchUp();
    const sizeBytes = this.#journal.sizeOf(this.#backendId, name);
    if (sizeBytes === undefined) throw new DriverError("not-done", `${name} is not there`);
    return sizeBytes;
  }

  totalBytes(): Measurement["totalBytes"] {
    const { capacity_gib } = this.#parameters;
    return typeof capacity_gib === "number" ? gibToBytes(capacity_gib) : capacity_gib;
  }

  freeBytes(): Measurement["freeBytes"] {
    const totalBytes = this.totalBytes();
    return typeof totalBytes === "string" ? totalBytes : Math.max(0, totalBytes - this.#takenBytes());
  }

  /** Of a thin pool only what was made thick. */
  #takenBytes(): number {
    const { bytes, thickBytes } = this.#journal.pool;
    return this.#parameters.thin === true ? thickBytes : bytes;
  }
}
