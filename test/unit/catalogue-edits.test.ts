import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkCatalogue } from "#scheduler/catalogue/check.ts";
import * as edits from "#scheduler/catalogue/edits.ts";
import { DEFAULT_SETTINGS } from "#scheduler/catalogue/settings.ts";
import { asBerthError, type BerthError } from "#shared/errors.ts";
import { type Catalogue, EMPTY_CATALOGUE } from "#shared/model/catalogue.ts";
import { backendOf, GOLD_ID, sampleCatalogue } from "#test/kit/catalogue.ts";
import { uuid } from "#test/kit/records.ts";

const NEW: edits.AddBackend = {
  flavor: "gold",
  driver: "file",
  zone: "north",
  name: null,
  host: null,
  parameters: { path: "/srv/new", capacity_gib: "12.5" },
};

function refusal(edit: () => unknown): BerthError {
  try {
    edit();
  } catch (error) {
    return asBerthError(error);
  }
  throw new Error("it was not refused");
}

describe("zones and flavors", () => {
  test("are created and deleted", () => {
    const more = edits.createZone(sampleCatalogue(), { name: "west", description: "far" });
    expect(more.zones.at(-1)).toEqual({ name: "west", description: "far" });
    expect(edits.deleteZone(more, "west")).toEqual(sampleCatalogue());
    const bronze = edits.createFlavor(sampleCatalogue(), { id: uuid(9), name: "bronze", description: "" });
    expect(bronze.flavors.at(-1)).toEqual({ id: uuid(9), name: "bronze", description: "", backends: [] });
    expect(edits.deleteFlavor(bronze, "bronze")).toEqual(sampleCatalogue());
  });

  test.each<[string, (catalogue: Catalogue) => unknown, object]>([
    ["a zone twice", (c) => edits.createZone(c, { name: "north", description: "" }), { code: "E_CONFLICT" }],
    [
      "a flavor twice",
      (c) => edits.createFlavor(c, { id: uuid(9), name: "gold", description: "" }),
      { code: "E_CONFLICT" },
    ],
    [
      "an unknown zone",
      (c) => edits.deleteZone(c, "noth"),
      { code: "E_NOT_FOUND", message: "zone noth does not exist; did you mean north?" },
    ],
    [
      "a zone with backends",
      (c) => edits.deleteZone(c, "north"),
      { code: "E_IN_USE", message: "zone north still has backends 1 (backend-1), 2 (backend-2)" },
    ],
    ["an unknown flavor", (c) => edits.deleteFlavor(c, "bronze"), { code: "E_NOT_FOUND" }],
    ["the default flavor", (c) => edits.deleteFlavor(c, "gold"), { code: "E_IN_USE" }],
    ["an unknown default", (c) => edits.setDefaultFlavor(c, "bronze"), { code: "E_NOT_FOUND" }],
    [
      "an order with a stranger",
      (c) => edits.setFlavorBackends(c, { flavor: "gold", backends: [1, 8] }),
      { code: "E_BAD_REQUEST", message: "backend 8 does not exist" },
    ],
    [
      "an order with one twice",
      (c) => edits.setFlavorBackends(c, { flavor: "gold", backends: [1, 2, 1] }),
      { code: "E_BAD_REQUEST" },
    ],
    ["an unknown backend", (c) => edits.removeBackend(c, 8), { code: "E_NOT_FOUND" }],
    [
      "leaving a flavor it is not behind",
      (c) => edits.removeFromFlavor(c, { backendId: 3, flavor: "gold" }),
      { code: "E_NOT_FOUND" },
    ],
  ])("%s is refused", (_what, edit, expected) => {
    expect(refusal(() => edit(sampleCatalogue()))).toMatchObject(expected);
  });

  test("the first-fit order is set as a whole or by one backend's place", () => {
    const order = (catalogue: Catalogue): number[] | undefined => catalogue.flavors[0]?.backends;
    const sample = sampleCatalogue();
    expect(order(edits.setFlavorBackends(sample, { flavor: GOLD_ID, backends: [3, 1] }))).toEqual([3, 1]);
    expect(order(edits.addToFlavor(sample, { backendId: 3, flavor: "gold", position: null }))).toEqual([1, 2, 3]);
    expect(order(edits.addToFlavor(sample, { backendId: 3, flavor: "gold", position: 1 }))).toEqual([1, 3, 2]);
    expect(order(edits.addToFlavor(sample, { backendId: 2, flavor: "gold", position: 0 }))).toEqual([2, 1]);
    expect(order(edits.addToFlavor(sample, { backendId: 1, flavor: "gold", position: null }))).toEqual([2, 1]);
    expect(order(edits.addToFlavor(sample, { backendId: 3, flavor: "gold", position: 99 }))).toEqual([1, 2, 3]);
    expect(order(edits.removeFromFlavor(sample, { backendId: 1, flavor: "gold" }))).toEqual([2]);
  });

  test("the default is kept by name, also when given by id, and can be none", () => {
    expect(edits.setDefaultFlavor(sampleCatalogue(), GOLD_ID).defaultFlavor).toBe("gold");
    expect(edits.setDefaultFlavor(sampleCatalogue(), null).defaultFlavor).toBeNull();
  });
});

describe("adding a backend", () => {
  test("converts text by the schema, tells common settings from the driver's, and puts it last of the flavor", () => {
    const next = edits.addBackend(sampleCatalogue(), {
      ...NEW,
      parameters: {
        ...NEW.parameters,
        name_label: "toybox",
        host: "box-1",
        reserved_percentage: "10",
        max_over_subscription_ratio: "2.5",
        physical_free_floor_gib: 3,
        max_concurrent: "4",
        report_max_age_s: "90",
        allow_unknown_capacity: "true",
      },
    });
    expect(next.backends.at(-1)).toEqual({
      id: 4,
      name: "toybox",
      driver: "file",
      zone: "north",
      host: "box-1",
      parameters: { path: "/srv/new", capacity_gib: 12.5 },
      settings: {
        maxConcurrent: 4,
        reservedPercentage: 10,
        maxOverSubscriptionRatio: 2.5,
        physicalFreeFloorGib: 3,
        reportMaxAgeMs: 90_000,
        allowUnknownCapacity: true,
      },
      admission: { state: "enabled" },
    });
    expect(next.flavors[0]?.backends).toEqual([1, 2, 4]);
    expect(next.nextBackendId).toBe(5);
    expect(checkCatalogue(next)).toEqual([]);
  });

  test("has defaults for all that is not said, and needs no flavor", () => {
    const next = edits.addBackend(sampleCatalogue(), { ...NEW, flavor: null });
    expect(next.backends.at(-1)).toMatchObject({ name: "north-file-4", host: null, settings: DEFAULT_SETTINGS });
    expect(next.flavors).toEqual(sampleCatalogue().flavors);
  });

  test("takes the only zone there is when none is named", () => {
    const one = edits.createFlavor(edits.createZone(EMPTY_CATALOGUE, { name: "here", description: "" }), {
      id: GOLD_ID,
      name: "gold",
      description: "",
    });
    expect(edits.addBackend(one, { ...NEW, zone: null }).backends[0]?.zone).toBe("here");
    expect(refusal(() => edits.addBackend(sampleCatalogue(), { ...NEW, zone: null })).message).toBe(
      "the backend cannot be added: zone is missing: one of north, south",
    );
    expect(refusal(() => edits.addBackend(EMPTY_CATALOGUE, { ...NEW, flavor: null, zone: null })).message).toContain(
      "there is no zone yet",
    );
  });

  test("text stays text where the schema takes text, and a word may stand for a number", () => {
    const fake = edits.addBackend(sampleCatalogue(), {
      ...NEW,
      driver: "fake",
      parameters: { capacity_gib: "infinite", pool: "42", thin: "true", slow_ms: "5" },
    });
    expect(fake.backends.at(-1)?.parameters).toEqual({ capacity_gib: "infinite", pool: "42", thin: true, slow_ms: 5 });
  });

  test("tells all faults at once, by the names as they were given", () => {
    const error = refusal(() =>
      edits.addBackend(sampleCatalogue(), {
        ...NEW,
        flavor: "gould",
        zone: "norht",
        parameters: {
          pth: "/x",
          capacity_gib: "lots",
          reservd_percentage: 3,
          reserved_percentage: 300,
          name_label: "backend-1",
        },
      }),
    );
    expect(error.code).toBe("E_BAD_REQUEST");
    const said = error.message.replace("the backend cannot be added: ", "").split("; ");
    expect(said.sort()).toEqual(
      [
        "flavor gould does not exist",
        "did you mean gold?",
        "reserved_percentage must be a whole number at least 0 and at most 100, not 300",
        "zone norht does not exist",
        "did you mean north?",
        "name_label backend-1 is taken: another backend has it",
        "pth is not a parameter of file",
        "did you mean path?",
        "reservd_percentage is not a parameter of file",
        "did you mean reserved_percentage?",
        "capacity_gib must be a number greater than 0 and at most 1048576, not lots",
        "path is missing: absolute folder for the images",
      ].sort(),
    );
    expect(error.details.faults).toHaveLength(8);
  });

  test.each<[string, Partial<edits.AddBackend>, string, string]>([
    [
      "a driver to come",
      { driver: "vmax", parameters: { name_label: "toybox" } },
      "E_DRIVER_NOT_BUILT",
      "driver vmax (EMC VMAX by SMI-S) is known but not built yet",
    ],
    ["an unknown driver", { driver: "nsf" }, "E_DRIVER_UNKNOWN", "did you mean nfs?"],
    [
      "a place that is taken",
      { parameters: { path: "/srv/berth//1/", capacity_gib: 1 } },
      "E_BAD_REQUEST",
      "path /srv/berth/1 is where backend 1 (backend-1) is already",
    ],
    ["a name that is taken", { name: "backend-2" }, "E_BAD_REQUEST", "name backend-2 is taken"],
    [
      "two names",
      { name: "a", parameters: { ...NEW.parameters, name_label: "b" } },
      "E_BAD_REQUEST",
      "name_label says b, and the request says a",
    ],
    [
      "a secret in the open",
      { driver: "fake", parameters: { capacity_gib: 1, password: "hunter2" } },
      "E_BAD_REQUEST",
      "password must be file:/path or env:NAME",
    ],
  ])("%s is refused", (_what, fields, code, message) => {
    const error = refusal(() => edits.addBackend(sampleCatalogue(), { ...NEW, ...fields }));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(error.message).not.toContain("hunter2");
  });

  test("whatever is given, it is refused or the catalogue is right, and the old one is untouched", () => {
    const names = fc.constantFrom(
      "path",
      "capacity_gib",
      "format",
      "__proto__",
      "constructor",
      "name_label",
      "max_concurrent",
      "zone",
    );
    const values = fc.oneof(
      fc.string(),
      fc.double(),
      fc.boolean(),
      fc.constantFrom("1", "-1", "1e9", "true", "/srv/x", "raw", "../x"),
    );
    const before = sampleCatalogue();
    fc.assert(
      fc.property(
        fc.array(fc.tuple(names, values)),
        fc.constantFrom("file", "fake", "nfs", "toString"),
        (entries, driver) => {
          try {
            const next = edits.addBackend(before, { ...NEW, driver, parameters: Object.fromEntries(entries) });
            expect(checkCatalogue(next)).toEqual([]);
          } catch (error) {
            expect(error).toMatchObject({
              name: "BerthError",
              code: expect.stringMatching(/^E_(BAD_REQUEST|DRIVER_)/),
            });
          }
          expect(before).toEqual(sampleCatalogue());
        },
      ),
    );
  });
});

test("removing a backend takes it out of its flavors, and its number is not used again", () => {
  const without = edits.removeBackend(sampleCatalogue(), 2);
  expect(without.flavors.map(({ backends }) => backends)).toEqual([[1], [3]]);
  expect(edits.addBackend(edits.removeBackend(without, 3), NEW).backends.at(-1)?.id).toBe(4);
});

test("admission and settings of one backend change, the rest stays", () => {
  const draining = edits.setAdmission(sampleCatalogue(), {
    backendId: 2,
    admission: { state: "draining", reason: "old" },
  });
  const changed = edits.changeSettings(draining, { backendId: 2, settings: { maxConcurrent: 2 } });
  expect(changed).toEqual(
    sampleCatalogue({
      backends: [
        backendOf(1),
        backendOf(2, {
          admission: { state: "draining", reason: "old" },
          settings: { ...DEFAULT_SETTINGS, maxConcurrent: 2 },
        }),
        backendOf(3, { zone: "south" }),
      ],
    }),
  );
});
