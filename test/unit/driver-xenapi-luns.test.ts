import { describe, expect, test } from "vitest";
import type { Driver, ForeignObjects } from "#agent/drivers/driver.ts";
import { gibToBytes } from "#shared/units.ts";
import { MARK, volumeRef } from "#test/conformance/objects.ts";
import { callContext, leaseFor } from "#test/kit/driver-context.ts";
import { recordsIn } from "#test/kit/xen-client.ts";
import { XenStand } from "#test/kit/xen-stand.ts";

const notDone = expect.objectContaining({ name: "DriverError", outcome: "not-done" });
/** LUNs of 1, 1, 2 … 4 GiB. */
const CAPACITY_GIB = 16;

function foreignOf({ foreign }: Driver): ForeignObjects {
  if (foreign === undefined) throw new Error("it has nothing of others");
  return foreign;
}

async function opened(type: string): Promise<{ stand: XenStand; driver: Driver }> {
  const stand = await XenStand.start({ capacityGib: CAPACITY_GIB });
  const parameters =
    type === "iscsi" ? { target: stand.detail("iscsiTarget"), targetIQN: stand.detail("iscsiTargetIqn") } : {};
  return { stand, driver: await stand.driver(type, parameters) };
}

async function luns(driver: Driver) {
  return (await foreignOf(driver).list(callContext(), null)).objects;
}

describe("LUN-per-VDI", () => {
  test.each(["iscsi", "rawhba"])("%s makes no volumes, and says how to get one", async (type) => {
    const { driver } = await opened(type);
    const volume = volumeRef({ sizeBytes: gibToBytes(1) });
    await expect(driver.createVolume(callContext(), volume, MARK)).rejects.toMatchObject({
      outcome: "not-done",
      message: expect.stringContaining("berth volume manage"),
    });
    expect(await driver.measure(callContext())).toMatchObject({ freeBytes: 0, totalBytes: gibToBytes(CAPACITY_GIB) });
  });

  test.each(["iscsi", "hba", "rawhba"])("LUNs of %s are taken over, and given back with their data", async (type) => {
    const { stand, driver } = await opened(type);
    const [lun] = await luns(driver);
    if (lun === undefined || lun.sizeBytes === null) throw new Error("there are no LUNs");
    expect((await luns(driver)).length).toBe(8);
    const volume = volumeRef({ sizeBytes: lun.sizeBytes });
    const wanted = { reference: lun.reference, identity: lun.identity, foundBytes: lun.sizeBytes };
    const take = (context = callContext()) => foreignOf(driver).takeOver(context, volume, MARK, wanted);
    for (const other of [
      { ...wanted, identity: "another" },
      { ...wanted, foundBytes: 1 },
      { ...wanted, reference: "x" },
    ])
      await expect(foreignOf(driver).takeOver(callContext(), volume, MARK, other)).rejects.toEqual(notDone);
    await expect(
      foreignOf(driver).takeOver(callContext(), { ...volume, sizeBytes: 2 * volume.sizeBytes }, MARK, wanted),
    ).rejects.toEqual(notDone);
    const first = await take();
    expect(await take()).toEqual(first);
    expect((await driver.list(callContext(), null)).objects).toMatchObject([
      { id: volume.id, sizeBytes: volume.sizeBytes, mark: MARK, whole: true },
    ]);
    expect((await luns(driver)).map(({ reference }) => reference)).not.toContain(lun.reference);
    await foreignOf(driver).letGo(callContext(), volume, lun.reference);
    await foreignOf(driver).letGo(callContext(), volume, lun.reference);
    expect(await luns(driver)).toContainEqual(lun);
    expect((await driver.measure(callContext())).objectCount).toBe(0);
    expect(recordsIn(stand.objects, "VDI")).toHaveLength(8);
  });

  test("a LUN is taken and given back whichever step the lease is lost at", async () => {
    const { driver } = await opened("iscsi");
    const [lun] = await luns(driver);
    if (lun === undefined || lun.sizeBytes === null) throw new Error("there are no LUNs");
    const wanted = { reference: lun.reference, identity: lun.identity, foundBytes: lun.sizeBytes };
    for (let changes = 0; changes < 4; changes++) {
      const volume = volumeRef({ sizeBytes: lun.sizeBytes });
      await foreignOf(driver)
        .takeOver(callContext({ guard: leaseFor(changes) }), volume, MARK, wanted)
        .catch(() => {});
      await foreignOf(driver).takeOver(callContext(), volume, MARK, wanted);
      await foreignOf(driver)
        .letGo(callContext({ guard: leaseFor(changes) }), volume, "let-go")
        .catch(() => {});
      await foreignOf(driver).letGo(callContext(), volume, "let-go");
      expect((await luns(driver)).map(({ reference }) => reference)).toContain("let-go");
      const again = { ...wanted, reference: "let-go" };
      await foreignOf(driver).takeOver(callContext(), volume, MARK, again);
      await foreignOf(driver).letGo(callContext(), volume, lun.reference);
      expect(await luns(driver)).toContainEqual(lun);
    }
  });

  test("hba takes the smallest free LUN that is large enough, and no more than there are", async () => {
    const { driver } = await opened("hba");
    const made = async (gib: number) => {
      const volume = volumeRef({ sizeBytes: gibToBytes(gib) });
      await driver.createVolume(callContext(), volume, MARK);
      await driver.createVolume(callContext(), volume, MARK);
      return volume;
    };
    const three = await made(3);
    expect((await driver.list(callContext(), null)).objects).toMatchObject([
      { id: three.id, sizeBytes: gibToBytes(3) },
    ]);
    await expect(made(3)).rejects.toMatchObject({ outcome: "no-space" });
    // The LUN is of 4 GiB: so far it may grow.
    await driver.extendVolume(callContext(), three, gibToBytes(4));
    await expect(driver.extendVolume(callContext(), three, gibToBytes(5))).rejects.toEqual(notDone);
    await driver.deleteVolume(callContext(), three);
    await made(4);
    expect((await driver.measure(callContext())).objectCount).toBe(1);
  });
});
