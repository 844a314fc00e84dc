import { BerthError } from "#shared/errors.ts";
import { readMetadataFilter } from "./metadata-filter.ts";

export const MAX_PAGE = 1000;

type Value = string | number | null;

/** How one kind of record is listed. Its table is in the order of creation. */
export interface Listed<T> {
  readonly name: string;
  readonly fields: Readonly<Record<string, (item: T) => Value>>;
  readonly sortKeys: readonly string[];
  readonly metadata: (item: T) => Readonly<Record<string, string>>;
}

interface ListItem {
  readonly id: string;
  readonly projectId: string;
}

export type Query = Readonly<Record<string, string | string[] | undefined>>;

export interface Page<T> {
  readonly items: readonly T[];
  /** The query of the next page; null: this is the last. */
  readonly next: string | null;
}

interface SortKey {
  readonly key: string;
  readonly descending: boolean;
}

/** One page of a table, as the query wants it. Throws E_BAD_REQUEST for a query that cannot be, E_NOT_FOUND for a marker that is not there. */
export function listPage<T extends ListItem>(
  listed: Listed<T>,
  table: ReadonlyMap<string, T>,
  query: Query,
  projectId: string,
): Page<T> {
  const limit = readLimit(query);
  const offset = readCount(one(query, "offset"), "offset") ?? 0;
  const sort = readSort(listed, query);
  const marker = readMarker(listed, table, one(query, "marker"));
  const wanted = matcher(listed, query, projectId);
  const byCreation = creationOrder(sort);
  const items =
    byCreation === null
      ? sortedPage(listed, table, wanted, sort, marker, offset, limit)
      : creationPage(table, wanted, byCreation, marker, offset, limit);
  const last = items.at(-1);
  return { items, next: last !== undefined && items.length === limit ? nextQuery(query, last.id) : null };
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

function matcher<T extends ListItem>(listed: Listed<T>, query: Query, projectId: string): (item: T) => boolean {
  const tests: ((item: T) => boolean)[] = [];
  const project = isTrue(one(query, "all_tenants")) ? one(query, "project_id") : projectId;
  if (project !== undefined) tests.push((item) => item.projectId === project);
  for (const [name, value] of Object.entries(listed.fields)) {
    const wanted = one(query, name);
    if (wanted !== undefined) tests.push((item) => String(value(item) ?? "") === wanted);
  }
  const metadata = one(query, "metadata");
  if (metadata !== undefined) {
    const pairs = Object.entries(readMetadataFilter(metadata));
    tests.push((item) => pairs.every(([key, wanted]) => listed.metadata(item)[key] === wanted));
  }
  return (item) => tests.every((test) => test(item));
}

function readMarker<T>(listed: Listed<T>, table: ReadonlyMap<string, T>, id: string | undefined): T | undefined {
  if (id === undefined) return undefined;
  const marker = table.get(id);
  if (marker === undefined)
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
