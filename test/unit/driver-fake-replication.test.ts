import { describe, expect, onTestFinished, test } from "vitest";
import type { Driver } from "#agent/drivers/driver.ts";
import { createDriver } from "#agent/drivers/registry.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { VolumeRef } from "#shared/model/operation.ts";
import { BYTES_PER_GIB } from "#shared/units.ts";
import { MARK, snapshotRef, volumeRef } from "#test/conformance/objects.ts";
import { backendRecord, callContext, driverTools } from "#test/kit/driver-context.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

const SPEC = { provisioning: null, compression: false, replication: true, vendor: {}, qos: null };

function replicated(): VolumeRef {
  return { ...volumeRef({ sizeBytes: BYTES_PER_GIB }), spec: SPEC };
}

class Mirrored {
  readonly #folder = temporaryFolder();

  async open(
    side: string | null,
    target: Backend["parameters"] = {},
    own: Backend["parameters"] = {},
    id = 1,
  ): Promise<Driver> {
    const replicationTargets = [{ name: "dr", parameters: { state_path: `${this.#folder}/dr`, ...target } }];
    const backend = backendRecord("fake", { capacity_gib: 100, ...own }, { id, replicationTargets });
    const driver = createDriver({ backend, side, tools: driverTools(this.#folder) });
    await driver.open(callContext());
    onTestFinished(() => driver.close());
    return driver;
  }
}

async function names(driver: Driver): Promise<string[]> {
  const { objects } = await driver.list(callContext(), null);
  return objects.map(({ id, sizeBytes }) => `${id} ${(sizeBytes ?? 0) / BYTES_PER_GIB}`).sort();
}

const takeOver = async (driver: Driver, from: string | null): Promise<void> =>
  await driver.replication?.takeOver(callContext(), from);

describe("a fake with a target", () => {
  test("reports that it mirrors, and mirrors what was promised, with its snapshots, sizes and deletes", async () => {
    const mirrored = new Mirrored();
    const own = await mirrored.open(null);
    expect((await own.measure(callContext())).capabilities).toContain("replication");
    const [one, two, plain] = [replicated(), replicated(), volumeRef({ sizeBytes: BYTES_PER_GIB })];
    for (const volume of [one, two, plain]) await own.createVolume(callContext(), volume, MARK);
    await own.extendVolume(callContext(), one, 2 * BYTES_PER_GIB);
    const [kept, other] = [snapshotRef(one), snapshotRef(plain)];
    await own.createSnapshot(callContext(), kept, one, MARK);
    await own.createSnapshot(callContext(), other, plain, MARK);
    await own.deleteVolume(callContext(), two);
    const there = await mirrored.open("dr");
    expect(await names(there)).toEqual([`${one.id} 2`, `${kept.id} 2`].sort());
  });

  test("mirrors nothing over a broken link, and keeps what is newer at home when it comes back", async () => {
    const mirrored = new Mirrored();
    const before = replicated();
    await (await mirrored.open(null)).createVolume(callContext(), before, MARK);
    const own = await mirrored.open(null, { link_broken: true });
    const since = replicated();
    await own.createVolume(callContext(), since, MARK);
    await own.extendVolume(callContext(), before, 2 * BYTES_PER_GIB);
    const there = await mirrored.open("dr", { link_broken: true });
    await takeOver(there, null);
    expect(await names(there)).toEqual([`${before.id} 1`]);
    await takeOver(own, "dr");
    expect(await names(own)).toEqual([`${before.id} 2`, `${since.id} 1`].sort());
  });

  test("brings home what was done on the target, once, and not before the target can tell it", async () => {
    const mirrored = new Mirrored();
    const [grown, removed] = [replicated(), replicated()];
    const own = await mirrored.open(null);
    for (const volume of [grown, removed]) await own.createVolume(callContext(), volume, MARK);
    const there = await mirrored.open("dr", {}, { dead: true });
    for (let n = 0; n < 2; n++) await takeOver(there, null);
    await there.extendVolume(callContext(), grown, 3 * BYTES_PER_GIB);
    await there.deleteVolume(callContext(), removed);
    // Nothing reaches the side that was left.
    expect(await names(own)).toEqual([`${grown.id} 1`, `${removed.id} 1`].sort());
    const blind = await mirrored.open(null, { dead: true });
    await expect(takeOver(blind, "dr")).rejects.toMatchObject({ outcome: "unknown" });
    for (let n = 0; n < 2; n++) await takeOver(own, "dr");
    expect(await names(own)).toEqual([`${grown.id} 3`]);
  });

  test("mirrors what the storage system moves to another backend, and no longer where it was", async () => {
    const mirrored = new Mirrored();
    const [one, other] = [
      await mirrored.open(null, {}, { pool: "p" }),
      await mirrored.open(null, {}, { pool: "p" }, 2),
    ];
    const [volume, into] = [replicated(), replicated()];
    await one.createVolume(callContext(), volume, MARK);
    await one.migrateVolume?.(callContext(), volume, { driver: other, volume: into, mark: MARK });
    const there = [await mirrored.open("dr", {}, { pool: "p" }), await mirrored.open("dr", {}, { pool: "p" }, 2)];
    expect(await Promise.all(there.map(names))).toEqual([[], [`${into.id} 1`]]);
  });

  test("cannot be opened for a target that it does not have", async () => {
    await expect(new Mirrored().open("mars")).rejects.toThrow("no target mars");
  });
});
