import { BerthError } from "#shared/errors.ts";
import type { Catalogue, Flavor } from "#shared/model/catalogue.ts";
import { isOpenTo } from "../../../core/volume-request.ts";
import type { Caller } from "../../request-context.ts";
import { one } from "../rest/listing.ts";
import { readMetadataFilter } from "../rest/metadata-filter.ts";
import type { Viewer } from "../rest/operation.ts";
import { refusal } from "../rest/refusal.ts";

/** By id or name, in the field's words. Throws E_NOT_FOUND. */
export function requireType({ flavors }: Catalogue, idOrName: string): Flavor {
  const flavor = flavors.find(({ id, name }) => id === idOrName || name === idOrName);
  if (flavor !== undefined) return flavor;
  throw notThere(idOrName);
}

/** The same, where another project's type is as if it were not there; administrators see all. */
export function findType(catalogue: Catalogue, idOrName: string, { isAdmin, projectId }: Caller): Flavor {
  const flavor = requireType(catalogue, idOrName);
  if (isAdmin || isOpenTo(flavor, projectId)) return flavor;
  throw notThere(idOrName);
}

function notThere(idOrName: string): BerthError {
  return new BerthError("E_NOT_FOUND", `Volume type ${idOrName.slice(0, 80)} could not be found.`);
}

/** Extra specs that tell nothing of what stands behind a type. */
const VISIBLE_SPECS: ReadonlySet<string> = new Set(["RESKEY:availability_zones", "multiattach", "replication_enabled"]);

export function visibleSpecs({ extraSpecs = {} }: Flavor, { isAdmin }: Caller): Record<string, string> {
  const entries = Object.entries(extraSpecs);
  return Object.fromEntries(isAdmin ? entries : entries.filter(([key]) => VISIBLE_SPECS.has(key)));
}

/** From here on types can be asked for by their extra specs. */
export const TYPE_FILTERS_SINCE = 52;

/**
 * Those that are asked for: open to the caller's project, and for administrators also others as `is_public` says
 * (`None` is all). A filter by what the caller may not see finds nothing.
 */
export function typesAsked(catalogue: Catalogue, { query, caller, minor }: Viewer): ReadonlyMap<string, Flavor> {
  const isWanted = publicityAsked(one(query, "is_public"), caller);
  const asked = minor < TYPE_FILTERS_SINCE ? undefined : one(query, "extra_specs");
  const pairs = asked === undefined ? [] : Object.entries(readMetadataFilter(asked, "extra_specs"));
  const found = catalogue.flavors.filter((flavor) => {
    const seen = new Map(Object.entries(visibleSpecs(flavor, caller)));
    return isWanted(flavor) && pairs.every(([key, value]) => seen.get(key) === value);
  });
  return new Map(found.map((flavor) => [flavor.id, flavor]));
}

function publicityAsked(given: string | undefined, { isAdmin, projectId }: Caller): (flavor: Flavor) => boolean {
  const wanted = isAdmin ? isPublicAsked(given) : true;
  if (wanted === null) return () => true;
  return wanted ? (flavor) => isOpenTo(flavor, projectId) : ({ projects }) => projects !== undefined;
}

/** null: both. Throws E_BAD_REQUEST. */
export function isPublicAsked(given: string | undefined): boolean | null {
  const text = given?.toLowerCase();
  if (text === "none") return null;
  if (text === undefined || ["true", "1", "t", "y", "yes", "on"].includes(text)) return true;
  if (["false", "0", "f", "n", "no", "off"].includes(text)) return false;
  throw refusal(`Invalid is_public filter [${text.slice(0, 80)}]`);
}
