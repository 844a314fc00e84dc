import { expect, test } from "vitest";
import { removeBackend } from "#scheduler/catalogue/edits.ts";
import { DEFAULT_SETTINGS } from "#scheduler/catalogue/settings.ts";
import { catalogueRefusals, catalogueUseFaults } from "#scheduler/core/catalogue-use.ts";
import { DEFAULT_CORE_SETTINGS } from "#scheduler/core/settings.ts";
import { State } from "#scheduler/core/state.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import type { Volume } from "#shared/model/volume.ts";
import { backendOf, SILVER_ID, sampleCatalogue } from "#test/kit/catalogue.ts";
import { uuid, volumeRecord } from "#test/kit/records.ts";

function stateWith(volumes: readonly Partial<Volume>[], catalogue: Catalogue = sampleCatalogue()): State {
  const state = new State(DEFAULT_CORE_SETTINGS, catalogue);
  state.transact(() => {
    for (const [n, fields] of volumes.entries()) state.put("volume", volumeRecord({ id: uuid(n + 1), ...fields }));
  });
  return state;
}

const one = stateWith([{}]);
const used = `1 object: volume ${uuid(1)}`;
const with1 = (fields: object): Catalogue =>
  sampleCatalogue({ backends: [backendOf(1, fields), backendOf(2), backendOf(3, { zone: "south" })] });

test.each<[string, Catalogue, string, string]>([
  [
    "removing the backend",
    removeBackend(sampleCatalogue(), 1),
    "/backends",
    `backend 1 (backend-1) is still used by ${used}`,
  ],
  [
    "its zone",
    with1({ zone: "south" }),
    "/backends/0/zone",
    `the zone of backend 1 (backend-1) cannot change from north to south, for it is used by ${used}`,
  ],
  [
    "its host",
    with1({ host: "box" }),
    "/backends/0/host",
    `the host of backend 1 (backend-1) cannot change from none to box, for it is used by ${used}`,
  ],
  [
    "its driver",
    with1({ driver: "fake", parameters: { capacity_gib: 1 } }),
    "/backends/0/driver",
    `the driver of backend 1 (backend-1) cannot change from file to fake, for it is used by ${used}`,
  ],
  [
    "its place",
    with1({ parameters: { path: "/else", capacity_gib: 100 } }),
    "/backends/0/parameters",
    `the parameters of backend 1 (backend-1) cannot change from /srv/berth/1 to /else, for it is used by ${used}`,
  ],
  [
    "the flavor",
    sampleCatalogue({ defaultFlavor: null, flavors: sampleCatalogue().flavors.slice(1) }),
    "/flavors",
    `flavor gold is still used by ${used}`,
  ],
  [
    "the flavor's id",
    sampleCatalogue({
      flavors: sampleCatalogue().flavors.map((flavor) =>
        flavor.name === "gold" ? { ...flavor, id: uuid(0xaa) } : flavor,
      ),
    }),
    "/flavors/0/id",
    `the id of flavor gold cannot change, for it is used by ${used}`,
  ],
  [
    "the zone",
    sampleCatalogue({ zones: sampleCatalogue().zones.slice(1) }),
    "/zones",
    `zone north is still used by ${used}`,
  ],
  [
    "the count of numbers",
    sampleCatalogue({ nextBackendId: 3 }),
    "/nextBackendId",
    "nextBackendId cannot go back from 4 to 3: a backend's number is not used again",
  ],
])("what is used cannot lose or change %s", (_what, next, path, message) => {
  expect(catalogueUseFaults(one, next)).toEqual([{ path, message }]);
});

test.each<[string, Catalogue]>([
  ["nothing", sampleCatalogue()],
  ["an unused backend", removeBackend(sampleCatalogue(), 2)],
  [
    "names, settings, admission and other parameters",
    with1({
      name: "new",
      settings: { ...DEFAULT_SETTINGS, maxConcurrent: 1 },
      admission: { state: "disabled", reason: "x" },
      parameters: { path: "/srv//berth/1/", capacity_gib: 7 },
    }),
  ],
  ["an unused flavor", sampleCatalogue({ flavors: sampleCatalogue().flavors.filter(({ id }) => id !== SILVER_ID) })],
  [
    "a flavor's backends",
    sampleCatalogue({ flavors: sampleCatalogue().flavors.map((flavor) => ({ ...flavor, backends: [3] })) }),
  ],
])("%s may change", (_what, next) => {
  expect(catalogueRefusals(one, next)).toEqual([]);
});

test("many users are counted and the first are named", () => {
  const state = stateWith(Array.from({ length: 12 }, () => ({})));
  const [refusal] = catalogueRefusals(state, removeBackend(sampleCatalogue(), 1));
  expect(refusal).toMatch(
    /^backend 1 \(backend-1\) is still used by 12 objects: (volume [0-9a-f-]+, ){4}volume [0-9a-f-]+ and 7 more$/,
  );
});

test("a volume that waits to be placed keeps its zone and its flavor", () => {
  const state = stateWith([
    { status: "creating", backendId: null, zone: null, requestedZone: "south", flavorId: SILVER_ID, claim: null },
  ]);
  expect(catalogueRefusals(state, sampleCatalogue({ zones: [{ name: "north", description: "" }] }))).toHaveLength(1);
  expect(catalogueRefusals(state, sampleCatalogue({ flavors: sampleCatalogue().flavors.slice(0, 1) }))).toHaveLength(1);
});

test("at the start, a catalogue that lost what is recorded is found out by the records alone", () => {
  const catalogue = sampleCatalogue({ backends: [backendOf(2), backendOf(3, { zone: "north" })] });
  const state = stateWith(
    [{}, { backendId: 3, zone: "south", requestedZone: null }, { flavorId: uuid(0xee), backendId: 2 }],
    catalogue,
  );
  expect(catalogueRefusals(state, catalogue)).toEqual([
    `backend 1 is still used by ${used}`,
    `the zone of backend 3 (backend-3) cannot change from south to north, for it is used by 1 object: volume ${uuid(2)}`,
    `flavor ${uuid(0xee)} is still used by 1 object: volume ${uuid(3)}`,
  ]);
});
