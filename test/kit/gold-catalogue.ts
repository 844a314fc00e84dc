import { DEFAULT_SETTINGS } from "#scheduler/catalogue/settings.ts";
import { type Backend, type BackendSettings, CATALOGUE_VERSION, type Catalogue } from "#shared/model/catalogue.ts";
import { NO_QUOTAS } from "#shared/model/quota.ts";
import { GOLD_ID } from "./catalogue.ts";

type Given = Partial<Omit<Backend, "settings">> & { readonly settings?: Partial<BackendSettings> };
/** A backend without its number, which is its place in the catalogue. */
export type NumberedBackend = (id: number) => Backend;

/** The backends given, in this order and numbered from 1, behind the one flavor gold, which is the default. */
export function goldCatalogue(zones: readonly string[], ...given: readonly NumberedBackend[]): Catalogue {
  const backends = given.map((backend, index) => backend(index + 1));
  return {
    version: CATALOGUE_VERSION,
    nextBackendId: backends.length + 1,
    defaultFlavor: "gold",
    zones: zones.map((name) => ({ name, description: "" })),
    flavors: [{ id: GOLD_ID, name: "gold", description: "", backends: backends.map(({ id }) => id) }],
    backends,
    quotas: NO_QUOTAS,
    qos: [],
    defaultFlavors: {},
  };
}

/** A fake in zone north with room for 100 GiB, told what the test wants of it. */
export function fake(name: string, parameters: Backend["parameters"] = {}, fields: Given = {}): NumberedBackend {
  return backend({ name, driver: "fake", parameters: { capacity_gib: 100, ...parameters }, ...fields });
}

/** Image files in a folder of the backend's name, in zone north, with room for 100 GiB. */
export function file(
  name: string,
  folder: string,
  parameters: Backend["parameters"] = {},
  fields: Given = {},
): NumberedBackend {
  const own = { path: `${folder}/backends/${name}`, capacity_gib: 100, ...parameters };
  return backend({ name, driver: "file", parameters: own, ...fields });
}

/** Of any driver, in zone north. */
export function backend(given: Given & Pick<Backend, "name" | "driver" | "parameters">): NumberedBackend {
  return (id) => ({
    id,
    zone: "north",
    host: null,
    admission: { state: "enabled" },
    ...given,
    settings: { ...DEFAULT_SETTINGS, ...given.settings },
  });
}
