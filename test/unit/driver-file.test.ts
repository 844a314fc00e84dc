import { execFileSync } from "node:child_process";
import { constants, copyFileSync, existsSync, readdirSync, renameSync, statSync } from "node:fs";
import { open, readFile, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { type CallContext, type Driver, DriverError } from "#agent/drivers/driver.ts";
import { explained } from "#agent/drivers/file/failure.ts";
import { snapshotName, volumeName } from "#agent/drivers/names.ts";
import { createDriver } from "#agent/drivers/registry.ts";
import type { DriverTools } from "#agent/drivers/tools.ts";
import type { IscsiExport } from "#agent/export/iscsi-export.ts";
import { CommandFailed, type CommandRunner, createCommandRunner } from "#agent/transport/command.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { MARK, madeSnapshot, madeVolume, snapshotRef, volumeRef } from "#test/conformance/objects.ts";
import { backendRecord, callContext, driverTools } from "#test/kit/driver-context.ts";
import { filesIn } from "#test/kit/image-folder.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

const MIB = 1024 ** 2;
const notDone = expect.objectContaining({ outcome: "not-done" });

async function opened(
  folder: string,
  parameters: Backend["parameters"] = {},
  tools: Partial<DriverTools> = {},
): Promise<Driver> {
  const backend = backendRecord("file", { path: folder, capacity_gib: 1, ...parameters });
  const driver = createDriver({ backend, tools: { ...driverTools(folder), ...tools } });
  await driver.open(callContext());
  onTestFinished(() => driver.close());
  return driver;
}

function imageInfo(path: string, format: string): { virtualBytes: number } {
  const info: unknown = JSON.parse(
    execFileSync("qemu-img", ["info", "--output=json", "-f", format, path], { encoding: "utf8" }),
  );
  const virtualBytes =
    info !== null && typeof info === "object" && "virtual-size" in info ? Number(info["virtual-size"]) : Number.NaN;
  return { virtualBytes };
}

function qemuIo(path: string, format: string, ...commands: string[]): string {
  return execFileSync("qemu-io", ["-f", format, ...commands.flatMap((command) => ["-c", command]), path], {
    encoding: "utf8",
  });
}

test("an extend whose exports could not be told is not as if nothing had been done", async () => {
  const nothing = async () => undefined;
  const iscsi: IscsiExport = {
    ensure: nothing,
    remove: nothing,
    allow: nothing,
    disallow: nothing,
    refreshSize: async () => {
      throw new DriverError("not-done", "the target says no");
    },
    exported: async () => [],
    connectionInfo: () => ({ driverVolumeType: "iscsi", data: {} }),
  };
  const driver = await opened(temporaryFolder(), {}, { iscsi });
  const volume = volumeRef({ sizeBytes: MIB });
  await driver.createVolume(callContext(), volume, MARK);
  await expect(driver.extendVolume(callContext(), volume, 2 * MIB)).rejects.toMatchObject({
    outcome: "unknown",
    message: "the target says no",
  });
});

describe("marks and strangers", () => {
  test("an agent that wakes in its last call and renames the same mark makes the outcome unknown, and a try later all is well", async () => {
    const folder = temporaryFolder();
    const driver = await opened(folder);
    const volume = volumeRef();
    const mark = join(folder, `${volumeName(volume.id)}.json`);
    const tries = join(folder, ".new");
    // What the other agent does comes between this one's writing and renaming, the moment in which its lease is asked.
    const guard = {
      assertHeld: () => {
        const [written] = readdirSync(tries).filter((name) => name.endsWith(".json"));
        if (written !== undefined && !existsSync(mark)) renameSync(join(tries, written), mark);
      },
    };
    await expect(driver.createVolume(callContext({ guard }), volume, MARK)).rejects.toMatchObject({
      outcome: "unknown",
      message: expect.stringContaining("another agent was at"),
    });
    await driver.createVolume(callContext(), volume, MARK);
    expect((await filesIn(folder)).sort()).toEqual([volumeName(volume.id), `${volumeName(volume.id)}.json`]);
  });

  test("each image has its mark beside it: whose it is and how large", async () => {
    const folder = temporaryFolder();
    const driver = await opened(folder);
    const volume = await madeVolume(driver);
    const snapshot = await madeSnapshot(driver, volume);
    expect((await filesIn(folder)).sort()).toEqual(
      [volumeName(volume.id), snapshotName(snapshot.id)].flatMap((name) => [name, `${name}.json`]).sort(),
    );
    const mark: unknown = JSON.parse(await readFile(join(folder, `${snapshotName(snapshot.id)}.json`), "utf8"));
    const { sizeBytes } = volume;
    expect(mark).toEqual({
      version: 1,
      kind: "snapshot",
      id: snapshot.id,
      volumeId: volume.id,
      sizeBytes,
      format: "raw",
      owner: MARK,
      thick: false,
    });
  });

  test("images are for nobody else to read", async () => {
    const folder = temporaryFolder();
    for (const format of ["raw", "qcow2", "vhd"]) {
      const driver = await opened(join(folder, format), { format });
      await madeSnapshot(driver, await madeVolume(driver));
      for (const file of await filesIn(join(folder, format)))
        expect(statSync(join(folder, format, file)).mode & 0o077, `${format} ${file}`).toBe(0);
    }
  });

  test("what stands under our name without our mark is not touched by any operation", async () => {
    const folder = temporaryFolder();
    const driver = await opened(folder);
    const volume = volumeRef();
    const path = join(folder, volumeName(volume.id));
    await writeFile(path, "somebody's");
    for (const [mark, what] of [
      [null, "no mark"],
      ["{", "half a mark"],
      ["{}", "another's mark"],
    ] as const) {
      if (mark !== null) await writeFile(`${path}.json`, mark);
      await expect(driver.createVolume(callContext(), volume, MARK), what).rejects.toEqual(notDone);
      await expect(driver.extendVolume(callContext(), volume, volume.sizeBytes * 2), what).rejects.toEqual(notDone);
      await expect(driver.createSnapshot(callContext(), snapshotRef(volume), volume, MARK), what).rejects.toEqual(
        notDone,
      );
      await expect(driver.cloneVolume(callContext(), volumeRef(), MARK, volume), what).rejects.toEqual(notDone);
      await expect(driver.deleteVolume(callContext(), volume), what).rejects.toEqual(notDone);
      expect(await readFile(path, "utf8"), what).toBe("somebody's");
    }
    expect(await driver.measure(callContext())).toMatchObject({ objectCount: 0 });
  });

  test("other files in the folder are neither counted nor touched", async () => {
    const folder = temporaryFolder();
    const strangers = ["notes.json", "volume-1", "volume-1.json", ".hidden"];
    for (const name of strangers) await writeFile(join(folder, name), "x");
    const driver = await opened(folder);
    await driver.deleteVolume(callContext(), await madeVolume(driver));
    expect(await driver.measure(callContext())).toMatchObject({ objectCount: 0, provisioned: { bytes: 0 } });
    expect((await filesIn(folder)).sort()).toEqual([...strangers].sort());
  });

  test("a folder that cannot be made or written is told when the backend is opened", async () => {
    const folder = temporaryFolder();
    await writeFile(join(folder, "file"), "");
    await expect(opened(join(folder, "file", "images"))).rejects.toMatchObject({ outcome: "not-done" });
  });
});

describe("space", () => {
  test("thin images take none until written to; thick ones take all of it at once", async () => {
    const folder = temporaryFolder();
    for (const format of ["raw", "vhd", "qcow2"]) {
      const taken = async (allocation: string): Promise<number> => {
        const driver = await opened(join(folder, format, allocation), { format, allocation });
        const volume = await madeVolume(driver);
        await driver.extendVolume(callContext(), volume, 2 * volume.sizeBytes);
        await driver.cloneVolume(callContext(), volumeRef({ sizeBytes: 2 * volume.sizeBytes }), MARK, volume);
        const measured = await driver.measure(callContext());
        expect(measured.thin).toBe(allocation === "thin");
        expect(measured.costs.volume).toBe(allocation === "thin" ? "none" : "full");
        if (measured.provisioned.scope !== "backend") throw new Error("an image folder knows its own objects only");
        return measured.provisioned.allocatedBytes;
      };
      expect(await taken("thin"), format).toBeLessThan(4 * MIB);
      expect(await taken("thick"), format).toBe(4 * 64 * MIB);
    }
  });

  test("a flavor's way goes before the backend's, for snapshots, copies and growth as well", async () => {
    const parameters = { capacity_gib: 4 };
    const spec = { compression: false, vendor: {}, qos: null };
    for (const allocation of ["thin", "thick"]) {
      const other = allocation === "thin" ? "thick" : "thin";
      const folder = join(temporaryFolder(), allocation);
      const driver = await opened(folder, { ...parameters, allocation });
      const { provisioning } = await driver.measure(callContext());
      expect(provisioning).toMatchObject({ thin: { volume: "none" }, thick: { volume: "full", clone: "full" } });
      const volume = volumeRef({ spec: { ...spec, provisioning: other } });
      await driver.createVolume(callContext(), volume, MARK);
      await driver.extendVolume(callContext(), volume, 128 * MIB);
      const snapshot = await madeSnapshot(driver, { ...volume, sizeBytes: 128 * MIB });
      const copy = volumeRef({ sizeBytes: 128 * MIB, spec: { ...spec, provisioning: other } });
      await driver.cloneVolume(callContext(), copy, MARK, volume);
      for (const name of [volumeName(volume.id), snapshotName(snapshot.id), volumeName(copy.id)]) {
        const { blocks, size } = statSync(join(folder, name));
        expect(size).toBe(128 * MIB);
        if (other === "thick") expect(blocks * 512, name).toBeGreaterThanOrEqual(128 * MIB);
        else expect(blocks * 512, name).toBeLessThan(MIB);
      }
    }
  });

  test("no room on the disk, in the file system's words or in qemu-img's, is no-space", async () => {
    const full = Object.assign(new Error("write"), { code: "ENOSPC" });
    const quota = new CommandFailed("qemu-img", [], "ended with 1", 1, "qemu-img: error: Disk quota exceeded\n");
    for (const error of [full, quota])
      await expect(explained("x", "unknown", () => Promise.reject(error))).rejects.toMatchObject({
        outcome: "no-space",
      });
    const other = Object.assign(new Error("read"), { code: "EIO" });
    await expect(explained("x", "unknown", () => Promise.reject(other))).rejects.toMatchObject({ outcome: "unknown" });
  });

  test("a mark that another agent changed is read anew when measured", async () => {
    const folder = temporaryFolder();
    const [one, other] = [await opened(folder), await opened(folder)];
    const volume = await madeVolume(one);
    expect(await other.measure(callContext())).toMatchObject({ provisioned: { bytes: 64 * MIB } });
    await one.extendVolume(callContext(), volume, 128 * MIB);
    expect(await other.measure(callContext())).toMatchObject({ provisioned: { bytes: 128 * MIB } });
  });
});

describe("a creation that fails half way", () => {
  /** qemu-img as it is, but failing at the one thing told. */
  function failingAt(subcommand: string): CommandRunner {
    const real = createCommandRunner();
    return {
      run: (context, program, args, options) =>
        args[0] === subcommand
          ? Promise.reject(new CommandFailed(program, args, "ended with 1", 1, "told to fail"))
          : real.run(context, program, args, options),
    };
  }

  test("leaves nothing, whatever the format", async () => {
    const folder = temporaryFolder();
    for (const format of ["vhd", "qcow2"]) {
      const path = join(folder, format);
      const driver = await opened(path, { format }, { command: failingAt("create") });
      await expect(driver.createVolume(callContext(), volumeRef(), MARK)).rejects.toEqual(notDone);
      expect(await filesIn(path)).toEqual([]);
    }
  });

  test("by a crash leaves what the next creation or a deletion removes", async () => {
    const folder = temporaryFolder();
    const driver = await opened(folder);
    const volume = await madeVolume(driver);
    const image = join(folder, volumeName(volume.id));
    await rm(image);
    const left = join(folder, ".new", `${volumeName(volume.id)}.1790000000000-0123456789ab`);
    for (const path of [left, `${left}.json`, `${left}.footer`, `${image}.footer`]) await writeFile(path, "half");
    // A mark alone reserves, and does not stand.
    expect(await driver.measure(callContext())).toMatchObject({ objectCount: 0, provisioned: { bytes: 0 } });
    await driver.createVolume(callContext(), volume, MARK);
    expect((await stat(image)).size).toBe(volume.sizeBytes);
    expect((await filesIn(folder)).length).toBe(2);
    await writeFile(left, "half");
    await driver.deleteVolume(callContext(), volume);
    expect(await filesIn(folder)).toEqual([]);
  });
});

describe("formats", () => {
  test("a VHD is one that other programs read, with exactly its size, grown and copied too", async () => {
    const folder = temporaryFolder();
    const driver = await opened(folder, { format: "vhd" });
    const volume = await madeVolume(driver, { sizeBytes: 65 * MIB });
    const image = join(folder, volumeName(volume.id));
    expect(imageInfo(image, "vpc")).toEqual({ virtualBytes: 65 * MIB });
    qemuIo(image, "vpc", "write -P 0xa5 64M 1M");

    const snapshot = await madeSnapshot(driver, volume);
    await driver.extendVolume(callContext(), volume, 130 * MIB);
    const clone = volumeRef({ sizeBytes: 200 * MIB });
    await driver.cloneVolume(callContext(), clone, MARK, volume);
    for (const [name, sizeMib] of [
      [volumeName(volume.id), 130],
      [snapshotName(snapshot.id), 65],
      [volumeName(clone.id), 200],
    ] as const) {
      expect(imageInfo(join(folder, name), "vpc"), name).toEqual({ virtualBytes: sizeMib * MIB });
      expect(qemuIo(join(folder, name), "vpc", "read -P 0xa5 64M 1M"), name).not.toContain("failed");
      if (sizeMib > 65) expect(qemuIo(join(folder, name), "vpc", "read -P 0 65M 65M"), name).not.toContain("failed");
    }
  });

  test("a VHD's footer that a crash cut short is made anew", async () => {
    const folder = temporaryFolder();
    const driver = await opened(folder, { format: "vhd" });
    const volume = await madeVolume(driver);
    const image = join(folder, volumeName(volume.id));
    await truncate(image, volume.sizeBytes + 100);
    await driver.removeExport(callContext(), volume);
    expect((await stat(image)).size).toBe(volume.sizeBytes + 512);
    expect(imageInfo(image, "vpc")).toEqual({ virtualBytes: volume.sizeBytes });
  });

  test("qcow2 snapshots and clones hold the data of their moment, and depend on no other file", async () => {
    const folder = temporaryFolder();
    const driver = await opened(folder, { format: "qcow2" });
    const volume = await madeVolume(driver);
    const image = join(folder, volumeName(volume.id));
    qemuIo(image, "qcow2", "write -P 0xa5 1M 1M");
    const snapshot = await madeSnapshot(driver, volume);
    qemuIo(image, "qcow2", "write -P 0x11 1M 1M");
    const copy = volumeRef({ sizeBytes: 128 * MIB });
    await driver.createVolumeFromSnapshot(callContext(), copy, MARK, snapshot);
    await driver.deleteSnapshot(callContext(), snapshot, volume);
    await driver.deleteVolume(callContext(), volume);
    const copied = join(folder, volumeName(copy.id));
    expect(imageInfo(copied, "qcow2")).toEqual({ virtualBytes: 128 * MIB });
    expect(qemuIo(copied, "qcow2", "read -P 0xa5 1M 1M")).not.toContain("failed");
  });

  test("objects keep the format in which they were made when the backend's changes", async () => {
    const folder = temporaryFolder();
    const volume = await madeVolume(await opened(folder, { format: "vhd" }));
    const driver = await opened(folder, { format: "raw" });
    await driver.extendVolume(callContext(), volume, 128 * MIB);
    expect(imageInfo(join(folder, volumeName(volume.id)), "vpc")).toEqual({ virtualBytes: 128 * MIB });
  });

  test("a raw image is never probed for what it says of itself", async () => {
    const folder = temporaryFolder();
    const driver = await opened(folder);
    const volume = await madeVolume(driver);
    const image = join(folder, volumeName(volume.id));
    // What a guest can write: a qcow2 header that names a file of the host as its backing file.
    const bait = join(folder, "bait");
    await writeFile(bait, "the host's own".padEnd(MIB, "!"));
    const trap = join(folder, "trap.qcow2");
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", bait, trap, "64M"]);
    await using handle = await open(image, "r+");
    await handle.write(await readFile(trap), 0);
    const snapshot = await madeSnapshot(driver, volume);
    const copied = await readFile(join(folder, snapshotName(snapshot.id)));
    expect(copied.subarray(0, 4).toString("latin1")).toBe("QFI\xfb");
    expect(copied.includes("the host's own")).toBe(false);
  });
});

/** Where the file system can share blocks, a copy is one step and there is nothing to refuse. */
function reflinksIn(folder: string): boolean {
  try {
    copyFileSync(join(folder, "a"), join(folder, "b"), constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    return false;
  }
}

describe("a snapshot of a volume that is being written to", () => {
  /** qemu-img as it is, and a write to the original while it copies, so many times. */
  function writingDuring(copies: number, image: () => string): CommandRunner {
    const real = createCommandRunner();
    let left = copies;
    return {
      async run(context: CallContext, program, args, options) {
        const output = await real.run(context, program, args, options);
        if (args[0] === "convert" && left-- > 0) {
          await using handle = await open(image(), "r+");
          await handle.write("written meanwhile", 0);
        }
        return output;
      },
    };
  }

  test("is made again, and refused when the writing does not pause: never half of one state and half of another", async ({
    skip,
  }) => {
    const folder = temporaryFolder();
    await writeFile(join(folder, "a"), "");
    if (reflinksIn(folder)) skip("this file system shares blocks");
    let image = "";
    const once = await opened(folder, {}, { command: writingDuring(1, () => image) });
    const volume = await madeVolume(once);
    image = join(folder, volumeName(volume.id));
    const snapshot = await madeSnapshot(once, volume);
    const copied = await readFile(join(folder, snapshotName(snapshot.id)));
    expect(copied.subarray(0, 17).toString()).toBe("written meanwhile");

    const always = await opened(folder, {}, { command: writingDuring(100, () => image) });
    await utimes(image, new Date(0), new Date(0));
    await expect(always.createSnapshot(callContext(), snapshotRef(volume), volume, MARK)).rejects.toMatchObject({
      outcome: "not-done",
      message: expect.stringContaining("written to while it was copied"),
    });
    expect(await always.measure(callContext())).toMatchObject({ objectCount: 2 });
  });
});
