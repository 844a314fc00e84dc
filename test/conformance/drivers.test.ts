import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CallContext, type Driver, DriverError, LeaseLost } from "#agent/drivers/driver.ts";
import { driverNames } from "#agent/drivers/registry.ts";
import { perform } from "#agent/operations.ts";
import { DRIVERS } from "#shared/drivers/index.ts";
import { KeyRing } from "#shared/key-ring.ts";
import { BlockAddress } from "#shared/model/block-address.ts";
import { Measurement } from "#shared/model/capacity.ts";
import { type ListedObject, ListPage } from "#shared/model/listing.ts";
import type { GroupMember } from "#shared/model/operation.ts";
import { parser } from "#shared/schema.ts";
import { SealingKey } from "#shared/sealed.ts";
import { gibToBytes } from "#shared/units.ts";
import { callContext, leaseFor } from "#test/kit/driver-context.ts";
import { connectorOf, credentials, MARK, madeSnapshot, objectsOf, snapshotRef } from "./objects.ts";
import { OPTIONAL_ABILITIES } from "./subject.ts";
import { Bench, capacityOf, SUBJECTS, sizeOf } from "./subjects.ts";

const blockAddress = parser(BlockAddress);
const measurement = parser(Measurement);
const listPage = parser(ListPage);
const notDone = expect.objectContaining({ name: "DriverError", outcome: "not-done" });
const noSpace = expect.objectContaining({ name: "DriverError", outcome: "no-space" });

test("every driver that is declared is built, and held to these behaviours", () => {
  const declared = DRIVERS.map(({ name }) => name).sort();
  expect(driverNames().sort()).toEqual(declared);
  const held = SUBJECTS.filter(({ make }) => make === undefined);
  expect([...new Set(held.flatMap(({ driver, alike = [] }) => [driver, ...alike]))].sort()).toEqual(declared);
});

/** `npm run conformance` takes each step of the longest walk, `npm test` every other. */
const STRIDE = process.env.BERTH_CONFORMANCE === "full" ? 1 : 2;

/** What it failed with; null: it did not. */
async function failureOf(work: Promise<unknown>): Promise<Error | null> {
  const failure: unknown = await work.then(
    () => null,
    (error: unknown) => error,
  );
  if (failure !== null && !(failure instanceof Error)) throw new Error(`${String(failure)} was thrown`);
  return failure;
}

const GROUP_SNAPSHOT_ID = "9bd3a4cc-5ae6-4c0b-9ad5-0a1b2c3d4e5f";

describe.each(SUBJECTS)("$label", (subject) => {
  const SIZE_BYTES = sizeOf(subject);
  const { volumeRef, madeVolume } = objectsOf(SIZE_BYTES);
  const { keepsToCapacity = true, lacks = [], promisesSnapshots = true, snapshotsNeedVolume = false } = subject;
  const SNAPSHOT_BYTES = promisesSnapshots ? SIZE_BYTES : 0;
  let bench: Bench;
  let driver: Driver;
  beforeEach(async () => {
    bench = await Bench.set(subject, null);
    driver = await bench.agent();
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  /** What stands, as the scheduler will count it. */
  async function standing(by: Driver = driver): Promise<{ count: number; bytes: number }> {
    const { objectCount, provisioned } = measurement.parse(await by.measure(callContext()));
    return { count: objectCount, bytes: provisioned.bytes };
  }

  test("measures an empty backend", async () => {
    const measured = measurement.parse(await driver.measure(callContext()));
    expect(measured).toMatchObject({ objectCount: 0, provisioned: { bytes: 0 } });
    if (keepsToCapacity)
      expect(measured.backendLimitBytes ?? measured.totalBytes).toBe(gibToBytes(capacityOf(subject)));
    expect(measured.capabilities).toEqual(
      expect.arrayContaining(["snapshot", "create-from-snapshot", "clone", "extend"]),
    );
  });

  test("has the optional abilities that it reports, and no others", async () => {
    const { capabilities } = await driver.measure(callContext());
    const means = {
      revert: driver.revertVolume !== undefined,
      "group-snapshot": driver.createGroupSnapshot !== undefined,
      manage: driver.foreign !== undefined,
    };
    for (const ability of OPTIONAL_ABILITIES) {
      expect(means[ability], ability).toBe(!lacks.includes(ability));
      expect(capabilities.includes(ability), ability).toBe(!lacks.includes(ability));
    }
  });

  test("a backend can be opened again, and by other agents, which see the same", async () => {
    const volume = await madeVolume(driver);
    const other = await bench.agent();
    expect(await standing(other)).toEqual({ count: 1, bytes: SIZE_BYTES });
    expect((await other.measure(callContext())).poolId).toBe((await driver.measure(callContext())).poolId);
    await other.deleteVolume(callContext(), volume);
    expect(await standing()).toEqual({ count: 0, bytes: 0 });
  });

  test("a volume becomes one of another flavor where it stands, also when it is told twice", async () => {
    if (!(await driver.measure(callContext())).capabilities.includes("retype")) return;
    const volume = await madeVolume(driver);
    const mark = { ...MARK, flavorName: "silver" };
    for (let time = 0; time < 2; time++) await driver.retypeVolume?.(callContext(), volume, mark);
    const { objects } = await driver.list(callContext(), null);
    expect(objects).toMatchObject([{ id: volume.id, sizeBytes: SIZE_BYTES, whole: true, mark }]);
    await expect(driver.retypeVolume?.(callContext(), volumeRef(), mark)).rejects.toEqual(notDone);
  });

  test("a volume created twice stands once", async () => {
    const volume = volumeRef();
    const first = await driver.createVolume(callContext(), volume, MARK);
    expect(await driver.createVolume(callContext(), volume, MARK)).toEqual(first);
    expect(await standing()).toEqual({ count: 1, bytes: SIZE_BYTES });
  });

  test("a volume created again with another size is refused, and stays as it is", async () => {
    const volume = await madeVolume(driver);
    const other = { ...volume, sizeBytes: 2 * SIZE_BYTES };
    await expect(driver.createVolume(callContext(), other, MARK)).rejects.toEqual(notDone);
    expect(await standing()).toEqual({ count: 1, bytes: SIZE_BYTES });
  });

  test("tells where the bytes of a volume that stands are, if it can tell, and changes nothing by it", async () => {
    if (driver.blockAddress === undefined) return;
    const volume = await madeVolume(driver);
    const before = await bench.leftovers();
    const address = blockAddress.parse(await driver.blockAddress(callContext(), volume));
    expect(await driver.blockAddress(callContext(), volume)).toEqual(address);
    expect(await bench.leftovers()).toEqual(before);
    await expect(driver.blockAddress(callContext(), volumeRef())).rejects.toEqual(notDone);
  });

  test("the first and the last of all ids will do", async () => {
    for (const digit of ["0", "f"])
      await madeVolume(driver, { id: "01234567-0123-0123-0123-0123456789ab".replace(/\w/g, digit) });
    expect(await standing()).toEqual({ count: 2, bytes: 2 * SIZE_BYTES });
  });

  test("a volume deleted twice is gone; one that never was is gone", async () => {
    const volume = await madeVolume(driver);
    await driver.deleteVolume(callContext(), volume);
    await driver.deleteVolume(callContext(), volume);
    await driver.deleteVolume(callContext(), volumeRef());
    expect(await standing()).toEqual({ count: 0, bytes: 0 });
    expect(await bench.leftovers()).toEqual([]);
  });

  test("an extension done twice is done once; a volume is never made smaller", async () => {
    const volume = await madeVolume(driver);
    await driver.extendVolume(callContext(), volume, 2 * SIZE_BYTES);
    await driver.extendVolume(callContext(), volume, 2 * SIZE_BYTES);
    expect(await standing()).toEqual({ count: 1, bytes: 2 * SIZE_BYTES });
    await expect(driver.extendVolume(callContext(), volume, SIZE_BYTES)).rejects.toEqual(notDone);
    await expect(driver.extendVolume(callContext(), volumeRef(), SIZE_BYTES)).rejects.toEqual(notDone);
    expect(await standing()).toEqual({ count: 1, bytes: 2 * SIZE_BYTES });
  });

  test("a snapshot made twice stands once, deleted twice is gone, and needs its volume", async () => {
    const volume = await madeVolume(driver);
    const snapshot = await madeSnapshot(driver, volume);
    await driver.createSnapshot(callContext(), snapshot, volume, MARK);
    expect(await standing()).toEqual({ count: 2, bytes: SIZE_BYTES + SNAPSHOT_BYTES });
    await driver.deleteSnapshot(callContext(), snapshot, volume);
    await driver.deleteSnapshot(callContext(), snapshot, volume);
    expect(await standing()).toEqual({ count: 1, bytes: SIZE_BYTES });
    const nowhere = volumeRef();
    await expect(driver.createSnapshot(callContext(), snapshotRef(nowhere), nowhere, MARK)).rejects.toEqual(notDone);
  });

  test("copies may be larger than their original, not smaller, and need it", async () => {
    const source = await madeVolume(driver);
    const snapshot = await madeSnapshot(driver, source);
    const larger = volumeRef({ sizeBytes: 2 * SIZE_BYTES });
    await driver.createVolumeFromSnapshot(callContext(), larger, MARK, snapshot);
    await driver.createVolumeFromSnapshot(callContext(), larger, MARK, snapshot);
    await driver.cloneVolume(callContext(), volumeRef(), MARK, source);
    expect(await standing()).toEqual({ count: 4, bytes: 4 * SIZE_BYTES + SNAPSHOT_BYTES });

    const smaller = volumeRef({ sizeBytes: SIZE_BYTES / 2 });
    await expect(driver.cloneVolume(callContext(), smaller, MARK, source)).rejects.toEqual(notDone);
    await expect(driver.createVolumeFromSnapshot(callContext(), smaller, MARK, snapshot)).rejects.toEqual(notDone);
    await expect(driver.cloneVolume(callContext(), volumeRef(), MARK, volumeRef())).rejects.toEqual(notDone);
    await expect(
      driver.createVolumeFromSnapshot(callContext(), volumeRef(), MARK, snapshotRef(source)),
    ).rejects.toEqual(notDone);
    expect(await standing()).toEqual({ count: 4, bytes: 4 * SIZE_BYTES + SNAPSHOT_BYTES });
  });

  test("a copy outlives its original", async () => {
    const source = await madeVolume(driver);
    const snapshot = await madeSnapshot(driver, source);
    const copy = volumeRef();
    await driver.createVolumeFromSnapshot(callContext(), copy, MARK, snapshot);
    await driver.deleteSnapshot(callContext(), snapshot, source);
    await driver.deleteVolume(callContext(), source);
    expect(await standing()).toEqual({ count: 1, bytes: SIZE_BYTES });
    await driver.extendVolume(callContext(), copy, 2 * SIZE_BYTES);
  });

  /** All pages, as an audit reads them. */
  async function listed(by: Driver = driver): Promise<{ objects: ListedObject[]; foreign: string[]; pages: number }> {
    const all: { objects: ListedObject[]; foreign: string[]; pages: number } = { objects: [], foreign: [], pages: 0 };
    for (let after: string | null = null, more = true; more; more = after !== null) {
      const page: ListPage = listPage.parse(await by.list(callContext(), after));
      all.objects.push(...page.objects);
      all.foreign.push(...page.foreign);
      all.pages += 1;
      after = page.next;
    }
    return all;
  }

  test("lists what stands there with its marks, whoever made it, and nothing that is gone", async () => {
    expect((await driver.measure(callContext())).capabilities).toContain("marks");
    expect(await listed()).toEqual({ objects: [], foreign: [], pages: 1 });
    const volume = await madeVolume(driver);
    const snapshot = await madeSnapshot(driver, volume);
    const unnamed = snapshotRef(volume);
    await driver.createSnapshot(callContext(), unnamed, volume, null);
    const clone = volumeRef();
    await driver.cloneVolume(callContext(), clone, { ...MARK, name: "its own" }, volume);
    await driver.extendVolume(callContext(), clone, 2 * SIZE_BYTES);
    await driver.deleteVolume(callContext(), await madeVolume(driver));

    const { objects, foreign } = await listed(await bench.agent());
    expect(foreign).toEqual([]);
    const common = { sizeBytes: SIZE_BYTES, mark: MARK, whole: true, ageMs: expect.any(Number) };
    const byId = new Map(objects.map((object) => [object.id, object]));
    expect(byId.get(volume.id)).toMatchObject({ ...common, kind: "volume", volumeId: volume.id });
    expect(byId.get(snapshot.id)).toMatchObject({ ...common, kind: "snapshot", volumeId: volume.id });
    expect(byId.get(unnamed.id)).toMatchObject({ kind: "snapshot", volumeId: volume.id, sizeBytes: SIZE_BYTES });
    expect(byId.get(clone.id)).toMatchObject({
      kind: "volume",
      mark: { ...MARK, name: "its own" },
      sizeBytes: 2 * SIZE_BYTES,
    });
    expect(objects.length).toBe(4);
  });

  test("lists what a lease lost at any step left of a creation as a part, or as whole, never as foreign", async () => {
    for (let step = 1, isCut = true; isCut; step++) {
      const volume = volumeRef();
      isCut = (await failureOf(driver.createVolume(callContext({ guard: leaseFor(step) }), volume, MARK))) !== null;
      const { objects, foreign } = await listed();
      expect(foreign, `step ${step}`).toEqual([]);
      expect(objects.map(({ id }) => id).filter((id) => id !== volume.id)).toEqual([]);
      const { count } = await standing();
      expect(objects.filter(({ whole }) => whole).length, `step ${step}`).toBe(count);
      await driver.deleteVolume(callContext(), volume);
    }
  });

  test.runIf(keepsToCapacity)("beyond its capacity nothing is made, and nothing is left behind", async () => {
    const volume = await madeVolume(driver, { sizeBytes: 5 * SIZE_BYTES });
    const snapshot = snapshotRef(volume);
    const before = await bench.leftovers();
    const tooMuch = volumeRef({ sizeBytes: 4 * SIZE_BYTES });
    await expect(driver.createVolume(callContext(), tooMuch, MARK)).rejects.toEqual(noSpace);
    await expect(driver.extendVolume(callContext(), volume, 9 * SIZE_BYTES)).rejects.toEqual(noSpace);
    if (promisesSnapshots)
      await expect(driver.createSnapshot(callContext(), snapshot, volume, MARK)).rejects.toEqual(noSpace);
    await expect(
      driver.cloneVolume(callContext(), volumeRef({ sizeBytes: 5 * SIZE_BYTES }), MARK, volume),
    ).rejects.toEqual(noSpace);
    expect(await standing()).toEqual({ count: 1, bytes: 5 * SIZE_BYTES });
    expect(await bench.leftovers()).toEqual(before);
    await madeVolume(driver, { sizeBytes: 3 * SIZE_BYTES });
  });

  test("copies are as large as they are asked to be, and nothing that is larger becomes smaller by them", async () => {
    const volume = await madeVolume(driver);
    const snapshot = await madeSnapshot(driver, volume);
    const [copy, clone] = [volumeRef({ sizeBytes: 2 * SIZE_BYTES }), volumeRef({ sizeBytes: 2 * SIZE_BYTES })];
    await driver.createVolumeFromSnapshot(callContext(), copy, MARK, snapshot);
    await driver.cloneVolume(callContext(), clone, MARK, volume);
    expect(await standing()).toEqual({ count: 4, bytes: 5 * SIZE_BYTES + SNAPSHOT_BYTES });
    const small = volumeRef({ sizeBytes: SIZE_BYTES });
    await expect(driver.cloneVolume(callContext(), small, MARK, clone)).rejects.toEqual(notDone);
  });

  describe.skipIf(lacks.includes("revert"))("going back to a snapshot", () => {
    test("done twice is done once, keeps both, and needs both of one size", async () => {
      const volume = await madeVolume(driver);
      const snapshot = await madeSnapshot(driver, volume);
      await driver.revertVolume?.(callContext(), volume, snapshot);
      await driver.revertVolume?.(callContext(), volume, snapshot);
      expect(await standing()).toEqual({ count: 2, bytes: SIZE_BYTES + SNAPSHOT_BYTES });
      if (subject.connects !== "not") await bench.assertAtRest(volume.id, SIZE_BYTES);
      await expect(driver.revertVolume?.(callContext(), volume, snapshotRef(volume))).rejects.toEqual(notDone);
      await expect(driver.revertVolume?.(callContext(), volumeRef(), snapshot)).rejects.toEqual(notDone);
      await driver.extendVolume(callContext(), volume, 2 * SIZE_BYTES);
      await expect(driver.revertVolume?.(callContext(), volume, snapshot)).rejects.toEqual(notDone);
      expect(await standing()).toEqual({ count: 2, bytes: 2 * SIZE_BYTES + SNAPSHOT_BYTES });
    });

    test("with the lease lost at any step is healed by the next try, and a deletion leaves nothing", async () => {
      for (let step = 0, isCut = true; isCut; step++) {
        const volume = await madeVolume(driver);
        const snapshot = await madeSnapshot(driver, volume);
        const files = await bench.leftovers();
        const first = await failureOf(
          driver.revertVolume?.(callContext({ guard: leaseFor(step) }), volume, snapshot) ?? Promise.resolve(),
        );
        isCut = first !== null;
        if (isCut) expect(first, `step ${step}`).toBeInstanceOf(LeaseLost);
        expect((await listed()).objects.length, `step ${step}`).toBe(2);
        if (step % 2 === 0) {
          await driver.revertVolume?.(callContext(), volume, snapshot);
          expect(await bench.leftovers(), `step ${step}`).toEqual(files);
        }
        await driver.deleteSnapshot(callContext(), snapshot, volume);
        await driver.deleteVolume(callContext(), volume);
        expect(await bench.leftovers(), `step ${step}`).toEqual([]);
      }
    });
  });

  describe.skipIf(lacks.includes("group-snapshot"))("a snapshot of a group", () => {
    async function members(): Promise<GroupMember[]> {
      const volumes = [await madeVolume(driver), await madeVolume(driver)];
      return volumes.map((volume) => ({ volume, snapshot: snapshotRef(volume), mark: MARK }));
    }
    const create = async (all: readonly GroupMember[], context = callContext(), id = GROUP_SNAPSHOT_ID) =>
      await driver.createGroupSnapshot?.(context, id, all);
    const remove = async (all: readonly GroupMember[]) =>
      await perform(
        driver,
        callContext(),
        { kind: "group-snapshot.delete", groupSnapshotId: GROUP_SNAPSHOT_ID, members: [...all] },
        {
          sealingKey: new KeyRing(() => [new SealingKey(SealingKey.generate())]),
          driverOf: async () => driver,
        },
      );

    test("made twice stands once, deleted twice is gone", async () => {
      const all = await members();
      const before = await bench.leftovers();
      const made = await create(all);
      expect(made?.map(({ snapshotId }) => snapshotId)).toEqual(all.map(({ snapshot }) => snapshot.id));
      expect(await create(all)).toEqual(made);
      expect(await standing()).toEqual({ count: 4, bytes: 2 * (SIZE_BYTES + SNAPSHOT_BYTES) });
      const marks = (await listed()).objects.filter(({ kind }) => kind === "snapshot").map(({ mark }) => mark);
      expect(marks).toEqual([MARK, MARK]);
      await remove(all);
      await remove(all);
      expect(await bench.leftovers()).toEqual(before);
    });

    test("that cannot be made of all is made of none", async () => {
      const all = await members();
      const before = { files: await bench.leftovers(), standing: await standing() };
      const [one] = all;
      const missing = volumeRef();
      const lost = { volume: missing, snapshot: snapshotRef(missing), mark: MARK };
      if (one === undefined) throw new Error("there are no members");
      await expect(create([one, lost])).rejects.toEqual(notDone);
      if (!keepsToCapacity || !promisesSnapshots) return;
      const large = await madeVolume(driver, { sizeBytes: 5 * SIZE_BYTES });
      const tooLarge = { volume: large, snapshot: snapshotRef(large), mark: MARK };
      await expect(create([one, tooLarge])).rejects.toEqual(noSpace);
      await driver.deleteVolume(callContext(), large);
      expect({ files: await bench.leftovers(), standing: await standing() }).toEqual(before);
    });

    test("with the lease lost at any step is healed by the next try or a deletion", async () => {
      for (let step = 0, isCut = true; isCut; step++) {
        const all = await members();
        const before = await bench.leftovers();
        const first = await failureOf(create(all, callContext({ guard: leaseFor(step) })));
        isCut = first !== null;
        if (isCut) expect(first, `step ${step}`).toBeInstanceOf(LeaseLost);
        expect((await listed()).foreign, `step ${step}`).toEqual([]);
        if (step % 2 === 0) {
          await create(all);
          const bytes = 2 * (SIZE_BYTES + SNAPSHOT_BYTES);
          expect(await standing(), `step ${step}`).toEqual({ count: 4, bytes });
        }
        await remove(all);
        expect(await bench.leftovers(), `step ${step}`).toEqual(before);
        for (const { volume } of all) await driver.deleteVolume(callContext(), volume);
      }
    });
  });

  test.runIf(keepsToCapacity)("ten at once, of which eight have room: never more than eight stand", async () => {
    const agents = [driver, await bench.agent()];
    const made = await Promise.allSettled(Array.from({ length: 10 }, (_, n) => madeVolume(agents[n % 2] ?? driver)));
    const failed = made.filter((one) => one.status === "rejected").map((one) => one.reason);
    expect(failed.length).toBeGreaterThanOrEqual(2);
    for (const reason of failed) expect(reason).toEqual(noSpace);
    expect(await standing()).toEqual({ count: 10 - failed.length, bytes: (10 - failed.length) * SIZE_BYTES });
  });

  describe("calls that must stop", () => {
    type Call = (context: CallContext) => Promise<unknown>;

    /**
     * Each operation that changes something, on objects that are there; done all, four objects stand. Where a volume is
     * not deleted before its snapshots it is another one that is, and five stand.
     */
    async function changes(): Promise<{ calls: Record<string, Call>; deleteTheRest: () => Promise<void> }> {
      const volume = await madeVolume(driver);
      const snapshot = await madeSnapshot(driver, volume);
      const doomed = snapshotsNeedVolume ? await madeVolume(driver) : volume;
      const [fresh, copy, clone] = [volumeRef(), volumeRef(), volumeRef()];
      const other = snapshotRef(volume);
      const calls: Record<string, Call> = {
        create: (context) => driver.createVolume(context, fresh, MARK),
        "create from a snapshot": (context) => driver.createVolumeFromSnapshot(context, copy, MARK, snapshot),
        clone: (context) => driver.cloneVolume(context, clone, MARK, volume),
        extend: (context) => driver.extendVolume(context, volume, 2 * SIZE_BYTES),
        snapshot: (context) => driver.createSnapshot(context, other, volume, MARK),
        "delete a snapshot": (context) => driver.deleteSnapshot(context, snapshot, volume),
        delete: (context) => driver.deleteVolume(context, doomed),
      };
      const deleteTheRest = async (): Promise<void> => {
        await driver.deleteSnapshot(callContext(), other, volume);
        for (const one of [volume, fresh, copy, clone]) await driver.deleteVolume(callContext(), one);
      };
      return { calls, deleteTheRest };
    }

    /** The last snapshot was taken after the extension. */
    const whenAllIsDone = snapshotsNeedVolume
      ? { count: 5, bytes: 5 * SIZE_BYTES + 2 * SNAPSHOT_BYTES }
      : { count: 4, bytes: 3 * SIZE_BYTES + 2 * SNAPSHOT_BYTES };

    test("without the lease nothing is changed", async () => {
      const { calls } = await changes();
      const before = { standing: await standing(), files: await bench.leftovers() };
      for (const [name, call] of Object.entries(calls)) {
        await expect(call(callContext({ guard: leaseFor(0) })), name).rejects.toBeInstanceOf(LeaseLost);
        expect({ standing: await standing(), files: await bench.leftovers() }, name).toEqual(before);
      }
    });

    test("a lease lost at any step leaves something that the next try or a deletion heals", async () => {
      // Operations that had fewer steps are only done, for the others stand upon them.
      const over = new Set<string>();
      for (let step = 1, isCut = true; isCut; step += STRIDE) {
        isCut = false;
        const { calls, deleteTheRest } = await changes();
        for (const [name, call] of Object.entries(calls)) {
          const first = over.has(name) ? null : await failureOf(call(callContext({ guard: leaseFor(step) })));
          if (first === null) over.add(name);
          else expect(first, `${name}, step ${step}`).toBeInstanceOf(LeaseLost);
          isCut ||= first !== null;
          await call(callContext());
          if (first !== null) await call(callContext());
        }
        expect(await standing(), `step ${step}`).toEqual(whenAllIsDone);
        await deleteTheRest();
        expect(await bench.leftovers(), `step ${step}`).toEqual([]);
      }
    });

    test("what a lease lost at any step leaves of a creation, a deletion removes", async () => {
      for (let step = 1, isCut = true; isCut; step++) {
        const volume = volumeRef();
        isCut = (await failureOf(driver.createVolume(callContext({ guard: leaseFor(step) }), volume, MARK))) !== null;
        await driver.deleteVolume(callContext(), volume);
        expect(await bench.leftovers(), `step ${step}`).toEqual([]);
      }
    });

    test("a call past its time says so, and a repeated one heals it", async () => {
      const { calls } = await changes();
      for (const [name, call] of Object.entries(calls)) {
        const failure: unknown = await call(callContext({ signal: AbortSignal.abort() })).catch((error) => error);
        expect(failure, name).toBeInstanceOf(DriverError);
        if (failure instanceof DriverError) expect(["unknown", "not-done"], name).toContain(failure.outcome);
        await call(callContext());
      }
      expect(await standing()).toEqual(whenAllIsDone);
    });
  });

  test.runIf(subject.connects === "in name")(
    "names a connection, the same each time, and ends what never was",
    async () => {
      const volume = await madeVolume(driver);
      const chap = credentials(volume);
      await driver.terminateConnection(callContext(), volume, connectorOf("iqn.2026-01.test.host:h1"));
      await driver.removeExport(callContext(), volume);
      await driver.ensureExport(callContext(), volume, chap, "rw");
      const connector = connectorOf("iqn.2026-01.test.host:h1");
      const info = await driver.initializeConnection(callContext(), volume, connector, chap, "rw");
      expect(await driver.initializeConnection(callContext(), volume, connector, chap, "rw")).toEqual(info);
      expect(JSON.stringify(info)).not.toContain(chap.secret.reveal());
    },
  );

  test.runIf(subject.connects !== "in name")("without a target it offers no connection and refuses one", async () => {
    const volume = await madeVolume(driver);
    expect((await driver.measure(callContext())).capabilities).not.toContain("connect");
    await expect(driver.ensureExport(callContext(), volume, credentials(volume), "rw")).rejects.toEqual(notDone);
    await driver.terminateConnection(callContext(), volume, connectorOf(null));
    await driver.removeExport(callContext(), volume);
  });
});
