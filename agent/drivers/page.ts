import { LISTED_PER_PAGE, type ListedObject, type ListPage } from "#shared/model/listing.ts";

/** Of JSON. nats-server takes 1 MiB a message, and a mark comes from a disk on which anybody may have written. */
const PAGE_BYTES = 256 * 1024;

export interface ListedName {
  /** Orders the listing, and is where the next page begins. */
  readonly name: string;
  /** null: it went while we looked. */
  readonly seen: ListedObject | "foreign" | null;
  /** What others call it, where that is not its name in the listing. */
  readonly told?: string;
}

/** One message's worth of what was looked at, in the order of names. `more`: there are names behind the last. */
export function pageOf(looked: readonly ListedName[], more: boolean): ListPage {
  const objects: ListedObject[] = [];
  const foreign: string[] = [];
  let bytes = 0;
  let last: string | null = null;
  for (const { name, seen, told = name } of looked) {
    const entry = seen === null || seen === "foreign" ? seen : bounded(seen);
    const entryBytes = Buffer.byteLength(JSON.stringify(entry === "foreign" ? told : entry));
    if (last !== null && bytes + entryBytes > PAGE_BYTES) return { objects, foreign, next: last };
    if (entry === "foreign") foreign.push(told);
    else if (entry !== null) objects.push(entry);
    bytes += entryBytes;
    last = name;
  }
  return { objects, foreign, next: more ? last : null };
}

/** A mark that alone would not fit into a message is not one that we wrote. */
function bounded(object: ListedObject): ListedObject {
  return Buffer.byteLength(JSON.stringify(object)) <= PAGE_BYTES ? object : { ...object, mark: null };
}

/** The page behind `after` of all that was looked at, in the order of names. */
export function pageAfter(names: readonly ListedName[], after: string | null): ListPage {
  const wanted = names.filter(({ name }) => after === null || name > after);
  const page = wanted.slice(0, LISTED_PER_PAGE);
  return pageOf(page, wanted.length > page.length);
}
