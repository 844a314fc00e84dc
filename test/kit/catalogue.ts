import { DEFAULT_SETTINGS } from "#scheduler/catalogue/settings.ts";
import { type Backend, CATALOGUE_VERSION, type Catalogue } from "#shared/model/catalogue.ts";
import { NO_QUOTAS } from "#shared/model/quota.ts";
import { uuid } from "./records.ts";

export const GOLD_ID = uuid(0xf1);
export const SILVER_ID = uuid(0xf2);

/** A `file` backend in zone north; what matters to a test is given. */
export function backendOf(id: number, fields: Partial<Backend> = {}): Backend {
  return {
    id,
    name: `backend-${id}`,
    driver: "file",
    zone: "north",
    host: null,
    parameters: { path: `/srv/berth/${id}`, capacity_gib: 100 },
    settings: DEFAULT_SETTINGS,
    admission: { state: "enabled" },
    ...fields,
  };
}

/** Zones north and south; gold (the default) on backends 1 and 2, silver on 2 and 3; 3 is in south. */
export function sampleCatalogue(fields: Partial<Catalogue> = {}): Catalogue {
  return {
    version: CATALOGUE_VERSION,
    nextBackendId: 4,
    defaultFlavor: "gold",
    zones: [
      { name: "north", description: "" },
      { name: "south", description: "" },
    ],
    flavors: [
      { id: GOLD_ID, name: "gold", description: "", backends: [1, 2] },
      { id: SILVER_ID, name: "silver", description: "", backends: [2, 3] },
    ],
    backends: [backendOf(1), backendOf(2), backendOf(3, { zone: "south" })],
    quotas: NO_QUOTAS,
    qos: [],
    defaultFlavors: {},
    ...fields,
  };
}
