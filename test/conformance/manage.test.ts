import { createHash } from "node:crypto";
import { chmod, link, mkdir, readFile, rename, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { WantedForeign } from "#agent/drivers/driver.ts";
import { type Driver, type ForeignObjects, LeaseLost } from "#agent/drivers/driver.ts";
import { volumeName } from "#agent/drivers/names.ts";
import { ForeignPage } from "#shared/model/foreign.ts";
import type { VolumeRef } from "#shared/model/operation.ts";
import { parser } from "#shared/schema.ts";
import { callContext, leaseFor } from "#test/kit/driver-context.ts";
import { filesIn } from "#test/kit/image-folder.ts";
import { volumeRef as fileRef, MARK, madeVolume as madeFile, madeSnapshot, objectsOf } from "./objects.ts";
import { Bench, SIZE_BYTES as FILE_BYTES, SUBJECTS, sizeOf } from "./subjects.ts";

const pages = parser(ForeignPage);
const notDone = expect.objectContaining({ name: "DriverError", outcome: "not-done" });

function foreignOf({ foreign }: Driver): ForeignObjects {
  if (foreign === undefined) throw new Error("the driver reports manage and has no foreign objects");
  return foreign;
}

/** As the scheduler asks for it: what was just seen. */
async function seen(driver: Driver, reference: string): Promise<WantedForeign> {
  const found = await foreignOf(driver).describe(callContext(), reference);
  if (found === null || found.sizeBytes === null || found.whyNot !== null)
    throw new Error(`${reference}: ${found?.whyNot ?? "is not there"}`);
  return { reference, identity: found.identity, foundBytes: found.sizeBytes };
}

async function references(driver: Driver): Promise<string[]> {
  const { objects } = pages.parse(await foreignOf(driver).list(callContext(), null));
  return objects.map(({ reference }) => reference);
}

describe.each(SUBJECTS.filter(({ lacks = [] }) => !lacks.includes("manage")))("$label, of others", (subject) => {
  const SIZE_BYTES = sizeOf(subject);
  const { volumeRef, madeVolume } = objectsOf(SIZE_BYTES);
  let bench: Bench;
  let driver: Driver;
  beforeEach(async () => {
    bench = await Bench.set(subject, null);
    driver = await bench.agent();
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  async function letGo(): Promise<{ readonly volume: VolumeRef; readonly reference: string }> {
    const volume = await madeVolume(driver);
    const reference = `unmanaged-${volume.id}`;
    await foreignOf(driver).letGo(callContext(), volume, reference);
    return { volume, reference };
  }

  test("what is let go of twice is let go of once: it is not ours, bears no mark, and is told", async () => {
    const { volume, reference } = await letGo();
    await foreignOf(driver).letGo(callContext(), volume, reference);
    await foreignOf(driver).letGo(callContext(), volumeRef(), "never-was");
    expect(await references(driver)).toEqual([reference]);
    expect(await driver.list(callContext(), null)).toMatchObject({ objects: [], foreign: [reference] });
    expect((await driver.measure(callContext())).objectCount).toBe(0);
    // Deleting what was let go of deletes nothing.
    await driver.deleteVolume(callContext(), volume);
    expect(await references(driver)).toEqual([reference]);
  });

  test("what is taken over twice is taken over once, by another agent as well, and is a volume like any other", async () => {
    const { reference } = await letGo();
    const wanted = await seen(driver, reference);
    expect(wanted.foundBytes).toBe(SIZE_BYTES);
    const volume = volumeRef();
    const first = await foreignOf(driver).takeOver(callContext(), volume, MARK, wanted);
    expect(await foreignOf(await bench.agent()).takeOver(callContext(), volume, MARK, wanted)).toEqual(first);
    expect(await references(driver)).toEqual([]);
    const { objects } = await driver.list(callContext(), null);
    expect(objects).toMatchObject([{ kind: "volume", id: volume.id, sizeBytes: SIZE_BYTES, mark: MARK, whole: true }]);
    await driver.extendVolume(callContext(), volume, 2 * SIZE_BYTES);
    // A late repetition does not make it smaller again.
    await foreignOf(driver).takeOver(callContext(), volume, MARK, wanted);
    const snapshot = await madeSnapshot(driver, { ...volume, sizeBytes: 2 * SIZE_BYTES });
    await driver.cloneVolume(callContext(), volumeRef({ sizeBytes: 2 * SIZE_BYTES }), MARK, volume);
    const snapshotBytes = (subject.promisesSnapshots ?? true) ? 2 * SIZE_BYTES : 0;
    expect((await driver.measure(callContext())).provisioned.bytes).toBe(4 * SIZE_BYTES + snapshotBytes);
    await driver.deleteSnapshot(callContext(), snapshot, volume);
    await driver.deleteVolume(callContext(), volume);
    expect(await references(driver)).toEqual([]);
  });

  test("what is given back is what it was, though it had grown", async () => {
    const { reference } = await letGo();
    const wanted = await seen(driver, reference);
    const volume = volumeRef({ sizeBytes: 2 * SIZE_BYTES });
    await foreignOf(driver).takeOver(callContext(), volume, MARK, wanted);
    const { objects } = await driver.list(callContext(), null);
    expect(objects).toMatchObject([{ id: volume.id, sizeBytes: 2 * SIZE_BYTES }]);
    await foreignOf(driver).letGo(callContext(), volume, reference);
    const again = await seen(driver, reference);
    const foundBytes = (subject.shrinks ?? true) ? SIZE_BYTES : 2 * SIZE_BYTES;
    expect({ ...again, identity: "" }).toEqual({ ...wanted, identity: "", foundBytes });
  });

  test("only what was looked at is taken over; refused, all is as it was", async () => {
    const { reference } = await letGo();
    const wanted = await seen(driver, reference);
    for (const other of [
      { ...wanted, identity: "another" },
      { ...wanted, foundBytes: SIZE_BYTES / 2 },
      { ...wanted, reference: "not-there" },
      { ...wanted, reference: "../images/x" },
    ])
      await expect(foreignOf(driver).takeOver(callContext(), volumeRef(), MARK, other)).rejects.toEqual(notDone);
    const standing = await madeVolume(driver);
    await expect(foreignOf(driver).takeOver(callContext(), standing, MARK, wanted)).rejects.toEqual(notDone);
    expect(await seen(driver, reference)).toEqual(wanted);
    expect((await driver.measure(callContext())).objectCount).toBe(1);
  });

  test("a name that is taken is not given again", async () => {
    const { reference } = await letGo();
    const volume = await madeVolume(driver);
    await expect(foreignOf(driver).letGo(callContext(), volume, reference)).rejects.toEqual(notDone);
    const { objects } = await driver.list(callContext(), null);
    expect(objects).toMatchObject([{ id: volume.id, whole: true }]);
  });

  test("what does not fit is not taken over, and can be given back", async () => {
    const { reference } = await letGo();
    const wanted = await seen(driver, reference);
    const volume = volumeRef({ sizeBytes: 9 * SIZE_BYTES });
    const refused = foreignOf(driver).takeOver(callContext(), volume, MARK, wanted);
    await expect(refused).rejects.toMatchObject({ outcome: "no-space" });
    await foreignOf(driver).letGo(callContext(), volume, reference);
    expect({ ...(await seen(driver, reference)), identity: "" }).toEqual({ ...wanted, identity: "" });
    expect((await driver.measure(callContext())).objectCount).toBe(0);
  });

  /** Every change is cut once, in both ways on: longer than other tests. */
  const CUTS = { timeout: 180_000 };
  test(
    "at each change that the lease forbids, the data are there, and the next agent ends what was begun",
    CUTS,
    async () => {
      const { reference } = await letGo();
      const other = await bench.agent();
      for (let changes = 0; ; changes++) {
        const wanted = await seen(other, reference);
        const volume = volumeRef({ sizeBytes: 2 * SIZE_BYTES });
        const cut = foreignOf(driver).takeOver(callContext({ guard: leaseFor(changes) }), volume, MARK, wanted);
        const done = await cut.then(
          () => true,
          (error: unknown) => {
            expect(error).toBeInstanceOf(LeaseLost);
            return false;
          },
        );
        // Either way on is open: to the end, or back.
        if (changes % 2 === 0) await foreignOf(other).takeOver(callContext(), volume, MARK, wanted);
        for (let cuts = 0; ; cuts++) {
          const back = foreignOf(driver).letGo(callContext({ guard: leaseFor(cuts) }), volume, reference);
          if (
            await back.then(
              () => true,
              () => false,
            )
          )
            break;
          expect(cuts).toBeLessThan(50);
        }
        await foreignOf(other).letGo(callContext(), volume, reference);
        expect(await references(other)).toEqual([reference]);
        expect((await other.measure(callContext())).objectCount).toBe(0);
        if (done) return;
        expect(changes).toBeLessThan(50);
      }
    },
  );
});

describe("other people's files in a folder of raw images", () => {
  const subject = SUBJECTS.find(({ label }) => label === "file, raw");
  if (subject === undefined) throw new Error("there is no subject");
  let bench: Bench;
  let driver: Driver;
  let folder: string;
  beforeEach(async () => {
    bench = await Bench.set(subject, null);
    driver = await bench.agent();
    folder = join(bench.folder, "images");
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  async function whyNot(reference: string): Promise<string | null | undefined> {
    const { objects } = await foreignOf(driver).list(callContext(), null);
    const listed = objects.find((object) => object.reference === reference)?.whyNot;
    const described = (await foreignOf(driver).describe(callContext(), reference))?.whyNot;
    expect(described).toBe(listed);
    return described;
  }

  async function image(name: string, fields: { readonly sizeBytes?: number; readonly head?: string } = {}) {
    const { sizeBytes = FILE_BYTES, head = "data" } = fields;
    await writeFile(join(folder, name), head, { encoding: "latin1", mode: 0o640 });
    await truncate(join(folder, name), sizeBytes);
  }

  async function hashOf(path: string): Promise<string> {
    return createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
  }

  test("are told with their size, or with what is wrong with them", async () => {
    await image("good.img");
    await image("odd.img", { sizeBytes: FILE_BYTES + 1 });
    await image("empty.img", { sizeBytes: 0 });
    await image("disk.qcow2", { head: "QFI\xfb" });
    await image(".hidden");
    await mkdir(join(folder, "folder"));
    await symlink("/etc/passwd", join(folder, "link"));
    await image("two-names");
    await link(join(folder, "two-names"), join(folder, "second-name"));
    await writeFile(join(folder, "bad\nname"), "x");
    const volume = await madeFile(driver);
    expect(await whyNot("good.img")).toBeNull();
    expect(await whyNot("odd.img")).toContain("no multiple of 512");
    expect(await whyNot("empty.img")).toContain("empty");
    expect(await whyNot("disk.qcow2")).toContain("looks like qcow2");
    expect(await whyNot(".hidden")).toContain("hidden");
    expect(await whyNot("folder")).toContain("folder");
    expect(await whyNot("link")).toContain("symbolic link");
    expect(await whyNot("two-names")).toContain("hard links");
    expect(await references(driver)).not.toContain("bad\nname");
    const { describe: look } = foreignOf(driver);
    for (const path of ["../secret", "/etc/passwd", ".", "..", "", "bad\nname", "a/../b"])
      expect(await look.call(foreignOf(driver), callContext(), path)).toBeNull();
    for (const ours of [volumeName(volume.id), `${volumeName(volume.id)}.json`])
      expect((await look.call(foreignOf(driver), callContext(), ours))?.whyNot).toMatch(/ours|our mark/);
  });

  test("are refused while somebody writes to them or holds a lock on them", async () => {
    await image("busy.img");
    const path = join(folder, "busy.img");
    const { spawn } = await import("node:child_process");
    for (const script of [`exec 9>>"$0"; echo ready; read _`, `exec 9<"$0"; flock -s 9; echo ready; read _`]) {
      const holder = spawn("bash", ["-c", script, path], { stdio: ["pipe", "pipe", "inherit"] });
      await new Promise((resolve) => holder.stdout.once("data", resolve));
      expect((await foreignOf(driver).describe(callContext(), "busy.img"))?.whyNot).toMatch(/open for writing|lock/);
      const ended = new Promise((resolve) => holder.once("exit", resolve));
      holder.stdin.end("\n");
      await ended;
    }
    expect((await foreignOf(driver).describe(callContext(), "busy.img"))?.whyNot).toBeNull();
  });

  test("keep their bytes, size and permissions when they are given back, and their bytes when they are let go", async () => {
    await image("disk.img");
    const path = join(folder, "disk.img");
    const [before, hash] = [await stat(path), await hashOf(path)];
    const volume = fileRef({ sizeBytes: 3 * FILE_BYTES });
    const wanted = await seen(driver, "disk.img");
    await foreignOf(driver).takeOver(callContext(), volume, MARK, wanted);
    const ours = await stat(join(folder, volumeName(volume.id)));
    expect([ours.size, ours.mode & 0o777, ours.ino]).toEqual([3 * FILE_BYTES, 0o600, before.ino]);
    await foreignOf(driver).letGo(callContext(), volume, "disk.img");
    const after = await stat(path);
    expect([after.size, after.mode, after.ino]).toEqual([before.size, before.mode, before.ino]);
    expect(await hashOf(path)).toBe(hash);
    expect((await filesIn(folder)).sort()).toEqual(["disk.img"]);
  });

  test("a file that took the name meanwhile is never overwritten", async () => {
    await image("disk.img");
    const volume = fileRef();
    await foreignOf(driver).takeOver(callContext(), volume, MARK, await seen(driver, "disk.img"));
    await image("disk.img", { head: "new" });
    const hash = await hashOf(join(folder, "disk.img"));
    await expect(foreignOf(driver).letGo(callContext(), volume, "disk.img")).rejects.toEqual(notDone);
    // Nor is it taken by a repetition.
    await foreignOf(driver).takeOver(callContext(), volume, MARK, {
      reference: "disk.img",
      identity: "old",
      foundBytes: FILE_BYTES,
    });
    expect(await hashOf(join(folder, "disk.img"))).toBe(hash);
    expect((await filesIn(folder)).sort()).toEqual([
      "disk.img",
      volumeName(volume.id),
      `${volumeName(volume.id)}.json`,
    ]);
  });

  test("an image under a name like ours without our mark can be taken over as well", async () => {
    const stranger = volumeName(fileRef().id);
    await image("x");
    await rename(join(folder, "x"), join(folder, stranger));
    await chmod(join(folder, stranger), 0o600);
    const volume = fileRef();
    await foreignOf(driver).takeOver(callContext(), volume, MARK, await seen(driver, stranger));
    expect((await filesIn(folder)).sort()).toEqual([volumeName(volume.id), `${volumeName(volume.id)}.json`]);
  });
});
