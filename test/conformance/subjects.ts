import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Driver } from "#agent/drivers/driver.ts";
import { createDriver } from "#agent/drivers/registry.ts";
import type { IscsiExport } from "#agent/export/iscsi-export.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { Side } from "#shared/model/replication.ts";
import { BYTES_PER_GIB } from "#shared/units.ts";
import { backendRecord, callContext, driverTools } from "#test/kit/driver-context.ts";
import { SIZE_BYTES, type Stand, type StandingSystem, type Subject } from "./subject.ts";

export { CAPACITY_GIB, SIZE_BYTES, type Subject } from "./subject.ts";

/** All that the files of `subjects/` export, in the order of their names. */
export const SUBJECTS: readonly Subject[] = (await Promise.all(subjectFiles().map(subjectsOf))).flat();

function subjectFiles(): string[] {
  return readdirSync(join(import.meta.dirname, "subjects")).sort();
}

async function subjectsOf(file: string): Promise<readonly Subject[]> {
  const loaded: unknown = await import(join(import.meta.dirname, "subjects", file));
  if (!hasSubjects(loaded)) throw new Error(`test/conformance/subjects/${file} exports no \`subjects\``);
  return loaded.subjects;
}

function hasSubjects(loaded: unknown): loaded is { readonly subjects: readonly Subject[] } {
  return typeof loaded === "object" && loaded !== null && "subjects" in loaded && Array.isArray(loaded.subjects);
}

export function sizeOf({ sizeBytes = SIZE_BYTES }: Subject): number {
  return sizeBytes;
}

/** Room for eight volumes. */
export function capacityOf(subject: Subject): number {
  return (8 * sizeOf(subject)) / BYTES_PER_GIB;
}

/** An open backend of a subject in a folder of its own, and as many more agents on it as wanted. */
export class Bench implements AsyncDisposable {
  readonly folder: string;
  readonly #subject: Subject;
  readonly #iscsi: IscsiExport | null;
  readonly #stand: Stand;
  readonly #open: Driver[] = [];

  private constructor(subject: Subject, folder: string, iscsi: IscsiExport | null, stand: Stand) {
    this.#subject = subject;
    this.folder = folder;
    this.#iscsi = iscsi;
    this.#stand = stand;
  }

  static async set(subject: Subject, iscsi: IscsiExport | null, capacityGib = capacityOf(subject)): Promise<Bench> {
    const folder = await mkdtemp(join(tmpdir(), "berth-driver-"));
    return new Bench(subject, folder, iscsi, await subject.stand(folder, capacityGib));
  }

  async agent(context = callContext()): Promise<Driver> {
    return await this.#opened(backendRecord(this.#subject.driver, this.#stand.parameters), null, context);
  }

  /** On the n-th backend of one storage system, which moves volumes by itself. */
  async agentOfPart(n: number): Promise<Driver> {
    const { parts } = this.#stand;
    if (parts === undefined) throw new Error(`${this.#subject.label} has no parts of one storage system`);
    return await this.#opened(backendRecord(this.#subject.driver, parts, { id: n, name: `part-${n}` }));
  }

  /** On a side of a backend that is mirrored by `dr`. */
  async agentOfSide(side: Side): Promise<Driver> {
    const { target, parameters } = this.#stand;
    if (target === undefined) throw new Error(`${this.#subject.label} has nothing to be mirrored by`);
    const replicationTargets = [{ name: "dr", parameters: target }];
    return await this.#opened(backendRecord(this.#subject.driver, parameters, { replicationTargets }), side);
  }

  async #opened(backend: Backend, side: Side = null, context = callContext()): Promise<Driver> {
    const tools = { ...driverTools(this.folder, this.#iscsi), log: context.log };
    const { zoneSettings } = this.#stand;
    const driver =
      this.#subject.make?.(backend.parameters, tools) ?? createDriver({ backend, zoneSettings, side, tools });
    this.#open.push(driver);
    await driver.open(context);
    return driver;
  }

  /** The agent dies, and another takes its place. */
  async restart(driver: Driver): Promise<Driver> {
    this.#open.splice(this.#open.indexOf(driver), 1);
    await driver.close();
    return await this.agent();
  }

  get system(): StandingSystem {
    if (this.#stand.system === null) throw new Error(`${this.#subject.label} is no system on a network`);
    return this.#stand.system;
  }

  async leftovers(): Promise<string[]> {
    return (await this.#stand.leftovers()).sort();
  }

  async assertAtRest(volumeId: string, sizeBytes: number): Promise<void> {
    await this.#stand.assertAtRest(volumeId, sizeBytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const driver of this.#open) await driver.close();
    await this.#stand[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}
