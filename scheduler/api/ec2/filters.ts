import { Ec2Refusal } from "./refusal.ts";

export interface Filter {
  readonly Name: string;
  readonly Value?: readonly string[];
}

/** What a filter looks at. Several values: any of them will do. null: there is none. */
export type Filtered = string | number | boolean | null | readonly (string | null)[];
export type FilterTable<T> = Readonly<Record<string, (item: T) => Filtered>>;

/** Tags of a thing, by which all kinds are filtered: `tag:KEY`, `tag-key`. */
export type TagsOf<T> = (item: T) => Readonly<Record<string, string>>;

const MAX_VALUES = 200;
const TAG = "tag:";

/** Of a filter's values any will do; of several filters all must. Throws InvalidParameterValue, FilterLimitExceeded. */
export function filterBy<T>(
  filters: readonly Filter[],
  table: FilterTable<T>,
  tagsOf?: TagsOf<T>,
): (item: T) => boolean {
  const tests = filters.map(({ Name: name, Value: values = [] }) => {
    const read = readerOf(name, table, tagsOf);
    if (read === undefined)
      throw new Ec2Refusal("InvalidParameterValue", `The filter '${name.slice(0, 100)}' is invalid`);
    if (values.length === 0)
      throw new Ec2Refusal("InvalidParameterValue", `The filter '${name.slice(0, 100)}' has no values`);
    if (values.length > MAX_VALUES)
      throw new Ec2Refusal("FilterLimitExceeded", `A filter has at most ${MAX_VALUES} values, not ${values.length}`);
    const matches = values.map(wildcardMatcher);
    return (item: T): boolean => textsOf(read(item)).some((text) => matches.some((match) => match(text)));
  });
  return (item) => tests.every((test) => test(item));
}

function readerOf<T>(
  name: string,
  table: FilterTable<T>,
  tagsOf: TagsOf<T> | undefined,
): ((item: T) => Filtered) | undefined {
  if (tagsOf !== undefined && name === "tag-key") return (item) => Object.keys(tagsOf(item));
  if (tagsOf !== undefined && name.startsWith(TAG)) {
    const key = name.slice(TAG.length);
    return (item) => {
      const tags = tagsOf(item);
      return Object.hasOwn(tags, key) ? (tags[key] ?? null) : null;
    };
  }
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function textsOf(value: Filtered): string[] {
  if (value === null) return [];
  return typeof value === "object" ? value.filter((text) => text !== null) : [String(value)];
}

type Piece = { readonly literal: string } | "one" | "any";

/**
 * `*` stands for any number of characters, `?` for one, and `\` takes a wildcard's meaning away. Without going back more
 * than to the last `*`, so that no pattern takes long.
 */
export function wildcardMatcher(pattern: string): (text: string) => boolean {
  const pieces = piecesOf(pattern);
  if (pieces.every((piece) => typeof piece === "object")) {
    const plain = pieces.map((piece) => piece.literal).join("");
    return (text) => text === plain;
  }
  return (text) => matches(pieces, [...text]);
}

function piecesOf(pattern: string): Piece[] {
  const pieces: Piece[] = [];
  const characters = [...pattern];
  for (let n = 0; n < characters.length; n++) {
    const character = characters[n] ?? "";
    const next = characters[n + 1];
    if (character === "\\" && next !== undefined && "*?\\".includes(next)) {
      pieces.push({ literal: next });
      n += 1;
    } else if (character === "*") pieces.push("any");
    else pieces.push(character === "?" ? "one" : { literal: character });
  }
  return pieces;
}

function matches(pieces: readonly Piece[], text: readonly string[]): boolean {
  let piece = 0;
  let at = 0;
  let star = -1;
  let starAt = 0;
  while (at < text.length) {
    const wanted = pieces[piece];
    if (wanted === "any") {
      star = piece;
      starAt = at;
      piece += 1;
    } else if (wanted === "one" || (wanted !== undefined && wanted.literal === text[at])) {
      piece += 1;
      at += 1;
    } else if (star !== -1) {
      starAt += 1;
      at = starAt;
      piece = star + 1;
    } else return false;
  }
  return pieces.slice(piece).every((left) => left === "any");
}
