import { BerthError } from "#shared/errors.ts";
import type { Caller } from "../../request-context.ts";
import type { LinkBase } from "./addresses.ts";
import { readMetadataFilter } from "./metadata-filter.ts";
import { timeTests } from "./time-filter.ts";

export const MAX_PAGE = 1000;

const STRICT_SINCE = 31;
const LIKE_SINCE = 34;
const COUNT_SINCE = 45;
const TIMES_SINCE = 60;
const NOT_FILTERS = [
  "limit",
  "marker",
  "offset",
  "sort",
  "sort_key",
  "sort_dir",
  "all_tenants",
  "with_count",
  "project_id",
  "metadata",
];

type Value = string | number | boolean | null;

/** How one kind of record is listed. Its table is in the order of creation. */
export interface Listed<T> {
  readonly name: string;
  readonly fields: Readonly<Record<string, (item: T) => Value>>;
  /** The microversions that brought some of the fields as filters; below it such a one is let be. */
  readonly since?: Readonly<Record<string, number>>;
  /** Instants (ms since 1970), which from 3.60 can be compared with. */
  readonly times?: Readonly<Record<string, (item: T) => number>>;
  readonly sortKeys: readonly string[];
  readonly metadata: (item: T) => Readonly<Record<string, string>>;
  /** From which version on a filter that is not known is refused, unless an administrator gives it. Absent: 3.31. */
  readonly strictSince?: number;
  /** The microversion from which that is a filter; absent: all. */
  readonly metadataSince?: number;
  /** Other texts by key, which are filtered by like metadata. */
  readonly pairs?: Readonly<
    Record<string, { readonly since: number; readonly of: (item: T) => Readonly<Record<string, string>> }>
  >;
  /** Parameters that are not filters, beside those that each list has. */
  readonly switches?: readonly string[];
}

/** Who asks for which page of a list. */
export interface ListCall {
  readonly query: Query;
  readonly caller: Pick<Caller, "projectId" | "isAdmin">;
  readonly minor: number;
}

/** The parameters that each list knows, for the API's document. */
export function listQuery<T>(listed: Listed<T>): Record<string, string> {
  return {
    limit: "at most so many, 1000 without it",
    marker: "the id of the last one of the page before",
    offset: "how many to pass over",
    sort: `key[:asc|desc],…, keys: ${listed.sortKeys.join(", ")}`,
    sort_key: "older form of sort",
    sort_dir: "older form of sort",
    all_tenants: "1: everybody's, for administrators",
    project_id: "with all_tenants: of this project",
    with_count: "true: how many there are in all (3.45)",
    metadata: "{'key':'value'}: those that have it",
    ...Object.fromEntries(Object.keys(listed.fields).map((name) => [name, "exactly this"])),
  };
}

interface ListItem {
  readonly id: string;
  /** Absent: it is no project's, and all see it. */
  readonly projectId?: string;
}

export type Query = Readonly<Record<string, string | string[] | undefined>>;

export interface Page<T> {
  readonly items: readonly T[];
  /** The query of the next page; null: this is the last. */
  readonly next: string | null;
  /** How many there are, where that was asked. */
  readonly count: number | null;
}

interface SortKey {
  readonly key: string;
  readonly descending: boolean;
}

/** One page of a table, as the query wants it. Throws E_BAD_REQUEST for a query that cannot be, E_NOT_FOUND for a marker that is not there. */
export function listPage<T extends ListItem>(
  listed: Listed<T>,
  table: ReadonlyMap<string, T>,
  call: ListCall,
): Page<T> {
  const { query, minor } = call;
  const limit = readLimit(query);
  const offset = readCount(one(query, "offset"), "offset") ?? 0;
  const sort = readSort(listed, query);
  const marker = readMarker(listed, table, call);
  const wanted = matcher(listed, call);
  const byCreation = creationOrder(sort);
  const items =
    byCreation === null
      ? sortedPage(listed, table, wanted, sort, marker, offset, limit)
      : creationPage(table, wanted, byCreation, marker, offset, limit);
  const last = items.at(-1);
  return {
    items,
    next: last !== undefined && items.length === limit ? nextQuery(query, last.id) : null,
    count: minor >= COUNT_SINCE && isTrue(one(query, "with_count")) ? countOf(table, wanted) : null,
  };
}

function countOf<T>(table: ReadonlyMap<string, T>, wanted: (item: T) => boolean): number {
  let count = 0;
  for (const item of table.values()) if (wanted(item)) count += 1;
  return count;
}

/** What stands beside a page's items: where the next page is, and how many there are. */
export function pageEnds(
  { next, count }: Pick<Page<unknown>, "next" | "count">,
  links: LinkBase,
  linksKey: string,
  path: string,
): Readonly<Record<string, unknown>> {
  return {
    ...(next === null ? {} : { [linksKey]: [{ rel: "next", href: `${links.self}${path}?${next}` }] }),
    ...(count === null ? {} : { count }),
  };
}

function creationOrder(sort: readonly SortKey[]): "ascending" | "descending" | null {
  const [first] = sort;
  if (first === undefined) return "descending";
  if (sort.length > 1 || first.key !== "created_at") return null;
  return first.descending ? "descending" : "ascending";
}

/** The table has this order already: one walk, nothing sorted. What comes after the marker downwards stands before it. */
function creationPage<T extends ListItem>(
  table: ReadonlyMap<string, T>,
  wanted: (item: T) => boolean,
  order: "ascending" | "descending",
  marker: T | undefined,
  offset: number,
  limit: number,
): T[] {
  const found: T[] = [];
  let passed = marker === undefined;
  for (const item of table.values()) {
    if (order === "descending" && item.id === marker?.id) break;
    if ((order === "descending" || passed) && wanted(item)) found.push(item);
    if (order === "ascending") {
      if (found.length >= offset + limit) break;
      passed ||= item.id === marker?.id;
    }
  }
  if (order === "ascending") return found.slice(offset);
  const end = Math.max(0, found.length - offset);
  return found.slice(Math.max(0, end - limit), end).reverse();
}

function sortedPage<T extends ListItem>(
  listed: Listed<T>,
  table: ReadonlyMap<string, T>,
  wanted: (item: T) => boolean,
  sort: readonly SortKey[],
  marker: T | undefined,
  offset: number,
  limit: number,
): T[] {
  const compare = comparator(listed, sort);
  const found = [...table.values()].filter(wanted).sort(compare);
  const after = marker === undefined ? 0 : found.findIndex((item) => compare(item, marker) > 0);
  return after === -1 ? [] : found.slice(after + offset, after + offset + limit);
}

/** Equal items are told apart by their ids, so that pages neither repeat nor lose any. */
function comparator<T extends ListItem>(listed: Listed<T>, sort: readonly SortKey[]): (a: T, b: T) => number {
  const keys = sort.map(({ key, descending }) => ({ value: listed.fields[key], sign: descending ? -1 : 1 }));
  return (a, b) => {
    for (const { value, sign } of keys) {
      if (value === undefined) continue;
      const order = compareValues(value(a), value(b));
      if (order !== 0) return sign * order;
    }
    return compareValues(a.id, b.id);
  };
}

function compareValues(a: Value, b: Value): number {
  if (a === b) return 0;
  if (a === null) return -1;
  if (b === null) return 1;
  return a < b ? -1 : 1;
}

function matcher<T extends ListItem>(listed: Listed<T>, { query, caller, minor }: ListCall): (item: T) => boolean {
  const tests: ((item: T) => boolean)[] = [];
  const all = caller.isAdmin && isTrue(one(query, "all_tenants"));
  const project = all ? one(query, "project_id") : caller.projectId;
  if (project !== undefined) tests.push(({ projectId }) => projectId === undefined || projectId === project);
  if (minor >= (listed.strictSince ?? STRICT_SINCE) && !caller.isAdmin) refuseUnknown(listed, query);
  for (const [name, value] of Object.entries(listed.fields)) {
    if (minor < (listed.since?.[name] ?? 0)) continue;
    const wanted = one(query, name) ?? (name === "name" ? one(query, "display_name") : undefined);
    const time = minor >= TIMES_SINCE ? listed.times?.[name] : undefined;
    const part = minor >= LIKE_SINCE ? one(query, `${name}~`) : undefined;
    if (wanted !== undefined && time !== undefined) tests.push(...timeTests(name, wanted, time));
    else if (wanted !== undefined) tests.push((item) => textOf(value(item)) === wantedText(value(item), wanted));
    if (part !== undefined) tests.push((item) => textOf(value(item)).includes(part));
  }
  const byPairs = { ...listed.pairs, metadata: { since: listed.metadataSince ?? 0, of: listed.metadata } };
  for (const [name, { since, of }] of Object.entries(byPairs)) {
    const wanted = minor < since ? undefined : one(query, name);
    if (wanted === undefined) continue;
    const pairs = Object.entries(readMetadataFilter(wanted));
    tests.push((item) => pairs.every(([key, value]) => of(item)[key] === value));
  }
  return (item) => tests.every((test) => test(item));
}

function textOf(value: Value): string {
  return value === null ? "" : String(value);
}

/** Truth is written in several ways. */
function wantedText(value: Value, wanted: string): string {
  return typeof value === "boolean" ? String(isTrue(wanted)) : wanted;
}

function refuseUnknown<T>({ fields, pairs = {}, switches = [] }: Listed<T>, query: Query): void {
  const strange = Object.keys(query).filter((given) => {
    const name = given.endsWith("~") ? given.slice(0, -1) : given;
    const known = Object.hasOwn(fields, name) || Object.hasOwn(pairs, name);
    return !known && !NOT_FILTERS.includes(name) && !switches.includes(name);
  });
  if (strange.length > 0)
    throw new BerthError(
      "E_BAD_REQUEST",
      `Invalid filters ${strange.join(", ").slice(0, 200)} are found in query options.`,
    );
}

/** Another project's is as if it were not there. */
function readMarker<T extends ListItem>(
  listed: Listed<T>,
  table: ReadonlyMap<string, T>,
  { query, caller }: ListCall,
): T | undefined {
  const id = one(query, "marker");
  if (id === undefined) return undefined;
  const marker = table.get(id);
  if (marker === undefined || !(caller.isAdmin || marker.projectId === caller.projectId))
    throw new BerthError("E_NOT_FOUND", `${listed.name} ${id.slice(0, 80)} could not be found.`);
  return marker;
}

function readLimit(query: Query): number {
  return Math.min(readCount(one(query, "limit"), "limit") ?? MAX_PAGE, MAX_PAGE);
}

function readCount(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  if (/^-\d+$/.test(text)) throw new BerthError("E_BAD_REQUEST", `${name} param must be positive`);
  if (!/^\d{1,15}$/.test(text)) throw new BerthError("E_BAD_REQUEST", `${name} param must be an integer`);
  return Number(text);
}

/** `sort=key[:dir],…`, or the older `sort_key` with `sort_dir`; never both. */
function readSort<T>(listed: Listed<T>, query: Query): SortKey[] {
  const sort = one(query, "sort");
  const key = one(query, "sort_key");
  const direction = one(query, "sort_dir");
  if (sort !== undefined && (key !== undefined || direction !== undefined))
    throw new BerthError(
      "E_BAD_REQUEST",
      "The 'sort_key' and 'sort_dir' parameters are deprecated and cannot be used with the 'sort' parameter.",
    );
  if (sort !== undefined) return sort.split(",").map((part) => readSortKey(listed, part.trim()));
  if (key === undefined && direction === undefined) return [];
  return [readSortKey(listed, `${key ?? "created_at"}:${direction ?? "desc"}`)];
}

function readSortKey<T>(listed: Listed<T>, text: string): SortKey {
  const [given = "", direction = "desc", ...rest] = text.split(":");
  const key = given === "display_name" ? "name" : given;
  if (!listed.sortKeys.includes(key))
    throw new BerthError("E_BAD_REQUEST", `sort key is not one of ${listed.sortKeys.join(", ")}`);
  if ((direction !== "asc" && direction !== "desc") || rest.length > 0)
    throw new BerthError("E_BAD_REQUEST", "sort direction must be asc or desc");
  return { key, descending: direction === "desc" };
}

function nextQuery(query: Query, marker: string): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    // An offset counts from the list's begin, which the marker now is.
    if (name === "marker" || name === "offset") continue;
    for (const item of Array.isArray(value) ? value : [value]) if (item !== undefined) params.append(name, item);
  }
  params.append("marker", marker);
  return params.toString();
}

/** The last one counts where a parameter was given twice. */
export function one(query: Query, name: string): string | undefined {
  const value = query[name];
  return Array.isArray(value) ? value.at(-1) : value;
}

export function isTrue(text: string | undefined): boolean {
  return text !== undefined && ["1", "true", "yes", "on", "t", "y"].includes(text.toLowerCase());
}
