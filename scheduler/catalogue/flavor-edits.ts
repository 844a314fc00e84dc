import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { Catalogue, Flavor } from "#shared/model/catalogue.ts";
import type { EncryptionSpecs } from "#shared/model/encryption.ts";
import { type ExtraSpecs, SpecKey, SpecValue } from "#shared/model/extra-specs.ts";
import { Description, FlavorName, ProjectId } from "#shared/model/names.ts";
import { Nullable } from "#shared/model/nullable.ts";
import type { Quota, Quotas } from "#shared/model/quota.ts";
import { renamedInEc2Types } from "./ec2-edits.ts";
import { flavorOf, requireQos } from "./find.ts";

/** Entries that are given are set, null takes one away, the rest stays. */
export const SpecChanges = Type.Record(SpecKey, Nullable(SpecValue), {
  maxProperties: 128,
  additionalProperties: false,
});
export type SpecChanges = Static<typeof SpecChanges>;

/** What is given is changed, the rest stays. */
export const FlavorChange = Type.Object(
  {
    name: Type.Optional(FlavorName),
    description: Type.Optional(Description),
    extraSpecs: Type.Optional(SpecChanges),
    /** By name or id; null: none any more. */
    qos: Type.Optional(Nullable(Type.String({ maxLength: 64 }))),
    /** null: everybody may use it. */
    projects: Type.Optional(Nullable(Type.Array(ProjectId, { uniqueItems: true, maxItems: 10_000 }))),
  },
  { additionalProperties: false },
);
export type FlavorChange = Static<typeof FlavorChange>;

/** With a new name it goes by that wherever the catalogue names it. Throws E_NOT_FOUND, E_CONFLICT. */
export function changeFlavor(catalogue: Catalogue, idOrName: string, change: FlavorChange): Catalogue {
  const flavor = flavorOf(catalogue, idOrName);
  const { name = flavor.name, description = flavor.description } = change;
  if (catalogue.flavors.some((other) => other !== flavor && other.name === name))
    throw new BerthError("E_CONFLICT", `flavor ${name} exists already`);
  const specs =
    change.extraSpecs === undefined ? flavor.extraSpecs : changedSpecs(flavor.extraSpecs, change.extraSpecs);
  const qos =
    change.qos === undefined ? flavor.qos : change.qos === null ? undefined : requireQos(catalogue, change.qos).name;
  const projects = change.projects === undefined ? flavor.projects : (change.projects ?? undefined);
  const { id, backends, encryption } = flavor;
  const changed = flavorWith({ id, name, description, backends }, { specs, qos, projects, encryption });
  const next = { ...catalogue, flavors: catalogue.flavors.map((other) => (other === flavor ? changed : other)) };
  return name === flavor.name ? next : renamed(next, flavor.name, name);
}

/** A flavor of everybody's has no list of projects, and one that has it already is told so: as the field has it. */
export function grantAccess(catalogue: Catalogue, idOrName: string, project: string): Catalogue {
  const { name, projects } = privateFlavor(catalogue, idOrName);
  if (projects.includes(project))
    throw new BerthError("E_CONFLICT", `Volume type access for ${name} / ${project} combination already exists.`);
  return changeFlavor(catalogue, name, { projects: [...projects, project] });
}

/** What the project has of it stays. */
export function revokeAccess(catalogue: Catalogue, idOrName: string, project: string): Catalogue {
  const { name, projects } = privateFlavor(catalogue, idOrName);
  if (!projects.includes(project))
    throw new BerthError("E_NOT_FOUND", `Volume type access not found for ${name} / ${project} combination.`);
  return changeFlavor(catalogue, name, { projects: projects.filter((other) => other !== project) });
}

function privateFlavor(catalogue: Catalogue, idOrName: string): Pick<Flavor, "name"> & { projects: readonly string[] } {
  const { name, projects } = flavorOf(catalogue, idOrName);
  if (projects !== undefined) return { name, projects };
  throw new BerthError(
    "E_BAD_REQUEST",
    `Type access modification is not applicable to public volume type: flavor ${name} is open to all projects`,
  );
}

/** `project` null: of all that have none of their own. `flavor` null: none; a project then means the common one again. */
export function setDefaultFlavor(
  catalogue: Catalogue,
  flavor: string | null,
  project: string | null = null,
): Catalogue {
  const found = flavor === null ? null : flavorOf(catalogue, flavor);
  if (project === null) return { ...catalogue, defaultFlavor: found?.name ?? null };
  if (found !== null && found.projects !== undefined && !found.projects.includes(project))
    throw new BerthError("E_CONFLICT", `flavor ${found.name} is not open to project ${project}`);
  const others = Object.entries(catalogue.defaultFlavors).filter(([other]) => other !== project);
  const defaults = found === null ? others : [...others, [project, found.name] as const];
  return { ...catalogue, defaultFlavors: Object.fromEntries(defaults) };
}

/** What is not there is left out, for people read the file. */
export function flavorWith(
  flavor: Pick<Flavor, "id" | "name" | "description" | "backends">,
  more: {
    readonly specs: ExtraSpecs | undefined;
    readonly qos: string | undefined;
    readonly projects: string[] | undefined;
    readonly encryption: EncryptionSpecs | undefined;
  },
): Flavor {
  const { specs, qos, projects, encryption } = more;
  return {
    ...flavor,
    ...(specs === undefined || Object.keys(specs).length === 0 ? {} : { extraSpecs: specs }),
    ...(qos === undefined ? {} : { qos }),
    ...(projects === undefined ? {} : { projects }),
    ...(encryption === undefined ? {} : { encryption }),
  };
}

export function changedSpecs(
  specs: Readonly<Record<string, string>> = {},
  changes: SpecChanges,
): Record<string, string> {
  const names = new Set([...Object.keys(specs), ...Object.keys(changes)]);
  return Object.fromEntries(
    [...names].flatMap((name) => {
      const value = Object.hasOwn(changes, name) ? changes[name] : specs[name];
      return value === null || value === undefined ? [] : [[name, value]];
    }),
  );
}

function renamed(catalogue: Catalogue, from: string, to: string): Catalogue {
  const told = (name: string): string => (name === from ? to : name);
  const defaults = Object.entries(catalogue.defaultFlavors).map(([project, name]) => [project, told(name)]);
  return {
    ...renamedInEc2Types(catalogue, told),
    defaultFlavor: catalogue.defaultFlavor === null ? null : told(catalogue.defaultFlavor),
    defaultFlavors: Object.fromEntries(defaults),
    quotas: renamedQuotas(catalogue.quotas, told),
  };
}

function renamedQuotas({ default: byDefault, projects }: Quotas, told: (name: string) => string): Quotas {
  const of = ({ flavors, ...limits }: Quota): Quota =>
    flavors === undefined
      ? limits
      : {
          ...limits,
          flavors: Object.fromEntries(Object.entries(flavors).map(([name, quota]) => [told(name), quota])),
        };
  return {
    default: of(byDefault),
    projects: Object.fromEntries(Object.entries(projects).map(([project, quota]) => [project, of(quota)])),
  };
}
