import type { Static } from "typebox";
import { findDriver } from "#shared/drivers/index.ts";
import { ZoneSettings } from "#shared/drivers/zone-settings.ts";
import { BerthError } from "#shared/errors.ts";
import type {
  Admission,
  Backend,
  BackendSettings,
  Catalogue,
  Flavor,
  ParameterValue,
  ReplicationTarget,
} from "#shared/model/catalogue.ts";
import { sentence } from "#shared/schema.ts";
import { ec2TypesOf } from "./ec2-edits.ts";
import { flavorOf, notFound, requireQos } from "./find.ts";
import { flavorWith } from "./flavor-edits.ts";
import { convertParameters, parameterFaults } from "./parameters.ts";
import { withoutFlavor } from "./quota-edits.ts";
import { convertTargets } from "./replication-targets.ts";

export { type AddBackend, addBackend } from "./add-backend.ts";
export * as ec2Edits from "./ec2-edits.ts";
export {
  changeFlavor,
  FlavorChange,
  grantAccess,
  revokeAccess,
  SpecChanges,
  setDefaultFlavor,
} from "./flavor-edits.ts";
export * as qosEdits from "./qos-edits.ts";
export { changeQuota, dropQuota, QuotaChange } from "./quota-edits.ts";

/**
 * What operators do to the catalogue: pure functions that give the changed one. They refuse what is wrong with the
 * request itself (E_NOT_FOUND, E_CONFLICT, E_IN_USE, E_BAD_REQUEST); whoever applies the result checks the whole.
 * Flavors are named by name or id.
 */

type ZoneValue = Static<typeof ParameterValue>;

export function createZone(
  catalogue: Catalogue,
  zone: { readonly name: string; readonly description: string },
): Catalogue {
  if (catalogue.zones.some(({ name }) => name === zone.name))
    throw new BerthError("E_CONFLICT", `zone ${zone.name} exists already`);
  const { name, description } = zone;
  return { ...catalogue, zones: [...catalogue.zones, { name, description }] };
}

/** null takes a setting away; values may be text, as in `key=value`. What is not given stays. */
export function setZone(
  catalogue: Catalogue,
  { name, settings: given }: { readonly name: string; readonly settings: Readonly<Record<string, ZoneValue | null>> },
): Catalogue {
  const names = catalogue.zones.map((zone) => zone.name);
  if (!names.includes(name)) throw notFound("zone", name, names);
  const values = Object.entries(given).flatMap(([key, value]) => (value === null ? [] : [[key, value] as const]));
  const converted = convertParameters(ZoneSettings, Object.fromEntries(values));
  const wrong = parameterFaults(ZoneSettings, converted, "a zone");
  if (wrong.length > 0)
    throw new BerthError("E_BAD_REQUEST", `the zone cannot be set: ${wrong.map(sentence).join("; ")}`, {
      details: { faults: wrong },
    });
  const needing = catalogue.backends.filter(
    ({ zone, driver }) => zone === name && findDriver(driver)?.zoneSettings?.some((key) => given[key] === null),
  );
  if (needing.length > 0) throw new BerthError("E_IN_USE", `${listed(needing)} cannot be without it`);
  return {
    ...catalogue,
    zones: catalogue.zones.map(({ settings = {}, ...zone }) => {
      const kept = Object.entries(settings).filter(([key]) => !Object.hasOwn(given, key));
      const next = zone.name === name ? { ...Object.fromEntries(kept), ...converted } : settings;
      return Object.keys(next).length === 0 ? zone : { ...zone, settings: next };
    }),
  };
}

export function deleteZone(catalogue: Catalogue, name: string): Catalogue {
  const names = catalogue.zones.map((zone) => zone.name);
  if (!names.includes(name)) throw notFound("zone", name, names);
  const inside = catalogue.backends.filter(({ zone }) => zone === name);
  if (inside.length > 0) throw new BerthError("E_IN_USE", `zone ${name} still has ${listed(inside)}`);
  return { ...catalogue, zones: catalogue.zones.filter((zone) => zone.name !== name) };
}

export function createFlavor(
  catalogue: Catalogue,
  flavor: Pick<Flavor, "id" | "name" | "description" | "extraSpecs" | "qos" | "projects">,
): Catalogue {
  if (catalogue.flavors.some(({ name }) => name === flavor.name))
    throw new BerthError("E_CONFLICT", `flavor ${flavor.name} exists already`);
  const { id, name, description, extraSpecs: specs, projects } = flavor;
  const qos = flavor.qos === undefined ? undefined : requireQos(catalogue, flavor.qos).name;
  const made = flavorWith({ id, name, description, backends: [] }, { specs, qos, projects, encryption: undefined });
  return { ...catalogue, flavors: [...catalogue.flavors, made] };
}

/** Its backends stay, also when no other flavor has them; its quotas go. */
export function deleteFlavor(catalogue: Catalogue, idOrName: string): Catalogue {
  const flavor = flavorOf(catalogue, idOrName);
  if (catalogue.defaultFlavor === flavor.name)
    throw new BerthError("E_IN_USE", `flavor ${flavor.name} is the default one; make another the default first`);
  const projects = Object.entries(catalogue.defaultFlavors).filter(([, name]) => name === flavor.name);
  if (projects.length > 0)
    throw new BerthError(
      "E_IN_USE",
      `flavor ${flavor.name} is the default of projects: ${projects
        .slice(0, 10)
        .map(([project]) => project)
        .join(", ")}`,
    );
  const [type] = ec2TypesOf(catalogue, flavor.name);
  if (type !== undefined)
    throw new BerthError(
      "E_IN_USE",
      `flavor ${flavor.name} is what EC2's type ${type} means: berth ec2-type unset ${type}`,
    );
  return {
    ...catalogue,
    flavors: catalogue.flavors.filter(({ id }) => id !== flavor.id),
    quotas: withoutFlavor(catalogue.quotas, flavor.name),
  };
}

/** The whole list, in first-fit order. */
export function setFlavorBackends(
  catalogue: Catalogue,
  { flavor, backends }: { readonly flavor: string; readonly backends: readonly number[] },
): Catalogue {
  const twice = backends.find((id, n) => backends.indexOf(id) !== n);
  if (twice !== undefined) throw new BerthError("E_BAD_REQUEST", `backend ${twice} is given twice`);
  const known = new Set(catalogue.backends.map(({ id }) => id));
  const unknown = backends.filter((id) => !known.has(id));
  if (unknown.length > 0)
    throw new BerthError("E_BAD_REQUEST", unknown.map((id) => `backend ${id} does not exist`).join("; "));
  return withFlavor(catalogue, flavor, () => [...backends]);
}

/** It leaves all flavors as well. Its number is not used again. */
export function removeBackend(catalogue: Catalogue, backendId: number): Catalogue {
  backendOf(catalogue, backendId);
  return {
    ...catalogue,
    backends: catalogue.backends.filter(({ id }) => id !== backendId),
    flavors: catalogue.flavors.map((flavor) => ({
      ...flavor,
      backends: flavor.backends.filter((id) => id !== backendId),
    })),
  };
}

/** `position`: its place in the first-fit order, 0 the first, null the last. What is behind the flavor already is moved. */
export function addToFlavor(
  catalogue: Catalogue,
  {
    backendId,
    flavor,
    position,
  }: { readonly backendId: number; readonly flavor: string; readonly position: number | null },
): Catalogue {
  backendOf(catalogue, backendId);
  return withFlavor(catalogue, flavor, (backends) => {
    const others = backends.filter((id) => id !== backendId);
    return others.toSpliced(position ?? others.length, 0, backendId);
  });
}

export function removeFromFlavor(
  catalogue: Catalogue,
  { backendId, flavor }: { readonly backendId: number; readonly flavor: string },
): Catalogue {
  backendOf(catalogue, backendId);
  return withFlavor(catalogue, flavor, (backends) => {
    if (!backends.includes(backendId))
      throw new BerthError("E_NOT_FOUND", `backend ${backendId} is not behind flavor ${flavor}`);
    return backends.filter((id) => id !== backendId);
  });
}

export function setAdmission(
  catalogue: Catalogue,
  { backendId, admission }: { readonly backendId: number; readonly admission: Admission },
): Catalogue {
  return withBackend(catalogue, backendId, (backend) => ({ ...backend, admission }));
}

/** Settings that are not given stay as they are. */
export function changeSettings(
  catalogue: Catalogue,
  { backendId, settings }: { readonly backendId: number; readonly settings: Partial<BackendSettings> },
): Catalogue {
  return withBackend(catalogue, backendId, (backend) => ({
    ...backend,
    settings: { ...backend.settings, ...settings },
  }));
}

/** The whole list; values may be text, as in `key=value`. */
export function setReplicationTargets(
  catalogue: Catalogue,
  {
    backendId,
    replicationTargets: given,
  }: { readonly backendId: number; readonly replicationTargets: readonly ReplicationTarget[] },
): Catalogue {
  return withBackend(catalogue, backendId, ({ replicationTargets: _, ...backend }) =>
    given.length === 0 ? backend : { ...backend, replicationTargets: convertTargets(backend.driver, given) },
  );
}

function withFlavor(catalogue: Catalogue, idOrName: string, change: (backends: number[]) => number[]): Catalogue {
  const wanted = flavorOf(catalogue, idOrName);
  return {
    ...catalogue,
    flavors: catalogue.flavors.map((flavor) =>
      flavor === wanted ? { ...flavor, backends: change(flavor.backends) } : flavor,
    ),
  };
}

function withBackend(catalogue: Catalogue, backendId: number, change: (backend: Backend) => Backend): Catalogue {
  const wanted = backendOf(catalogue, backendId);
  return {
    ...catalogue,
    backends: catalogue.backends.map((backend) => (backend === wanted ? change(backend) : backend)),
  };
}

function backendOf({ backends }: Catalogue, backendId: number): Backend {
  const found = backends.find(({ id }) => id === backendId);
  if (found === undefined) throw new BerthError("E_NOT_FOUND", `backend ${backendId} does not exist`);
  return found;
}

function listed(backends: readonly Backend[]): string {
  const names = backends.slice(0, 5).map(({ id, name }) => `${id} (${name})`);
  const more = backends.length > 5 ? ` and ${backends.length - 5} more` : "";
  return `${backends.length === 1 ? "backend" : "backends"} ${names.join(", ")}${more}`;
}
