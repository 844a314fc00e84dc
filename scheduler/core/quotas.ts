import { BerthError } from "#shared/errors.ts";
import type { Flavor } from "#shared/model/catalogue.ts";
import {
  type ProjectLimit,
  QUOTA_KINDS,
  type Quota,
  type QuotaKind,
  type QuotaLimits,
  type Quotas,
  type Tally,
  UNLIMITED,
} from "#shared/model/quota.ts";
import type { State } from "./state.ts";

/** The limit that holds for a project; `flavorName` null: for all its flavors together. */
export function limitOf(quotas: Quotas, projectId: string, flavorName: string | null, kind: QuotaKind): number {
  const own = Object.hasOwn(quotas.projects, projectId) ? quotas.projects[projectId] : undefined;
  return limitIn(own, flavorName, kind) ?? limitIn(quotas.default, flavorName, kind) ?? UNLIMITED;
}

/** The same for what is limited over all flavors alone. */
export function projectLimitOf(quotas: Quotas, projectId: string, limit: ProjectLimit): number {
  const own = Object.hasOwn(quotas.projects, projectId) ? quotas.projects[projectId] : undefined;
  return own?.[limit] ?? quotas.default[limit] ?? UNLIMITED;
}

function limitIn(quota: Quota | undefined, flavorName: string | null, kind: QuotaKind): number | undefined {
  if (quota === undefined || flavorName === null) return quota?.[kind];
  return flavorLimits(quota, flavorName)?.[kind];
}

export function flavorLimits({ flavors = {} }: Quota, flavorName: string): QuotaLimits | undefined {
  return Object.hasOwn(flavors, flavorName) ? flavors[flavorName] : undefined;
}

/**
 * Refuses what would bring a project past a limit, its own or the default one, in all or of the flavor. What is there
 * already is never refused: after a limit was lowered nothing new comes. Throws E_QUOTA in the field's words.
 */
export function requireQuota(state: State, projectId: string, flavor: Flavor | undefined, more: Tally): void {
  requireWithin(state, projectId, state.usage.of(projectId), null, more);
  if (flavor !== undefined) requireFlavorQuota(state, projectId, flavor, more);
}

/** Of the flavor alone, for what is there already under another. */
export function requireFlavorQuota(state: State, projectId: string, flavor: Flavor, more: Tally): void {
  requireWithin(state, projectId, state.usage.ofFlavor(projectId, flavor.id), flavor.name, more);
}

/** How large one volume may be, whoever's it is to become. Throws E_QUOTA. */
export function requireVolumeSize(state: State, projectId: string, sizeGib: number): void {
  const limit = projectLimitOf(state.catalogue.catalogue.quotas, projectId, "perVolumeGib");
  if (limit === UNLIMITED || sizeGib <= limit) return;
  throw new BerthError(
    "E_QUOTA",
    `VolumeSizeExceedsLimit: Requested volume size ${sizeGib}G is larger than maximum allowed limit ${limit}G.`,
    { details: { project: projectId, kind: "perVolumeGib", limit, requested: sizeGib } },
  );
}

/** Refuses one group more than there may be. Throws E_QUOTA. */
export function requireGroupQuota(state: State, projectId: string): void {
  const limit = projectLimitOf(state.catalogue.catalogue.quotas, projectId, "groups");
  const used = limit === UNLIMITED ? 0 : groupsOf(state, projectId);
  if (limit === UNLIMITED || used < limit) return;
  throw new BerthError("E_QUOTA", `GroupLimitExceeded: Maximum number of groups allowed (${limit}) exceeded.`, {
    details: { project: projectId, kind: "groups", limit, used },
  });
}

/** How many groups a project has. There are few, so they are counted. */
export function groupsOf(state: State, projectId: string): number {
  let count = 0;
  for (const group of state.table("group").values()) if (group.projectId === projectId) count += 1;
  return count;
}

function requireWithin(state: State, projectId: string, used: Tally, flavorName: string | null, more: Tally): void {
  const { quotas } = state.catalogue.catalogue;
  for (const kind of QUOTA_KINDS) {
    const limit = limitOf(quotas, projectId, flavorName, kind);
    if (more[kind] === 0 || limit === UNLIMITED || used[kind] + more[kind] <= limit) continue;
    throw new BerthError("E_QUOTA", refusal(kind, flavorName, more[kind], limit, used[kind]), {
      details: { project: projectId, kind, flavor: flavorName, limit, used: used[kind], requested: more[kind] },
    });
  }
}

/** Clients look for these sentences. */
function refusal(kind: QuotaKind, flavorName: string | null, more: number, limit: number, used: number): string {
  const name = fieldName(kind, flavorName);
  switch (kind) {
    case "volumes":
      return `VolumeLimitExceeded: Maximum number of volumes allowed (${limit}) exceeded for quota '${name}'.`;
    case "snapshots":
      return `SnapshotLimitExceeded: Maximum number of snapshots allowed (${limit}) exceeded for quota '${name}'.`;
    case "gib":
      return `VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed ${name} quota. Requested ${more}G, quota is ${limit}G and ${used}G has been consumed.`;
  }
}

/** `volumes`, `gigabytes_gold`: what the field calls it. */
function fieldName(kind: QuotaKind, flavorName: string | null): string {
  const name = kind === "gib" ? "gigabytes" : kind;
  return flavorName === null ? name : `${name}_${flavorName}`;
}
