import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";
import { pino } from "pino";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Driver } from "#agent/drivers/driver.ts";
import { parseFakeMark } from "#agent/drivers/fake/mark.ts";
import { createDriver } from "#agent/drivers/registry.ts";
import { BerthError } from "#shared/errors.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { BYTES_PER_GIB } from "#shared/units.ts";
import { connectorOf, credentials, MARK, madeVolume, snapshotRef, volumeRef } from "#test/conformance/objects.ts";
import { backendRecord, callContext, driverTools } from "#test/kit/driver-context.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

const GIB = BYTES_PER_GIB;

async function opened(
  parameters: Backend["parameters"],
  fields: Partial<Backend> & { folder?: string } = {},
): Promise<Driver> {
  const { folder = temporaryFolder(), ...others } = fields;
  const driver = createDriver({ backend: backendRecord("fake", parameters, others), tools: driverTools(folder) });
  await driver.open(callContext());
  onTestFinished(() => driver.close());
  return driver;
}

/** What stands in the journal of the one volume there. */
function promised(folder: string): unknown {
  const journal = readFileSync(join(folder, "fake", "backend-1.journal"), "latin1");
  const marks = journal.split("\n").flatMap((line) => line.split(" ")[4] ?? []);
  return parseFakeMark(marks.at(-1) ?? "")?.spec;
}

const outcome = (kind: string) => expect.objectContaining({ name: "DriverError", outcome: kind });

describe("what it reports", () => {
  test("thick: what is made is taken; thin: promised, and nothing is taken", async () => {
    for (const thin of [false, true]) {
      const driver = await opened({ capacity_gib: 10, thin });
      await madeVolume(driver, { sizeBytes: 4 * GIB });
      expect(await driver.measure(callContext())).toMatchObject({
        totalBytes: 10 * GIB,
        freeBytes: thin ? 10 * GIB : 6 * GIB,
        provisioned: { scope: "backend", bytes: 4 * GIB, allocatedBytes: thin ? 0 : 4 * GIB },
        thin,
      });
      if (thin) await madeVolume(driver, { sizeBytes: 40 * GIB });
      else await expect(madeVolume(driver, { sizeBytes: 7 * GIB })).rejects.toEqual(outcome("no-space"));
    }
  });

  test("on a thin one a flavor's thick volumes take their space, with their snapshots, copies and growth", async () => {
    const folder = temporaryFolder();
    const driver = await opened({ capacity_gib: 20, thin: true }, { folder });
    const spec = { provisioning: "thick" as const, compression: true, vendor: { "array:tier": "1" }, qos: { iops: 5 } };
    const volume = volumeRef({ sizeBytes: 4 * GIB, spec });
    await driver.createVolume(callContext(), volume, MARK);
    await madeVolume(driver, { sizeBytes: 50 * GIB });
    await driver.extendVolume(callContext(), volume, 5 * GIB);
    await driver.createSnapshot(callContext(), snapshotRef({ ...volume, sizeBytes: 5 * GIB }), volume, MARK);
    await driver.cloneVolume(callContext(), volumeRef({ sizeBytes: 5 * GIB }), MARK, volume);
    expect(await driver.measure(callContext())).toMatchObject({
      freeBytes: 5 * GIB,
      provisioned: { bytes: 65 * GIB, allocatedBytes: 15 * GIB },
      provisioning: { thin: { volume: "none" }, thick: { volume: "full" } },
    });
    await expect(driver.createVolume(callContext(), volumeRef({ sizeBytes: 6 * GIB, spec }), MARK)).rejects.toEqual(
      outcome("no-space"),
    );
    const again = await opened({ capacity_gib: 20, thin: true }, { folder });
    await again.deleteVolume(callContext(), volume);
    expect(await again.measure(callContext())).toMatchObject({ freeBytes: 10 * GIB });
  });

  test("what a flavor promised is written down, and other limits at an extend", async () => {
    const folder = temporaryFolder();
    const driver = await opened({ capacity_gib: 20 }, { folder });
    const spec = { provisioning: null, compression: true, vendor: { "array:tier": "1" }, qos: { total_iops_sec: 50 } };
    const volume = volumeRef({ sizeBytes: GIB, spec });
    await driver.createVolume(callContext(), volume, MARK);
    expect(promised(folder)).toEqual(spec);
    const qos = { total_iops_sec: 100 };
    await driver.extendVolume(callContext(), { ...volume, spec: { ...spec, qos } }, 2 * GIB);
    expect(promised(folder)).toEqual({ ...spec, qos });
    expect(await driver.list(callContext(), null)).toMatchObject({ objects: [{ id: volume.id, sizeBytes: 2 * GIB }] });
  });

  test("no limit and no knowledge are words, not numbers", async () => {
    for (const capacity_gib of ["infinite", "unknown"]) {
      const driver = await opened({ capacity_gib });
      await madeVolume(driver, { sizeBytes: 1000 * GIB });
      expect(await driver.measure(callContext())).toMatchObject({ totalBytes: capacity_gib, freeBytes: capacity_gib });
    }
  });

  test("backends of one pool share its space, by zone; each counts its own objects", async () => {
    const folder = temporaryFolder();
    const parameters = { capacity_gib: 10, pool: "p" };
    const [one, other] = [await opened(parameters, { id: 1, folder }), await opened(parameters, { id: 2, folder })];
    const elsewhere = await opened(parameters, { id: 3, folder, zone: "south" });
    await madeVolume(one, { sizeBytes: 6 * GIB });
    expect(await other.measure(callContext())).toMatchObject({
      poolId: "fake:north:p",
      freeBytes: 4 * GIB,
      objectCount: 0,
      provisioned: { scope: "pool", bytes: 6 * GIB },
    });
    expect(await one.measure(callContext())).toMatchObject({ objectCount: 1 });
    expect(await elsewhere.measure(callContext())).toMatchObject({ poolId: "fake:south:p", freeBytes: 10 * GIB });
    await expect(madeVolume(other, { sizeBytes: 5 * GIB })).rejects.toEqual(outcome("no-space"));
  });

  test("another process sees at once what stands, and an agent that starts again as well", async () => {
    const folder = temporaryFolder();
    const driver = await opened({ capacity_gib: 100 }, { folder });
    const child = fork(join(import.meta.dirname, "driver-fake-agent.ts"), [folder, "20"]);
    const made = Array.from({ length: 20 }, () => madeVolume(driver, { sizeBytes: GIB }));
    await Promise.all([...made, once(child, "exit")]);
    const again = await opened({ capacity_gib: 100 }, { folder });
    for (const agent of [driver, again])
      expect(await agent.measure(callContext())).toMatchObject({ objectCount: 40, provisioned: { bytes: 40 * GIB } });
  });

  test("state_path keeps it elsewhere; removed, it begins anew", async () => {
    const state_path = join(temporaryFolder(), "state");
    const driver = await opened({ capacity_gib: 100, state_path });
    await madeVolume(driver);
    expect(await (await opened({ capacity_gib: 100, state_path })).measure(callContext())).toMatchObject({
      objectCount: 1,
    });
    await rm(state_path, { recursive: true });
    await driver.open(callContext());
    expect(await driver.measure(callContext())).toMatchObject({ objectCount: 0 });
    await madeVolume(driver);
    expect(await driver.measure(callContext())).toMatchObject({ objectCount: 1 });
  });
});

describe("what it can be told to do", () => {
  test("lie about what is free: the truth is in its answers", async () => {
    const driver = await opened({ capacity_gib: 1, lie_free_gib: 500 });
    expect(await driver.measure(callContext())).toMatchObject({ freeBytes: 500 * GIB });
    await expect(madeVolume(driver, { sizeBytes: 2 * GIB })).rejects.toEqual(outcome("no-space"));
  });

  test("be full, whatever it reports", async () => {
    const folder = temporaryFolder();
    const volume = await madeVolume(await opened({ capacity_gib: 10 }, { folder }));
    const driver = await opened({ capacity_gib: 10, full: true }, { folder });
    await expect(madeVolume(driver)).rejects.toEqual(outcome("no-space"));
    await expect(driver.extendVolume(callContext(), volume, 2 * volume.sizeBytes)).rejects.toEqual(outcome("no-space"));
    await expect(driver.createSnapshot(callContext(), snapshotRef(volume), volume, MARK)).rejects.toEqual(
      outcome("no-space"),
    );
    expect(await driver.measure(callContext())).toMatchObject({
      objectCount: 1,
      provisioned: { bytes: volume.sizeBytes },
    });
    await driver.deleteVolume(callContext(), volume);
  });

  test("hold so many objects and no more", async () => {
    const driver = await opened({ capacity_gib: 10, max_objects: 1 });
    const volume = await madeVolume(driver);
    await expect(driver.createSnapshot(callContext(), snapshotRef(volume), volume, MARK)).rejects.toEqual(
      outcome("not-done"),
    );
    expect(await driver.measure(callContext())).toMatchObject({ objectCount: 1, maxObjects: 1 });
  });

  test("fail, and then nothing is done; lose the answer, and then it is", async () => {
    const failing = await opened({ capacity_gib: 10, fail_chance: 1 });
    await expect(madeVolume(failing)).rejects.toEqual(outcome("not-done"));
    expect(await failing.measure(callContext())).toMatchObject({ objectCount: 0 });
    const lossy = await opened({ capacity_gib: 10, lose_answer_chance: 1 });
    await expect(madeVolume(lossy)).rejects.toEqual(outcome("unknown"));
    expect(await lossy.measure(callContext())).toMatchObject({ objectCount: 1 });
  });

  test("by chance: the same seed fails the same calls, another seed others, and a repeated try passes in the end", async () => {
    const volumes = Array.from({ length: 40 }, (_, n) =>
      volumeRef({ id: `00000000-0000-4000-8000-${String(n).padStart(12, "0")}` }),
    );
    async function failures(seed: number): Promise<boolean[]> {
      const driver = await opened({ capacity_gib: 100, fail_chance: 0.5, seed });
      const tries = volumes.map((volume) =>
        driver.createVolume(callContext(), volume, MARK).then(
          () => false,
          () => true,
        ),
      );
      const failed = await Promise.all(tries);
      for (const volume of volumes) {
        let done = false;
        for (let tries = 0; tries < 50 && !done; tries++)
          done = await driver.createVolume(callContext(), volume, MARK).then(
            () => true,
            () => false,
          );
        expect(done).toBe(true);
      }
      return failed;
    }
    const first = await failures(7);
    expect(first.filter(Boolean).length).toBeGreaterThan(8);
    expect(first.filter(Boolean).length).toBeLessThan(32);
    expect(await failures(7)).toEqual(first);
    expect(await failures(8)).not.toEqual(first);
  });

  test("be slow or hang: until the call's own time is over, and nothing is done", async () => {
    for (const parameters of [{ hang: true }, { slow_ms: 3_600_000 }]) {
      const driver = await opened({ capacity_gib: 10, ...parameters });
      const context = callContext({ signal: AbortSignal.timeout(50) });
      await expect(driver.createVolume(context, volumeRef(), MARK)).rejects.toEqual(outcome("unknown"));
      expect(await driver.measure(callContext())).toMatchObject({ objectCount: 0 });
    }
    await madeVolume(await opened({ capacity_gib: 10, slow_ms: 1 }));
  });

  test("be dead: it cannot be opened", async () => {
    await expect(opened({ capacity_gib: 10, dead: true })).rejects.toMatchObject({ code: "E_BACKEND_NOT_OPEN" });
  });

  test("log its calls, as the logging driver always does, without secrets", async () => {
    for (const [driver, parameters] of [
      ["fake", { log_calls: true }],
      ["logging", {}],
    ] as const) {
      const lines: string[] = [];
      const stream = new Writable({
        write(chunk, _encoding, done) {
          lines.push(String(chunk));
          done();
        },
      });
      const context = callContext({ log: pino(stream) });
      const tools = driverTools(temporaryFolder());
      const logging = createDriver({ backend: backendRecord(driver, { capacity_gib: 10, ...parameters }), tools });
      await logging.open(context);
      onTestFinished(() => logging.close());
      const volume = volumeRef();
      const chap = credentials(volume);
      await logging.createVolume(context, volume, MARK);
      await logging.ensureExport(context, volume, chap, "rw");
      await logging.initializeConnection(context, volume, connectorOf(null), chap, "rw");
      const calls = lines.map((line) => /"call":"(\w+)"/.exec(line)?.[1]);
      expect(calls).toEqual(["open", "createVolume", "ensureExport", "initializeConnection"]);
      expect(lines.join("")).not.toContain(chap.secret.reveal());
    }
  });
});

describe("the registry", () => {
  const tools = () => driverTools(temporaryFolder());

  test("tells all that is wrong with a backend's parameters", () => {
    const backend = backendRecord("fake", { capacity_gib: -1, colour: "red" });
    expect(() => createDriver({ backend, tools: tools() })).toThrow(
      /backend 1 \(fake\).*capacity_gib.*colour|colour.*capacity_gib/,
    );
  });

  test("tells a driver that is not built from one that is unknown", () => {
    const code = (driver: string): string | null => {
      try {
        createDriver({ backend: backendRecord(driver, {}), tools: tools() });
        return null;
      } catch (error) {
        return error instanceof BerthError ? error.code : "another error";
      }
    };
    expect(code("rbd")).toBe("E_DRIVER_NOT_BUILT");
    expect(code("floppy")).toBe("E_DRIVER_UNKNOWN");
    expect(code("constructor")).toBe("E_DRIVER_UNKNOWN");
  });
});
