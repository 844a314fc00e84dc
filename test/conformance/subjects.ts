import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { Driver } from "#agent/drivers/driver.ts";
import { volumeName } from "#agent/drivers/names.ts";
import { createDriver } from "#agent/drivers/registry.ts";
import type { IscsiExport } from "#agent/export/iscsi-export.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { Side } from "#shared/model/replication.ts";
import { backendRecord, callContext, driverTools } from "#test/kit/driver-context.ts";
import { filesIn } from "#test/kit/image-folder.ts";

/** A driver as the behaviours meet it. Each driver of the registry has at least one; a new one adds its own here. */
export interface Subject {
  readonly label: string;
  readonly driver: string;
  /** The backend's parameters, with room for `CAPACITY_GIB`; `folder` is new for each test. */
  parameters(folder: string): Backend["parameters"];
  /** Of several backends that are parts of one storage system; absent: its kind moves no volumes between such. */
  sharing?(folder: string): Backend["parameters"];
  /** Of a system that mirrors the backend; absent: its kind cannot be mirrored. */
  target?(folder: string): Backend["parameters"];
  /** Can an initiator write to its volumes, and read again what was written? */
  readonly connects: "really" | "in name" | "not";
  /** What stands on the backend, by names, as the backend itself tells it. */
  leftovers(folder: string): Promise<string[]>;
  /** A volume that nobody is connected to stands as its format says. Throws what is wrong. */
  assertAtRest(folder: string, volumeId: string, sizeBytes: number): Promise<void>;
}

/** Room for eight volumes of the size that the behaviours use. */
export const SIZE_BYTES = 64 * 1024 ** 2;
export const CAPACITY_GIB = 0.5;

function fileSubject(label: string, connects: Subject["connects"], parameters: Backend["parameters"]): Subject {
  return {
    label,
    driver: "file",
    connects,
    parameters: (folder) => ({ path: join(folder, "images"), capacity_gib: CAPACITY_GIB, ...parameters }),
    leftovers: (folder) => filesIn(join(folder, "images")),
    async assertAtRest(folder, volumeId, sizeBytes) {
      const path = join(folder, "images", volumeName(volumeId));
      if (parameters.format === "qcow2") {
        expect(await qcow2SizeBytes(path)).toBe(sizeBytes);
        return;
      }
      const footerBytes = parameters.format === "vhd" ? 512 : 0;
      expect((await stat(path)).size).toBe(sizeBytes + footerBytes);
    },
  };
}

/** What the image's header says that the disk has. */
async function qcow2SizeBytes(path: string): Promise<number> {
  await using file = await open(path, "r");
  const { buffer } = await file.read(Buffer.alloc(32), 0, 32, 0);
  expect(buffer.subarray(0, 4).toString("latin1")).toBe("QFI\xfb");
  return Number(buffer.readBigUInt64BE(24));
}

export const SUBJECTS: readonly Subject[] = [
  fileSubject("file, raw", "really", {}),
  fileSubject("file, raw, thick", "really", { allocation: "thick" }),
  fileSubject("file, vhd", "really", { format: "vhd" }),
  fileSubject("file, qcow2", "not", { format: "qcow2" }),
  fileSubject("file, qcow2, thick", "not", { format: "qcow2", allocation: "thick" }),
  ...["fake", "logging"].map(
    (driver): Subject => ({
      label: driver,
      driver,
      connects: "in name",
      parameters: () => ({ capacity_gib: CAPACITY_GIB }),
      sharing: () => ({ capacity_gib: CAPACITY_GIB, pool: "shared" }),
      target: (folder) => ({ state_path: join(folder, "mirror") }),
      leftovers: async () => [],
      async assertAtRest() {},
    }),
  ),
];

/** An open backend of a subject in a folder of its own, and as many more agents on it as wanted. */
export class Bench implements AsyncDisposable {
  readonly folder: string;
  readonly #subject: Subject;
  readonly #iscsi: IscsiExport | null;
  readonly #open: Driver[] = [];

  private constructor(subject: Subject, folder: string, iscsi: IscsiExport | null) {
    this.#subject = subject;
    this.folder = folder;
    this.#iscsi = iscsi;
  }

  static async set(subject: Subject, iscsi: IscsiExport | null): Promise<Bench> {
    return new Bench(subject, await mkdtemp(join(tmpdir(), "berth-driver-")), iscsi);
  }

  async agent(): Promise<Driver> {
    return await this.#opened(backendRecord(this.#subject.driver, this.#subject.parameters(this.folder)));
  }

  /** On the n-th backend of one storage system; null: its kind has no such. */
  async agentOfPart(n: number): Promise<Driver | null> {
    const parameters = this.#subject.sharing?.(this.folder);
    if (parameters === undefined) return null;
    return await this.#opened(backendRecord(this.#subject.driver, parameters, { id: n, name: `part-${n}` }));
  }

  /** On a side of a backend that is mirrored by `dr`; null: its kind cannot be. */
  async agentOfSide(side: Side): Promise<Driver | null> {
    const { driver, target, parameters } = this.#subject;
    if (target === undefined) return null;
    const replicationTargets = [{ name: "dr", parameters: target(this.folder) }];
    return await this.#opened(backendRecord(driver, parameters(this.folder), { replicationTargets }), side);
  }

  async #opened(backend: Backend, side: Side = null): Promise<Driver> {
    const driver = createDriver({ backend, side, tools: driverTools(this.folder, this.#iscsi) });
    await driver.open(callContext());
    this.#open.push(driver);
    return driver;
  }

  async leftovers(): Promise<string[]> {
    return (await this.#subject.leftovers(this.folder)).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const driver of this.#open) await driver.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}
