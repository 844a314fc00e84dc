import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { firstCatalogue, provideCatalogue } from "#deploy/dev/catalogue.ts";
import { claimDataFolder, dataFiles, prepareDataFolder } from "#deploy/dev/data-folder.ts";
import { DEV_AGENTS } from "#deploy/dev/programs.ts";
import { findDriver } from "#shared/drivers/index.ts";
import { parser } from "#shared/schema.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

describe("the data folder", () => {
  it("is for its owner only, and keeps its key", () => {
    const dataPath = join(temporaryFolder(), "new/folder");
    prepareDataFolder(dataPath);
    const { secretKey } = dataFiles(dataPath);
    const key = readFileSync(secretKey);
    expect(key).toHaveLength(32);
    expect(statSync(secretKey).mode & 0o777).toBe(0o600);
    expect(statSync(dataPath).mode & 0o777).toBe(0o700);
    prepareDataFolder(dataPath);
    expect(readFileSync(secretKey)).toEqual(key);
  });

  it("that cannot be made is told with the setting for another", () => {
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, "");
    expect(() => prepareDataFolder(join(file, "data"))).toThrow(/set BERTH_DATA/);
  });
});

describe("two launchers on one data folder", () => {
  it("the second is refused with the first one's process, and let in when that has ended", () => {
    const dataPath = temporaryFolder();
    const claim = claimDataFolder(dataPath);
    expect(() => claimDataFolder(dataPath)).toThrow(
      `already runs on the data folder ${dataPath} (process ${process.pid})`,
    );
    claim.release();
    claimDataFolder(dataPath).release();
    expect(existsSync(dataFiles(dataPath).claim)).toBe(false);
  });

  it("a claim left by a crash does not count: its process is gone", () => {
    const dataPath = temporaryFolder();
    const { pid } = spawnSync("true");
    writeFileSync(dataFiles(dataPath).claim, `${pid} 12345`);
    claimDataFolder(dataPath).release();
  });

  it("nor when its number is another process's by now", () => {
    const dataPath = temporaryFolder();
    writeFileSync(dataFiles(dataPath).claim, `${process.pid} 1`);
    claimDataFolder(dataPath).release();
  });

  it("nor when it holds no process at all", () => {
    const dataPath = temporaryFolder();
    writeFileSync(dataFiles(dataPath).claim, "");
    claimDataFolder(dataPath).release();
  });
});

describe.each([
  { kind: "file", fake: false },
  { kind: "fake", fake: true },
])("the catalogue to start with, $kind backends", ({ kind, fake }) => {
  const catalogue = firstCatalogue("/data", fake);

  it("has parameters that their driver takes", () => {
    for (const backend of catalogue.backends) {
      expect(backend.driver).toBe(kind);
      const declaration = findDriver(backend.driver);
      if (declaration === undefined) throw new Error(`no driver ${backend.driver}`);
      expect(parser(declaration.parameters).faults(backend.parameters), backend.name).toEqual([]);
    }
  });

  it("offers gold by default, and each flavor has several backends in each zone that has agents", () => {
    expect(catalogue.defaultFlavor).toBe("gold");
    expect(catalogue.flavors.map(({ name }) => name)).toEqual(["gold", "silver"]);
    expect(catalogue.zones.map(({ name }) => name)).toEqual([...new Set(DEV_AGENTS.map(({ zone }) => zone))]);
    for (const flavor of catalogue.flavors) {
      for (const zone of catalogue.zones) {
        const behind = catalogue.backends.filter(
          ({ id, zone: in_ }) => flavor.backends.includes(id) && in_ === zone.name,
        );
        expect(behind.length, `${flavor.name} in ${zone.name}`).toBeGreaterThan(1);
      }
    }
  });

  it("uses each id and name once, and no place twice", () => {
    const { backends } = catalogue;
    expect(new Set(backends.map(({ id }) => id)).size).toBe(backends.length);
    expect(new Set(backends.map(({ name }) => name)).size).toBe(backends.length);
    expect(Math.max(...backends.map(({ id }) => id))).toBeLessThan(catalogue.nextBackendId);
    const paths = backends.flatMap(({ parameters: { path } }) => (typeof path === "string" ? [path] : []));
    expect(new Set(paths).size).toBe(paths.length);
    for (const path of paths) expect(path).toMatch(/^\/data\/backends\//);
  });

  it("never replaces the operator's own", () => {
    const dataPath = temporaryFolder();
    provideCatalogue(dataPath, fake);
    const file = dataFiles(dataPath).catalogue;
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(firstCatalogue(dataPath, fake));
    writeFileSync(file, "edited by hand");
    provideCatalogue(dataPath, fake);
    expect(readFileSync(file, "utf8")).toBe("edited by hand");
  });
});
