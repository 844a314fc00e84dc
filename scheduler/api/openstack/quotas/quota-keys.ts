import type { Flavor } from "#shared/model/catalogue.ts";
import { type ProjectLimit, type QuotaKind, type Quotas, UNLIMITED } from "#shared/model/quota.ts";
import type { QuotaChange } from "../../../catalogue/edits.ts";
import { groupsOf, limitOf, projectLimitOf } from "../../../core/quotas.ts";
import type { State } from "../../../core/state.ts";
import { isJsonObject, refusal, shown } from "../rest/refusal.ts";

/** The field's keys, and ours. */
const KINDS = { volumes: "volumes", snapshots: "snapshots", gigabytes: "gib" } as const;
const WHOLE = {
  groups: "groups",
  per_volume_gigabytes: "perVolumeGib",
  backups: "backups",
  backup_gigabytes: "backupGib",
} as const;
const MOST = 2_147_483_647;

export interface QuotaLine {
  readonly key: string;
  readonly limit: number;
  readonly used: number;
}

/** All that is limited for a project, of each of the flavors as well (`volumes_gold`). `projectId` null: by default. */
export function quotaLines(state: State, flavors: readonly Flavor[], projectId: string | null): QuotaLine[] {
  const { quotas } = state.catalogue.catalogue;
  const limits: Quotas = projectId === null ? { default: quotas.default, projects: {} } : quotas;
  const project = projectId ?? "";
  const line = (key: string, kind: QuotaKind, flavor: Flavor | null): QuotaLine => ({
    key: flavor === null ? key : `${key}_${flavor.name}`,
    limit: limitOf(limits, project, flavor?.name ?? null, kind),
    used: (flavor === null ? state.usage.of(project) : state.usage.ofFlavor(project, flavor.id))[kind],
  });
  const whole = (key: string, limit: ProjectLimit): QuotaLine => ({
    key,
    limit: projectLimitOf(limits, project, limit),
    used: limit === "groups" ? groupsOf(state, project) : 0,
  });
  return [null, ...flavors]
    .flatMap((flavor) => Object.entries(KINDS).map(([key, kind]) => line(key, kind, flavor)))
    .concat(Object.entries(WHOLE).map(([key, limit]) => whole(key, limit)));
}

/** What `{"quota_set": {…}}` asks for, by our names and by the field's. */
export interface WantedLimits {
  readonly change: QuotaChange;
  readonly limits: ReadonlyMap<string, number>;
}

/** Keys that stand beside the limits and say nothing of them. */
const BESIDE = ["tenant_id", "id", "force", "skip_validation"];

/** Throws E_BAD_REQUEST for keys that are none, and for what is no limit. */
export function readLimits(
  flavors: readonly Flavor[],
  values: unknown,
  { what, noLimit }: { readonly what: string; readonly noLimit: number | null },
): WantedLimits {
  if (!isJsonObject(values)) throw refusal("the limits must be a JSON object");
  const limits = new Map<string, number>();
  const whole: Partial<Record<QuotaKind | ProjectLimit, number | null>> = {};
  const ofFlavors: Record<string, Partial<Record<QuotaKind, number | null>>> = {};
  const strange: string[] = [];
  for (const [key, value] of Object.entries(values)) {
    if (BESIDE.includes(key)) continue;
    const place = placeOf(flavors, key);
    if (place === null) {
      strange.push(key);
      continue;
    }
    const limit = readLimit(key, value);
    limits.set(key, limit);
    const kept = limit === UNLIMITED ? noLimit : limit;
    if (place.flavor === null) whole[place.kind] = kept;
    else ofFlavors[place.flavor] = { ...ofFlavors[place.flavor], [place.kind]: kept };
  }
  if (strange.length > 0) throw refusal(`Bad key(s) in ${what}: ${strange.join(", ").slice(0, 200)}`);
  return { change: Object.keys(ofFlavors).length === 0 ? whole : { ...whole, flavors: ofFlavors }, limits };
}

type Place =
  | { readonly flavor: null; readonly kind: QuotaKind | ProjectLimit }
  | { readonly flavor: string; readonly kind: QuotaKind };

function placeOf(flavors: readonly Flavor[], key: string): Place | null {
  for (const [name, kind] of Object.entries(WHOLE)) if (name === key) return { flavor: null, kind };
  for (const [name, kind] of Object.entries(KINDS)) {
    if (name === key) return { flavor: null, kind };
    const flavor = key.startsWith(`${name}_`) ? flavors.find((one) => key === `${name}_${one.name}`) : undefined;
    if (flavor !== undefined) return { flavor: flavor.name, kind };
  }
  return null;
}

/** Some clients send numbers as text. */
function readLimit(key: string, value: unknown): number {
  const limit = typeof value === "string" && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof limit !== "number" || !Number.isInteger(limit))
    throw refusal(`${key} must be an integer, not ${shown(value)}`);
  if (limit < UNLIMITED) throw refusal(`${key} must be >= ${UNLIMITED}`);
  if (limit > MOST) throw refusal(`${key} must be <= ${MOST}`);
  return limit;
}
