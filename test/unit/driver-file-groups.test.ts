import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Driver } from "#agent/drivers/driver.ts";
import { snapshotName, volumeName } from "#agent/drivers/names.ts";
import { createDriver } from "#agent/drivers/registry.ts";
import type { DriverTools } from "#agent/drivers/tools.ts";
import { createCommandRunner } from "#agent/transport/command.ts";
import type { GroupMember, VolumeRef } from "#shared/model/operation.ts";
import { MARK, madeSnapshot, madeVolume, snapshotRef } from "#test/conformance/objects.ts";
import { backendRecord, callContext, driverTools, leaseFor } from "#test/kit/driver-context.ts";
import { filesIn } from "#test/kit/image-folder.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

const ID = "9bd3a4cc-5ae6-4c0b-9ad5-0a1b2c3d4e5f";

async function opened(folder: string, tools: Partial<DriverTools> = {}): Promise<Driver> {
  const backend = backendRecord("file", { path: folder, capacity_gib: 1 });
  const driver = createDriver({ backend, tools: { ...driverTools(folder), ...tools } });
  await driver.open(callContext());
  onTestFinished(() => driver.close());
  return driver;
}

function write(folder: string, { id }: VolumeRef, text: string): void {
  execFileSync("dd", [`of=${join(folder, volumeName(id))}`, "conv=notrunc", "status=none"], { input: text });
}

function read(folder: string, name: string, length: number): string {
  return readFileSync(join(folder, name)).subarray(0, length).toString();
}

async function membersOf(driver: Driver): Promise<GroupMember[]> {
  const volumes = [await madeVolume(driver), await madeVolume(driver)];
  return volumes.map((volume) => ({ volume, snapshot: snapshotRef(volume), mark: MARK }));
}

/** A runner that does `before` ahead of each copy, as often as it is there. */
function interrupted(before: (copies: number) => void): Partial<DriverTools> {
  const runner = createCommandRunner();
  let copies = 0;
  return {
    command: {
      run: async (context, program, args, options) => {
        if (args[0] === "convert") before(copies++);
        return await runner.run(context, program, args, options);
      },
    },
  };
}

describe("going back to a snapshot", () => {
  test("gives the volume the snapshot's bytes; the snapshot keeps them", async () => {
    const folder = temporaryFolder();
    const driver = await opened(folder);
    const volume = await madeVolume(driver);
    write(folder, volume, "before");
    const snapshot = await madeSnapshot(driver, volume);
    write(folder, volume, "after!");
    await driver.revertVolume?.(callContext(), volume, snapshot);
    expect(read(folder, volumeName(volume.id), 6)).toBe("before");
    expect(read(folder, snapshotName(snapshot.id), 6)).toBe("before");
  });

  test("cut short at any step leaves the old bytes or the snapshot's, never a mixture", async () => {
    const folder = temporaryFolder();
    const driver = await opened(folder);
    const seen = new Set<string>();
    for (let step = 0; step < 8; step++) {
      const volume = await madeVolume(driver);
      write(folder, volume, "before");
      const snapshot = await madeSnapshot(driver, volume);
      write(folder, volume, "after!");
      await driver.revertVolume?.(callContext({ guard: leaseFor(step) }), volume, snapshot).catch(() => undefined);
      const found = read(folder, volumeName(volume.id), 6);
      expect(["before", "after!"], `step ${step}`).toContain(found);
      seen.add(found);
      await driver.deleteSnapshot(callContext(), snapshot, volume);
      await driver.deleteVolume(callContext(), volume);
    }
    expect(seen.size).toBe(2);
  });
});

describe("a snapshot of a group", () => {
  test("is of one instant: what is written to the first while the second is copied is in neither, or it is made again", async () => {
    const folder = temporaryFolder();
    let all: GroupMember[] = [];
    // One writer, who writes to the first and then to the second; in between the copies of the first try.
    const tools = interrupted((copies) => {
      const [one, other] = all;
      if (copies !== 1 || one === undefined || other === undefined) return;
      write(folder, one.volume, "new");
      write(folder, other.volume, "new");
    });
    const driver = await opened(folder, tools);
    all = await membersOf(driver);
    for (const { volume } of all) write(folder, volume, "old");
    await driver.createGroupSnapshot?.(callContext(), ID, all);
    expect(all.map(({ snapshot }) => read(folder, snapshotName(snapshot.id), 3))).toEqual(["new", "new"]);
  });

  test("of volumes that are written to without pause is refused, and nothing of it is left", async () => {
    const folder = temporaryFolder();
    let all: GroupMember[] = [];
    const tools = interrupted((copies) => {
      const [one] = all;
      if (one !== undefined && copies % 2 === 1) write(folder, one.volume, String(copies));
    });
    const driver = await opened(folder, tools);
    all = await membersOf(driver);
    const before = await filesIn(folder);
    await expect(driver.createGroupSnapshot?.(callContext(), ID, all)).rejects.toMatchObject({
      outcome: "not-done",
      message: expect.stringContaining("of the group were written to"),
    });
    expect(await filesIn(folder)).toEqual(before);
  });

  test("that was cut short among its renames is finished with the same copies; before them it begins anew", async () => {
    const folder = temporaryFolder();
    const driver = await opened(folder);
    const outcomes = new Set<string>();
    for (let step = 1; step < 22; step += 2) {
      const all = await membersOf(driver);
      for (const { volume } of all) write(folder, volume, "old");
      await driver.createGroupSnapshot?.(callContext({ guard: leaseFor(step) }), ID, all).catch(() => undefined);
      for (const { volume } of all) write(folder, volume, "new");
      await driver.createGroupSnapshot?.(callContext(), ID, all);
      const found = all.map(({ snapshot }) => read(folder, snapshotName(snapshot.id), 3));
      expect(new Set(found).size, `step ${step}: ${found.join()}`).toBe(1);
      outcomes.add(found[0] ?? "");
      await driver.deleteGroupSnapshot?.(callContext(), ID, all);
      for (const { volume } of all) await driver.deleteVolume(callContext(), volume);
    }
    expect([...outcomes].sort()).toEqual(["new", "old"]);
  });

  test("of which a copy is gone is not told as whole", async () => {
    const folder = temporaryFolder();
    const driver = await opened(folder);
    const all = await membersOf(driver);
    writeFileSync(join(folder, `group-snapshot-${ID}.bond`), "");
    await expect(driver.createGroupSnapshot?.(callContext(), ID, all)).rejects.toMatchObject({ outcome: "unknown" });
    // The next try makes it anew.
    expect(await driver.createGroupSnapshot?.(callContext(), ID, all)).toHaveLength(all.length);
  });
});
