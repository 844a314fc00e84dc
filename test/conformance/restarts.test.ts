import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Driver } from "#agent/drivers/driver.ts";
import { callContext } from "#test/kit/driver-context.ts";
import { MARK, objectsOf, snapshotRef } from "./objects.ts";
import { Bench, SUBJECTS, sizeOf } from "./subjects.ts";

type Step = (driver: Driver) => Promise<unknown>;

/** An agent dies after each step of a volume's life; its successor does all of it again, and goes on. */
describe.each(SUBJECTS)("$label, restarted", (subject) => {
  const sizeBytes = sizeOf(subject);
  const snapshotBytes = (subject.promisesSnapshots ?? true) ? sizeBytes : 0;
  const { volumeRef } = objectsOf(sizeBytes);
  let bench: Bench;
  beforeEach(async () => {
    bench = await Bench.set(subject, null);
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  function life(): { readonly making: readonly Step[]; readonly unmaking: readonly Step[] } {
    const [volume, copy, clone] = [volumeRef(), volumeRef({ sizeBytes: 2 * sizeBytes }), volumeRef()];
    const snapshot = snapshotRef(volume);
    return {
      making: [
        (driver) => driver.createVolume(callContext(), volume, MARK),
        (driver) => driver.createSnapshot(callContext(), snapshot, volume, MARK),
        (driver) => driver.createVolumeFromSnapshot(callContext(), copy, MARK, snapshot),
        (driver) => driver.cloneVolume(callContext(), clone, MARK, volume),
      ],
      unmaking: [
        (driver) => driver.extendVolume(callContext(), clone, 2 * sizeBytes),
        (driver) => driver.deleteVolume(callContext(), clone),
        (driver) => driver.deleteVolume(callContext(), copy),
        (driver) => driver.deleteSnapshot(callContext(), snapshot, volume),
        (driver) => driver.deleteVolume(callContext(), volume),
      ],
    };
  }

  test("after each step of a volume's life, an agent goes on from there as if it had been one", async () => {
    const { making, unmaking } = life();
    const standing: unknown[] = [];
    let driver = await bench.agent();
    for (const step of making) {
      await step(driver);
      const { objectCount, provisioned } = await driver.measure(callContext());
      standing.push([objectCount, provisioned.bytes]);
    }
    for (const step of unmaking) {
      await step(driver);
      driver = await bench.restart(driver);
      await step(driver);
    }
    expect(standing).toEqual([
      [1, sizeBytes],
      [2, sizeBytes + snapshotBytes],
      [3, 3 * sizeBytes + snapshotBytes],
      [4, 4 * sizeBytes + snapshotBytes],
    ]);
    expect((await driver.measure(callContext())).objectCount).toBe(0);
    expect(await bench.leftovers()).toEqual([]);
  });

  test("every beginning of a volume's life is repeated by the next agent, and comes to the same end", async () => {
    for (let died = 1; died <= life().making.length; died++) {
      const { making, unmaking } = life();
      let driver = await bench.agent();
      for (const step of making.slice(0, died)) await step(driver);
      driver = await bench.restart(driver);
      for (const step of making) await step(driver);
      expect((await driver.measure(callContext())).objectCount, `died after step ${died}`).toBe(making.length);
      for (const step of unmaking) await step(driver);
      expect(await bench.leftovers(), `died after step ${died}`).toEqual([]);
      await bench.restart(driver);
    }
  });
});
