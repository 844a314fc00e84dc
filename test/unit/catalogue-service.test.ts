import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { expect, onTestFinished, test, vi } from "vitest";
import {
  changeQuota,
  createFlavor,
  createZone,
  deleteFlavor,
  deleteZone,
  removeBackend,
  setAdmission,
} from "#scheduler/catalogue/edits.ts";
import { type ApplyCatalogue, CatalogueService } from "#scheduler/catalogue/service.ts";
import { BerthError } from "#shared/errors.ts";
import { createLog, type Logger } from "#shared/log.ts";
import { CATALOGUE_VERSION, type Catalogue, EMPTY_CATALOGUE } from "#shared/model/catalogue.ts";
import { sampleCatalogue } from "#test/kit/catalogue.ts";
import { uuid } from "#test/kit/records.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

const log = createLog("test", "silent");
const textOf = (catalogue: Catalogue): string => `${JSON.stringify(catalogue, null, 2)}\n`;
const draining = (catalogue: Catalogue): Catalogue =>
  setAdmission(catalogue, { backendId: 1, admission: { state: "draining", reason: "old" } });

interface Kept {
  readonly service: CatalogueService;
  readonly path: string;
  /** What was put in force, one after another. */
  readonly applied: Catalogue[];
  readonly onDisk: () => string;
}

/** Backend 1 is in use: what drops it is refused, as the core does it. */
const keepBackend1: ApplyCatalogue = async (next) => {
  if (next.backends.some(({ id }) => id === 1)) return;
  const faults = [{ path: "/backends", message: "backend 1 is still used by 1 object: volume v" }];
  throw new BerthError("E_IN_USE", "backend 1 is still used by 1 object: volume v", { details: { faults } });
};

/** `pollMs`: far away by default, so that only edits and the folder's own news make it look. */
async function keep(text: string | null, apply: ApplyCatalogue = keepBackend1, pollMs = 3_600_000): Promise<Kept> {
  const path = join(temporaryFolder(), "catalogue.json");
  if (text !== null) writeFileSync(path, text);
  const service = await CatalogueService.open(path, log);
  const applied: Catalogue[] = [];
  service.begin(async (next) => {
    await apply(next);
    applied.push(next);
  }, pollMs);
  onTestFinished(() => service.close());
  return { service, path, applied, onDisk: () => readFileSync(path, "utf8") };
}

const soon = <T>(look: () => T): Promise<T> => vi.waitFor(look, { timeout: 15_000, interval: 20 });

test("without a file it is empty, and the first edit makes the file, readable by people", async () => {
  const { service, path, applied, onDisk } = await keep(null, async () => undefined);
  expect(service.current()).toEqual(EMPTY_CATALOGUE);
  expect(() => readFileSync(path)).toThrow("ENOENT");
  const next = await service.edit((catalogue) => createZone(catalogue, { name: "north", description: "" }));
  expect(next.zones).toEqual([{ name: "north", description: "" }]);
  expect(service.current()).toBe(next);
  expect(applied).toEqual([next]);
  expect(onDisk()).toBe(textOf(next));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(path, ".."))).toEqual(["catalogue.json"]);
  expect((await CatalogueService.open(path, log)).current()).toEqual(next);
});

test("a broken file at the start is refused with each line", async () => {
  const path = join(temporaryFolder(), "catalogue.json");
  writeFileSync(path, textOf({ ...sampleCatalogue(), defaultFlavor: "glod" }));
  await expect(CatalogueService.open(path, log)).rejects.toMatchObject({
    code: "E_CATALOGUE_INVALID",
    message: `${path}:4:3 defaultFlavor glod does not exist; did you mean gold?`,
  });
});

test("the revision follows what is said, not how it is laid out", async () => {
  const { service } = await keep(textOf(sampleCatalogue()));
  const other = await keep(JSON.stringify(sampleCatalogue()));
  expect(other.service.revision).toBe(service.revision);
  await service.edit(draining);
  expect(service.revision).not.toBe(other.service.revision);
});

test("edits given at once are done one after another, none is lost", async () => {
  const { service, onDisk } = await keep(textOf(sampleCatalogue()));
  await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      service.edit((catalogue) => createFlavor(catalogue, { id: uuid(n + 100), name: `flavor-${n}`, description: "" })),
    ),
  );
  expect(service.current().flavors).toHaveLength(22);
  expect(onDisk()).toBe(textOf(service.current()));
});

test("an edit that fails changes nothing, and the next one works", async () => {
  const { service, applied, onDisk } = await keep(textOf(sampleCatalogue()));
  const refusals: [(catalogue: Catalogue) => Catalogue, string][] = [
    [(catalogue) => deleteZone(catalogue, "west"), "E_NOT_FOUND"],
    [(catalogue) => ({ ...catalogue, nextBackendId: 1 }), "E_BAD_REQUEST"],
    [(catalogue) => removeBackend(catalogue, 1), "E_IN_USE"],
  ];
  for (const [change, code] of refusals) await expect(service.edit(change)).rejects.toMatchObject({ code });
  expect(service.current()).toEqual(sampleCatalogue());
  expect(onDisk()).toBe(textOf(sampleCatalogue()));
  expect(applied).toEqual([]);
  await service.edit(draining);
  expect(applied).toHaveLength(1);
});

test("an edit that changes nothing writes nothing and tells nobody", async () => {
  const { service, applied, onDisk } = await keep(JSON.stringify(sampleCatalogue()));
  await service.edit((catalogue) => ({ ...catalogue }));
  expect(applied).toEqual([]);
  expect(onDisk()).toBe(JSON.stringify(sampleCatalogue()));
});

test("when the file cannot be written, the old catalogue is put in force again", async () => {
  const { service, path, applied } = await keep(textOf(sampleCatalogue()));
  const heard = vi.fn();
  service.onChange(heard);
  const failing = service.edit((catalogue) => {
    // A folder of its name: the tests may run as root, whom permissions do not stop.
    rmSync(path);
    mkdirSync(path);
    return draining(catalogue);
  });
  await expect(failing).rejects.toMatchObject({ code: "E_CATALOGUE_FILE" });
  expect(applied).toEqual([draining(sampleCatalogue()), sampleCatalogue()]);
  expect(service.current()).toEqual(sampleCatalogue());
  expect(heard).not.toHaveBeenCalled();
  expect(readdirSync(join(path, ".."))).toEqual(["catalogue.json"]);
});

test("what somebody wrote while an edit was being put in force is not written over", async () => {
  const hand = textOf(
    setAdmission(sampleCatalogue(), { backendId: 2, admission: { state: "disabled", reason: "by hand" } }),
  );
  const { service, path, applied, onDisk } = await keep(textOf(sampleCatalogue()), async () => {
    if (applied.length === 0) writeFileSync(path, hand);
  });
  await expect(service.edit(draining)).rejects.toMatchObject({ code: "E_CATALOGUE_CHANGED" });
  expect(onDisk()).toBe(hand);
  expect(applied.slice(0, 2)).toEqual([draining(sampleCatalogue()), sampleCatalogue()]);
});

test("an edit takes a hand edit in first, also one that nobody noticed", async () => {
  const { service, path, applied, onDisk } = await keep(textOf(sampleCatalogue()));
  const { atime, mtime } = statSync(path);
  const byHand = createZone(sampleCatalogue(), { name: "west", description: "" });
  writeFileSync(path, textOf(byHand));
  utimesSync(path, atime, mtime);
  const next = await service.edit(draining);
  expect(next).toEqual(draining(byHand));
  expect(applied).toEqual([byHand, draining(byHand)]);
  expect(onDisk()).toBe(textOf(next));
});

test("a broken hand edit is refused with file and line by the next edit, and is not written over", async () => {
  const { service, path, applied, onDisk } = await keep(textOf(sampleCatalogue()));
  const broken = textOf(sampleCatalogue()).replace('"zone": "south"', '"zone": "sout"');
  writeFileSync(path, broken);
  const line = broken.slice(0, broken.indexOf('"sout"')).split("\n").length;
  const message = `${path}:${line}:7 backends.2.zone sout does not exist; did you mean south?`;
  for (let n = 0; n < 2; n++)
    await expect(service.edit(draining)).rejects.toMatchObject({ code: "E_CATALOGUE_INVALID", message });
  expect(service.problem()).toBe(message);
  expect(onDisk()).toBe(broken);
  expect(applied).toEqual([]);
  writeFileSync(path, textOf(sampleCatalogue()));
  await service.edit(draining);
  expect(service.problem()).toBeNull();
});

test("a hand edit is noticed and taken in, and listeners hear of it", async () => {
  const { service, path } = await keep(textOf(sampleCatalogue()));
  const heard = vi.fn();
  service.onChange(heard);
  writeFileSync(path, textOf(draining(sampleCatalogue())));
  await soon(() => expect(service.current()).toEqual(draining(sampleCatalogue())));
  expect(heard).toHaveBeenCalledExactlyOnceWith(service.current(), service.revision);
});

test("a hand edit that drops what is in use is refused with its line, and taken in once it is no longer used", async () => {
  let used = true;
  const { service, path } = await keep(
    textOf(sampleCatalogue()),
    async (next) => (used ? keepBackend1(next) : undefined),
    30,
  );
  const without = removeBackend(sampleCatalogue(), 1);
  writeFileSync(path, textOf(without));
  const line = textOf(without).slice(0, textOf(without).indexOf('  "backends": [\n    {')).split("\n").length;
  await soon(() => expect(service.problem()).toBe(`${path}:${line}:3 backend 1 is still used by 1 object: volume v`));
  expect(service.current()).toEqual(sampleCatalogue());
  used = false;
  await soon(() => expect(service.current()).toEqual(without));
  expect(service.problem()).toBeNull();
});

test("a problem is logged once, however often it is seen, and its end as well", async () => {
  const path = join(temporaryFolder(), "catalogue.json");
  writeFileSync(path, textOf(sampleCatalogue()));
  const quiet = createLog("test", "silent");
  const errors = vi.spyOn(quiet, "error");
  const infos = vi.spyOn(quiet, "info");
  const service = await CatalogueService.open(path, quiet);
  onTestFinished(() => service.close());
  service.begin(keepBackend1, 3_600_000);
  writeFileSync(path, "{");
  for (let n = 0; n < 5; n++)
    await expect(service.edit(draining)).rejects.toMatchObject({ code: "E_CATALOGUE_INVALID" });
  expect(errors).toHaveBeenCalledTimes(1);
  writeFileSync(path, textOf(draining(sampleCatalogue())));
  await service.edit((catalogue) => catalogue);
  expect(infos.mock.calls.map(([first, second]) => (typeof first === "string" ? first : second))).toEqual([
    "catalogue file was edited: backend 1 (backend-1) changed",
    "the catalogue file is as it should be again",
  ]);
});

test("a file that is gone is told, the running catalogue stays, and the next edit writes it anew", async () => {
  const { service, path, onDisk } = await keep(textOf(sampleCatalogue()), keepBackend1, 30);
  rmSync(path);
  await soon(() => expect(service.problem()).toContain("is gone"));
  expect(service.current()).toEqual(sampleCatalogue());
  const next = await service.edit(draining);
  expect(onDisk()).toBe(textOf(next));
  expect(service.problem()).toBeNull();
});

test("the file keeps its mode", async () => {
  const { service, path } = await keep(textOf(sampleCatalogue()));
  chmodSync(path, 0o640);
  await service.edit(draining);
  expect(statSync(path).mode & 0o777).toBe(0o640);
});

test("after close nothing is taken any more", async () => {
  const { service } = await keep(textOf(sampleCatalogue()));
  await service.close();
  await expect(service.edit(draining)).rejects.toMatchObject({ code: "E_UNAVAILABLE" });
});

const { quotas: _quotas, qos: _qos, defaultFlavors: _defaults, ...asOfVersion1 } = sampleCatalogue();
const VERSION_1 = `${JSON.stringify({ ...asOfVersion1, version: 1 }, null, 2)}\n`;

test("a file of version 1 is read, is said to be so in one line, and is written as today's at the next edit", async () => {
  const lines: string[] = [];
  const path = join(temporaryFolder(), "catalogue.json");
  writeFileSync(path, VERSION_1);
  const service = await CatalogueService.open(path, loggedTo(lines));
  onTestFinished(() => service.close());
  expect(service.current()).toEqual(sampleCatalogue());
  expect(readFileSync(path, "utf8")).toBe(VERSION_1);
  expect(lines.filter((line) => line.includes("quotas were added, and none are set"))).toHaveLength(1);
  service.begin(async () => undefined, 3_600_000);
  const next = await service.edit((catalogue) => createZone(catalogue, { name: "east", description: "" }));
  expect(next.version).toBe(CATALOGUE_VERSION);
  expect(readFileSync(path, "utf8")).toBe(textOf(next));
  expect(lines.filter((line) => line.includes("quotas were added"))).toHaveLength(1);
});

test("a file of a newer version stops the start, and is left as it is", async () => {
  const path = join(temporaryFolder(), "catalogue.json");
  const newer = VERSION_1.replace('"version": 1', `"version": ${CATALOGUE_VERSION + 1}`).replace('"zones"', '"zonen"');
  writeFileSync(path, newer);
  await expect(CatalogueService.open(path, log)).rejects.toMatchObject({
    code: "E_NEWER_DATA",
    message: `${path}:2:3 version is ${CATALOGUE_VERSION + 1}, of a newer Berth than this one, which knows ${CATALOGUE_VERSION}`,
  });
  expect(readFileSync(path, "utf8")).toBe(newer);
});

test("a file that becomes newer while Berth runs is not taken in, nor written over", async () => {
  const { service, path, onDisk } = await keep(textOf(sampleCatalogue()));
  const newer = textOf(sampleCatalogue()).replace(
    `"version": ${CATALOGUE_VERSION}`,
    `"version": ${CATALOGUE_VERSION + 1}`,
  );
  writeFileSync(path, newer);
  await expect(
    service.edit((catalogue) => createZone(catalogue, { name: "east", description: "" })),
  ).rejects.toMatchObject({ code: "E_NEWER_DATA" });
  expect(service.problem()).toContain("newer Berth");
  expect(onDisk()).toBe(newer);
});

test("a flavor that is deleted takes its quotas along", async () => {
  const { service } = await keep(textOf(sampleCatalogue()), async () => undefined);
  await service.edit((before) => changeQuota(before, "p", { gib: 1, flavors: { silver: { gib: 1 } } }));
  await service.edit((before) => changeQuota(before, "q", { flavors: { silver: { gib: 1 }, gold: { volumes: 2 } } }));
  await service.edit((before) => changeQuota(before, "r", { flavors: { silver: { gib: 1 } } }));
  const next = await service.edit((before) => deleteFlavor(before, "silver"));
  expect(next.quotas.projects).toEqual({ p: { gib: 1 }, q: { flavors: { gold: { volumes: 2 } } } });
});

function loggedTo(lines: string[]): Logger {
  return pino({ level: "info" }, { write: (line: string) => void lines.push(line) });
}
