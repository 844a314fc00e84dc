import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkCatalogue } from "#scheduler/catalogue/check.ts";
import { editDistance, nearest } from "#scheduler/catalogue/nearest.ts";
import { readCatalogue } from "#scheduler/catalogue/read.ts";
import { CommonParameters, DEFAULT_SETTINGS } from "#scheduler/catalogue/settings.ts";
import { DRIVERS, KNOWN_DRIVERS } from "#shared/drivers/index.ts";
import { EMPTY_CATALOGUE } from "#shared/model/catalogue.ts";
import { sentence } from "#shared/schema.ts";
import { backendOf, GOLD_ID, SILVER_ID, sampleCatalogue } from "#test/kit/catalogue.ts";

const BUILT = DRIVERS.map(({ name }) => name).join(", ");
const told = (catalogue: unknown): string[] => checkCatalogue(catalogue).map(sentence);
const withBackend = (backend: object): object => ({
  ...sampleCatalogue(),
  backends: [...sampleCatalogue().backends.slice(1), backend],
});

describe("checking a catalogue", () => {
  test.each([
    ["the empty one", EMPTY_CATALOGUE],
    ["the sample", sampleCatalogue()],
    ["one folder on two hosts", withTwoPaths({ host: "a" }, { host: "b" })],
    ["one folder name in two zones", withTwoPaths({ zone: "north" }, { zone: "south" })],
    [
      "two fakes alike",
      sampleCatalogue({
        backends: [1, 2, 3].map((id) => backendOf(id, { driver: "fake", parameters: { capacity_gib: 1 } })),
      }),
    ],
  ])("%s is right", (_what, catalogue) => {
    expect(told(catalogue)).toEqual([]);
  });

  test.each<[string, unknown, string]>([
    [
      "a repeated zone",
      { ...sampleCatalogue(), zones: [...sampleCatalogue().zones, { name: "north", description: "" }] },
      "zones.2.name north is taken: another zone has it",
    ],
    [
      "a repeated backend id",
      {
        ...sampleCatalogue(),
        backends: [
          ...sampleCatalogue().backends,
          backendOf(2, { name: "other", parameters: { path: "/x", capacity_gib: 1 } }),
        ],
      },
      "backends.3.id 2 is taken: another backend has it",
    ],
    [
      "a repeated backend name",
      withBackend(backendOf(1, { name: "backend-3" })),
      "backends.2.name backend-3 is taken: another backend has it",
    ],
    [
      "an unknown zone",
      withBackend(backendOf(1, { zone: "nroth" })),
      "backends.2.zone nroth does not exist; did you mean north?",
    ],
    [
      "an unknown backend",
      { ...sampleCatalogue(), flavors: [{ id: GOLD_ID, name: "gold", description: "", backends: [1, 9] }] },
      "flavors.0.backends.1 names backend 9, which does not exist",
    ],
    [
      "an unknown default flavor",
      { ...sampleCatalogue(), defaultFlavor: "glod" },
      "defaultFlavor glod does not exist; did you mean gold?",
    ],
    [
      "a number that would be used again",
      { ...sampleCatalogue(), nextBackendId: 3 },
      "nextBackendId must be greater than 3, the highest backend id",
    ],
    [
      "an unknown driver",
      withBackend(backendOf(1, { driver: "fiel" })),
      `backends.2.driver fiel does not exist; built are ${BUILT}; did you mean file?`,
    ],
    [
      "a driver to come",
      withBackend(backendOf(1, { driver: "vmax" })),
      `backends.2.driver vmax (EMC VMAX by SMI-S) is known but not built yet; built are ${BUILT}`,
    ],
    [
      "an SR in a zone that does not say where its Xen pool is",
      withBackend(backendOf(1, { driver: "nfs", parameters: { server: "myserver", serverpath: "/x" } })),
      "backends.2.zone has no xenapi_url, xenapi_user, xenapi_password: berth zone set north xenapi_url=… xenapi_user=… xenapi_password=…",
    ],
    [
      "a zone's setting that does not exist",
      {
        ...sampleCatalogue(),
        zones: [
          { name: "north", description: "", settings: { xenapi_ulr: "x" } },
          { name: "south", description: "" },
        ],
      },
      "zones.0.settings.xenapi_ulr is not a parameter of a zone; did you mean xenapi_url?",
    ],
    [
      "an unknown parameter",
      withBackend(backendOf(1, { parameters: { pth: "/x", path: "/y", capacity_gib: 1 } })),
      "backends.2.parameters.pth is not a parameter of file; did you mean path?",
    ],
    [
      "a missing parameter",
      withBackend(backendOf(1, { parameters: { capacity_gib: 1 } })),
      "backends.2.parameters.path is missing: absolute folder for the images",
    ],
    [
      "a wrong parameter",
      withBackend(backendOf(1, { parameters: { path: "/x", capacity_gib: "much" } })),
      "backends.2.parameters.capacity_gib must be a number greater than 0 and at most 1048576, not much",
    ],
    [
      "a wrong choice",
      withBackend(backendOf(1, { parameters: { path: "/x", capacity_gib: 1, format: "zip" } })),
      'backends.2.parameters.format must be "raw", "qcow2" or "vhd", not zip',
    ],
    [
      "an inherited name",
      withBackend(backendOf(1, { parameters: { constructor: "x", path: "/x", capacity_gib: 1 } })),
      "backends.2.parameters.constructor is not a parameter of file",
    ],
    [
      "one folder twice, spelt otherwise",
      withTwoPaths({}, {}),
      "backends.1.parameters.path /srv/a is where backend 1 (backend-1) is already",
    ],
    [
      "one folder for a host and for all",
      withTwoPaths({}, { host: "a" }),
      "backends.1.parameters.path /srv/a is where backend 1 (backend-1) is already",
    ],
    [
      "an unknown setting",
      withBackend({ ...backendOf(1), settings: { ...DEFAULT_SETTINGS, turbo: true } }),
      "backends.2.settings.turbo is not known here",
    ],
    ["no object", null, "must be object"],
  ])("%s is told", (_what, catalogue, expected) => {
    expect(told(catalogue)).toEqual([expected]);
  });

  test("all faults are told at once, of form and of meaning, however many", () => {
    const broken = Array.from({ length: 30 }, (_, n) => ({
      ...backendOf(n + 1, { zone: "nowhere", parameters: { capacity_gib: -1 } }),
      settings: { ...DEFAULT_SETTINGS, reservedPercentage: 101 },
    }));
    const faults = told({ ...sampleCatalogue(), nextBackendId: 31, flavors: [], backends: broken });
    expect(faults).toContain("defaultFlavor gold does not exist");
    for (const n of broken.keys())
      expect(faults.filter((fault) => fault.startsWith(`backends.${n}.`)).map((fault) => fault.split(" ")[0])).toEqual(
        [
          `backends.${n}.settings.reservedPercentage`,
          `backends.${n}.zone`,
          `backends.${n}.parameters.capacity_gib`,
          `backends.${n}.parameters.path`,
        ].sort((a, b) => order(faults, a) - order(faults, b)),
      );
  });

  test("a secret that was put where its reference belongs is refused and not repeated", () => {
    const faults = told(
      withBackend(backendOf(1, { driver: "fake", parameters: { capacity_gib: 1, password: "hunter2" } })),
    );
    expect(faults).toEqual(["backends.2.parameters.password must be file:/path or env:NAME (never the secret itself)"]);
  });

  test("no driver declares a parameter that every backend has", () => {
    const common = Object.keys(CommonParameters.properties);
    for (const { name, parameters } of DRIVERS) {
      expect(Object.keys(parameters.properties).filter((own) => common.includes(own))).toEqual([]);
      expect(Object.hasOwn(KNOWN_DRIVERS, name)).toBe(false);
    }
  });
});

test("a quota of a flavor that is not there is told with its place", () => {
  const quotas = { default: { flavors: { glod: { gib: 1 } } }, projects: { p: { gib: -2, flavors: { brass: {} } } } };
  expect(checkCatalogue(sampleCatalogue({ quotas }))).toEqual([
    { path: "/quotas/projects/p/gib", message: "must be >= -1" },
    { path: "/quotas/default/flavors/glod", message: "glod does not exist; did you mean gold?" },
    { path: "/quotas/projects/p/flavors/brass", message: "brass does not exist" },
  ]);
});

describe("reading a catalogue's text", () => {
  const text = JSON.stringify(sampleCatalogue(), null, 2);
  const lineOf = (part: string): number => text.slice(0, text.indexOf(part)).split("\n").length;
  const places = (broken: string): string[] =>
    readCatalogue(broken).faults.map(({ line, column, message }) => `${line}:${column} ${message}`);

  test("a right one gives the catalogue", () => {
    expect(readCatalogue(text)).toEqual({ catalogue: sampleCatalogue(), faults: [], changes: [] });
  });

  test.each<[string, string, string]>([
    ["nothing", " \n", "1:1 the file is empty"],
    ["a missing comma", '{\n  "version": 1\n  "nextBackendId": 1\n}', "3:3 this is not JSON: comma expected"],
    ["a comma too many", '{\n  "version": 1,\n}', "3:1 this is not JSON: property name expected"],
    ["a comment", '{\n  // mine\n  "version": 1\n}', "2:3 this is not JSON: invalid comment token"],
    [
      "a key given twice",
      text.replace('"nextBackendId": 4,', '"nextBackendId": 4,\n  "nextBackendId": 5,'),
      "4:3 is given twice",
    ],
    [
      "a value",
      text.replace('"zone": "south"', '"zone": "sout"'),
      `${lineOf('"zone": "south"')}:7 sout does not exist; did you mean south?`,
    ],
    ["an unknown key", text.replace('"defaultFlavor"', '"colour": 1,\n  "defaultFlavor"'), "4:3 is not known here"],
  ])("%s is told with its line and column", (_what, broken, expected) => {
    expect(places(broken)).toContain(expected);
  });

  test("what is missing is told where it should be", () => {
    const [fault] = places(text.replace('"path": "/srv/berth/2",\n', ""));
    expect(fault).toMatch(/^\d+:7 is missing: absolute folder/);
  });

  test("any text gives a catalogue or faults in the text, and never throws", () => {
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(40), fc.string({ maxLength: 10 }), (start, length, inserted) => {
        const broken = text.slice(0, start) + inserted + text.slice(start + length);
        const { catalogue, faults } = readCatalogue(broken);
        expect(catalogue === null).toBe(faults.length > 0);
        for (const { line } of faults) expect(line).toBeLessThanOrEqual(broken.split("\n").length);
      }),
      { numRuns: 500 },
    );
  });
});

describe("the nearest name", () => {
  test.each([
    ["pth", "path"],
    ["capactiy_gib", "capacity_gib"],
    ["FORMAT", "format"],
    ["zzz", null],
    ["", null],
    ["x".repeat(100_000), null],
  ])("of %s", (name, expected) => {
    expect(nearest(name, ["path", "capacity_gib", "format", "allocation"])).toBe(expected);
  });

  test("is by letters added, lost, replaced and swapped", () => {
    expect(["gold", "glod", "gol", "golds", "bold", "dlog", ""].map((text) => editDistance(text, "gold"))).toEqual([
      0, 1, 1, 1, 1, 3, 4,
    ]);
  });
});

function withTwoPaths(first: object, second: object): object {
  return sampleCatalogue({
    flavors: [
      { id: GOLD_ID, name: "gold", description: "", backends: [] },
      { id: SILVER_ID, name: "silver", description: "", backends: [] },
    ],
    backends: [
      backendOf(1, { parameters: { path: "/srv/a", capacity_gib: 1 }, ...first }),
      backendOf(2, { parameters: { path: "/srv//b/../a/.", capacity_gib: 1 }, ...second }),
    ],
  });
}

function order(faults: readonly string[], path: string): number {
  return faults.findIndex((fault) => fault.startsWith(`${path} `));
}
