import { upgrade } from "#shared/migration.ts";
import { CATALOGUE_VERSION, Catalogue } from "#shared/model/catalogue.ts";
import { type Fault, parser } from "#shared/schema.ts";
import { type LocatedFault, locate, readJson } from "../located-json.ts";
import { checkCatalogue } from "./check.ts";
import { CATALOGUE_MIGRATIONS } from "./migrations.ts";

const catalogueParser = parser(Catalogue, "catalogue");

/** A catalogue's text, read: either what it says, or everything that is wrong with it and where. */
export type ReadCatalogue =
  | {
      readonly catalogue: Catalogue;
      readonly faults: readonly [];
      /** What reading it as of today's version changed; empty: it is of that version. */
      readonly changes: readonly string[];
    }
  | {
      readonly catalogue: null;
      readonly faults: readonly LocatedFault[];
      /** It is of a version that only a newer program knows; no more is said of it then. */
      readonly isNewer: boolean;
    };

export function readCatalogue(text: string): ReadCatalogue {
  const read = readJson(text);
  if (!("value" in read)) return { catalogue: null, faults: read.faults, isNewer: false };
  const raw = read.value;
  const version = versionOf(raw);
  if (version > CATALOGUE_VERSION) return { ...refused(text, [newerFault(version)]), isNewer: true };
  const { value, changes } = isObject(raw) ? upgrade(raw, version, CATALOGUE_MIGRATIONS) : { value: raw, changes: [] };
  const faults = checkCatalogue(value);
  if (faults.length === 0 && catalogueParser.check(value)) return { catalogue: value, faults: [], changes };
  return refused(text, faults);
}

function newerFault(version: number): Fault {
  const message = `is ${version}, of a newer Berth than this one, which knows ${CATALOGUE_VERSION}`;
  return { path: "/version", message };
}

/** What is no version is taken for today's: the check then says so. */
function versionOf(raw: unknown): number {
  const version = isObject(raw) ? raw.version : undefined;
  return typeof version === "number" && Number.isInteger(version) && version >= 1 ? version : CATALOGUE_VERSION;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refused(text: string, faults: readonly Fault[]) {
  return { catalogue: null, faults: locate(text, faults), isNewer: false } as const;
}
