import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import { FlavorName } from "#shared/model/names.ts";
import { Nullable } from "#shared/model/nullable.ts";
import {
  PROJECT_LIMITS,
  QUOTA_KINDS,
  type Quota,
  QuotaLimit,
  type QuotaLimits,
  type Quotas,
} from "#shared/model/quota.ts";

const LimitsChange = {
  volumes: Type.Optional(Nullable(QuotaLimit)),
  snapshots: Type.Optional(Nullable(QuotaLimit)),
  gib: Type.Optional(Nullable(QuotaLimit)),
};

/** What is given is set, null takes a limit away (then the default holds), the rest stays. -1 is no limit. */
export const QuotaChange = Type.Object(
  {
    ...LimitsChange,
    groups: Type.Optional(Nullable(QuotaLimit)),
    perVolumeGib: Type.Optional(Nullable(QuotaLimit)),
    backups: Type.Optional(Nullable(QuotaLimit)),
    backupGib: Type.Optional(Nullable(QuotaLimit)),
    flavors: Type.Optional(
      Type.Record(FlavorName, Type.Object(LimitsChange, { additionalProperties: false }), {
        additionalProperties: false,
      }),
    ),
  },
  { additionalProperties: false },
);
export type QuotaChange = Static<typeof QuotaChange>;

/** `project` null: the default quota. A project whose last limit is taken away is no longer listed. */
export function changeQuota(catalogue: Catalogue, project: string | null, change: QuotaChange): Catalogue {
  const { quotas } = catalogue;
  if (project === null) return { ...catalogue, quotas: { ...quotas, default: changed(quotas.default, change) } };
  const own = Object.hasOwn(quotas.projects, project) ? quotas.projects[project] : undefined;
  return withProject(catalogue, project, changed(own ?? {}, change));
}

/** All limits of a project, or (null) all default ones, are taken away. Throws E_NOT_FOUND. */
export function dropQuota(catalogue: Catalogue, project: string | null): Catalogue {
  if (project === null) return { ...catalogue, quotas: { ...catalogue.quotas, default: {} } };
  if (!Object.hasOwn(catalogue.quotas.projects, project))
    throw new BerthError("E_NOT_FOUND", `project ${project} has no quota of its own`);
  return withProject(catalogue, project, {});
}

/** The quotas without what they say of one flavor. */
export function withoutFlavor(quotas: Quotas, flavorName: string): Quotas {
  const without = ({ flavors, ...limits }: Quota): Quota =>
    withFlavors(
      limits,
      Object.entries(flavors ?? {}).filter(([name]) => name !== flavorName),
    );
  const projects = Object.entries(quotas.projects).map(([project, quota]) => [project, without(quota)] as const);
  return {
    default: without(quotas.default),
    projects: Object.fromEntries(projects.filter(([, quota]) => !isEmpty(quota))),
  };
}

function changed({ flavors = {}, ...limits }: Quota, { flavors: flavorChanges = {}, ...changes }: QuotaChange): Quota {
  const names = new Set([...Object.keys(flavors), ...Object.keys(flavorChanges)]);
  const own = <T>(values: Readonly<Record<string, T>>, name: string): T | undefined =>
    Object.hasOwn(values, name) ? values[name] : undefined;
  return withFlavors(
    changedLimits([...QUOTA_KINDS, ...PROJECT_LIMITS], limits, changes),
    [...names].map((name) => [
      name,
      changedLimits(QUOTA_KINDS, own(flavors, name) ?? {}, own(flavorChanges, name) ?? {}),
    ]),
  );
}

function changedLimits(
  kinds: readonly string[],
  limits: Readonly<Record<string, number | undefined>>,
  changes: Readonly<Record<string, number | null | undefined>>,
): Record<string, number> {
  return Object.fromEntries(
    kinds.flatMap((kind) => {
      const limit = changes[kind] === undefined ? limits[kind] : changes[kind];
      return limit === undefined || limit === null ? [] : [[kind, limit]];
    }),
  );
}

function withFlavors(limits: Omit<Quota, "flavors">, flavors: readonly (readonly [string, QuotaLimits])[]): Quota {
  const left = flavors.filter(([, of]) => Object.keys(of).length > 0);
  return left.length === 0 ? limits : { ...limits, flavors: Object.fromEntries(left) };
}

function withProject(catalogue: Catalogue, project: string, quota: Quota): Catalogue {
  const { quotas } = catalogue;
  const others = Object.entries(quotas.projects).filter(([name]) => name !== project);
  const projects = Object.fromEntries(isEmpty(quota) ? others : [...others, [project, quota]]);
  return { ...catalogue, quotas: { ...quotas, projects } };
}

function isEmpty(quota: Quota): boolean {
  return Object.keys(quota).length === 0;
}
