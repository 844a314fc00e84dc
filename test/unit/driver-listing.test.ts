import { randomUUID } from "node:crypto";
import { mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Driver } from "#agent/drivers/driver.ts";
import { volumeName } from "#agent/drivers/names.ts";
import { createDriver } from "#agent/drivers/registry.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { LISTED_PER_PAGE, type ListedObject } from "#shared/model/listing.ts";
import { madeVolume, volumeRef } from "#test/conformance/objects.ts";
import { backendRecord, callContext, driverTools } from "#test/kit/driver-context.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

const MIB = 1024 ** 2;
const HOUR_MS = 3_600_000;

async function opened(driver: string, folder: string, parameters: Backend["parameters"]): Promise<Driver> {
  const made = createDriver({ backend: backendRecord(driver, parameters), tools: driverTools(folder) });
  await made.open(callContext());
  onTestFinished(() => made.close());
  return made;
}

/** All pages; `between` runs after each. */
async function allPages(driver: Driver, between: (page: number) => Promise<void> = async () => {}) {
  const objects: ListedObject[] = [];
  const foreign: string[] = [];
  let pages = 0;
  for (let after: string | null = null, more = true; more; more = after !== null) {
    const page = await driver.list(callContext(), after);
    expect(page.objects.length + page.foreign.length).toBeLessThanOrEqual(LISTED_PER_PAGE);
    objects.push(...page.objects);
    foreign.push(...page.foreign);
    pages += 1;
    after = page.next;
    await between(pages);
  }
  return { objects, foreign, pages };
}

describe.each(["file", "fake"])("the %s driver, listing many", (name) => {
  test("gives every object that stands throughout, once, in pages, while others come and go", async () => {
    const folder = temporaryFolder();
    const driver = await opened(name, folder, {
      capacity_gib: 100,
      ...(name === "file" ? { path: join(folder, "images") } : {}),
    });
    const staying: string[] = [];
    for (let n = 0; n < LISTED_PER_PAGE * 2 + 5; n++) staying.push((await madeVolume(driver, { sizeBytes: MIB })).id);
    let passing = await madeVolume(driver, { sizeBytes: MIB });
    const { objects, foreign, pages } = await allPages(driver, async () => {
      await driver.deleteVolume(callContext(), passing);
      passing = await madeVolume(driver, { sizeBytes: MIB });
    });
    expect(pages).toBeGreaterThanOrEqual(3);
    const ids = objects.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(staying.filter((id) => !ids.includes(id))).toEqual([]);
    expect(foreign).toEqual([]);
  });
});

test("a page fits into a message, whatever marks say", async () => {
  const folder = temporaryFolder();
  const driver = await opened("file", folder, { path: folder, capacity_gib: 1 });
  const name = `e${"\u0301".repeat(150)}`.repeat(255);
  const ids: string[] = [];
  for (let n = 0; n < 10; n++) {
    const volume = volumeRef({ sizeBytes: MIB });
    await driver.createVolume(callContext(), volume, { projectId: "p", flavorName: "gold", name });
    ids.push(volume.id);
  }
  const whole = volumeRef({ sizeBytes: MIB });
  await driver.createVolume(callContext(), whole, { projectId: "p", flavorName: "gold", name: "x".repeat(MIB) });
  const sizes: number[] = [];
  const all: ListedObject[] = [];
  for (let after: string | null = null, more = true; more; more = after !== null) {
    const page = await driver.list(callContext(), after);
    sizes.push(Buffer.byteLength(JSON.stringify(page)));
    all.push(...page.objects);
    after = page.next;
  }
  expect(Math.max(...sizes)).toBeLessThan(MIB / 2);
  expect(all.map(({ id }) => id).sort()).toEqual([...ids, whole.id].sort());
  expect(all.find(({ id }) => id === whole.id)?.mark).toBeNull();
  expect(all.filter(({ mark }) => mark?.name === name).length).toBe(10);
});

describe("the file driver's listing", () => {
  test("tells strangers' files by name, parts as parts, and the age of marks", async () => {
    const folder = temporaryFolder();
    const driver = await opened("file", folder, { path: folder, capacity_gib: 1 });
    const old = await madeVolume(driver, { sizeBytes: MIB });
    const long = new Date(Date.now() - 5 * HOUR_MS);
    await utimes(join(folder, `${volumeName(old.id)}.json`), long, long);
    const cut = await madeVolume(driver, { sizeBytes: MIB });
    await rm(join(folder, volumeName(cut.id)));
    const [stranger, garbled, started] = [randomUUID(), randomUUID(), randomUUID()];
    await writeFile(join(folder, volumeName(stranger)), "somebody's");
    await writeFile(join(folder, volumeName(garbled)), "whose?");
    await writeFile(join(folder, `${volumeName(garbled)}.json`), "{");
    await writeFile(join(folder, ".new", `${volumeName(started)}.1790000000000-0123456789ab.json`), "{");
    await writeFile(join(folder, ".new", `${volumeName(old.id)}.1790000000000-0123456789ab`), "half");
    await writeFile(join(folder, "notes.txt"), "hello");
    await mkdir(join(folder, "lost+found"));

    const { objects, foreign } = await allPages(driver);
    const byId = new Map(objects.map((object) => [object.id, object]));
    expect(byId.get(old.id)).toMatchObject({ whole: true, sizeBytes: MIB });
    expect(byId.get(old.id)?.ageMs).toBeGreaterThan(4.9 * HOUR_MS);
    expect(byId.get(cut.id)).toMatchObject({ whole: false, sizeBytes: MIB, mark: { flavorName: "gold" } });
    expect(byId.get(started)).toMatchObject({ whole: false, mark: null, ageMs: null });
    expect(objects.length).toBe(3);
    expect(foreign).toEqual(["lost+found", "notes.txt", volumeName(stranger), volumeName(garbled)].sort());
  });
});

test("a fake's journal from before there were marks is listed, without them", async () => {
  const folder = temporaryFolder();
  const id = randomUUID();
  await mkdir(join(folder, "fake"));
  await writeFile(join(folder, "fake", "backend-1.journal"), `+ 1 ${volumeName(id)} ${MIB}\n`);
  const driver = await opened("fake", folder, { capacity_gib: 1 });
  expect((await allPages(driver)).objects).toMatchObject([{ id, sizeBytes: MIB, mark: null, ageMs: null }]);
});
