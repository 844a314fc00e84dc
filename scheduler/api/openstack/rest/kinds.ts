import { type Static, type TSchema, Type } from "typebox";
import { DisplayName, FlavorName, Metadata, SizeGib, Uuid } from "#shared/model/names.ts";
import { parser } from "#shared/schema.ts";
import { MAX_VOLUME_GIB } from "#shared/units.ts";
import { refusal, shown } from "./refusal.ts";

/** One field of a request's body: what may stand there, and what it is made into. */
export interface Kind<T> {
  readonly schema: TSchema;
  /** Throws E_BAD_REQUEST with one sentence that names the field. */
  readonly read: (name: string, value: unknown) => T;
}

/** `refuse` is the end of the sentence "name must be …"; where it depends on the value, a function that makes it. */
export function kind<S extends TSchema, T>(
  schema: S,
  mustBe: string | ((value: unknown) => string),
  convert: (value: Static<S>) => T,
): Kind<T> {
  const known = parser(schema);
  return {
    schema,
    read: (name, value) => {
      if (known.check(value)) return convert(value);
      throw refusal(
        typeof mustBe === "string" ? `${name} must be ${mustBe}, not ${shown(value)}` : `${name} ${mustBe(value)}`,
      );
    },
  };
}

const same = <T>(value: T): T => value;
const displayNames = parser(DisplayName);
const flavorNames = parser(FlavorName);
const metadatas = parser(Metadata);

/** Free text for people. */
export const text: Kind<string> = {
  schema: DisplayName,
  read: (name, value) => {
    // JSON can bring half a character, which no pattern tells.
    if (displayNames.check(value) && value.isWellFormed()) return value;
    throw refusal(`${name} ${textFault(value)}`);
  },
};

function textFault(value: unknown): string {
  if (typeof value !== "string") return `must be text, not ${shown(value)}`;
  if (value.length > 255) return `has ${value.length} characters; at most 255 are allowed`;
  return "has a control character or half a character in it (a line break, a NUL …): leave it out";
}

/** An id, or the name of something that is looked up. */
export const reference = text;

/** What something in the catalogue is called. */
export const catalogueName: Kind<string> = {
  schema: FlavorName,
  read: (name, value) => flavorNames.parse(text.read(name, value).trim(), name),
};

/** A place in a machine's file tree, or a server's id; empty is not given. */
export const word: Kind<string | null> = kind(
  Type.String({ maxLength: 255, pattern: "^[\\x21-\\x7e]*$" }),
  "printable text without spaces, at most 255 characters",
  (value) => (value === "" ? null : value),
);

export const uuid: Kind<string> = kind(Uuid, "a UUID", same);

/** Ids in one text, with commas between. */
export const uuidsText: Kind<string[]> = {
  schema: Type.String({ description: "UUIDs with commas between them" }),
  read: (name, value) => {
    if (value === "") return [];
    const ids = typeof value === "string" ? value.split(",").map((id) => id.trim()) : [];
    if (ids.length === 0 || !ids.every(isUuid))
      throw refusal(`${name} must be ids with commas between them, not ${shown(value)}`);
    return [...new Set(ids)];
  },
};

const uuids = parser(Uuid);
function isUuid(value: unknown): value is string {
  return uuids.check(value);
}

export const texts: Kind<string[]> = kind(
  Type.Array(DisplayName, { maxItems: 100 }),
  "a list of at most 100 texts",
  (values) => [...values],
);

/** Some clients send numbers as text. */
const sizeSchema = Type.Union([SizeGib, Type.String({ pattern: "^[0-9]{1,15}$" })]);
const sizes = parser(SizeGib);
export const sizeGib: Kind<number> = {
  schema: sizeSchema,
  read: (name, value) => {
    const size = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
    if (sizes.check(size)) return size;
    throw refusal(`${name} must be a whole number of GiB from 1 to ${MAX_VOLUME_GIB}, not ${shown(value)}`);
  },
};

/** Some clients send booleans as text or number. */
export const boolean: Kind<boolean> = kind(
  Type.Union([
    Type.Boolean(),
    Type.Integer({ minimum: 0, maximum: 1 }),
    Type.String({
      pattern: "^(?:[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|0|1|[Oo][Nn]|[Oo][Ff][Ff]|[Yy][Ee][Ss]|[Nn][Oo])$",
    }),
  ]),
  "true or false",
  (value) => ["true", "1", "on", "yes"].includes(String(value).toLowerCase()),
);

export const metadata: Kind<Record<string, string>> = {
  schema: Metadata,
  read: (name, value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw refusal(`${name} must be an object of texts, not ${shown(value)}`);
    const entries = Object.entries(value);
    if (entries.length > 128) throw refusal(`${name} has ${entries.length} keys; at most 128 are allowed`);
    for (const [key, item] of entries) {
      if (key === "") throw refusal(`${name} has an empty key`);
      text.read(`a key of ${name}`, key);
      if (typeof item !== "string" || item.length > 255 || !item.isWellFormed())
        throw refusal(`${name}.${key} must be text of at most 255 characters`);
    }
    if (!metadatas.check(value)) throw refusal(`${name} is not an object of texts`);
    return { ...value };
  },
};

/** One of a few words. */
export function oneOf<const W extends readonly string[]>(words: W): Kind<W[number]> {
  const known = new Map<string, W[number]>(words.map((name) => [name, name]));
  return {
    schema: Type.Union(words.map((name) => Type.Literal(name))),
    read: (name, value) => {
      const found = typeof value === "string" ? known.get(value) : undefined;
      if (found !== undefined) return found;
      throw refusal(`${name} must be one of ${words.join(", ")}, not ${shown(value)}`);
    },
  };
}

/** Something with a reader of its own. */
export function object<T>(
  read: (name: string, value: Readonly<Record<string, unknown>>) => T,
  schema?: TSchema,
): Kind<T> {
  return {
    schema: schema ?? Type.Object({}),
    read: (name, value) => {
      if (typeof value !== "object" || value === null || Array.isArray(value))
        throw refusal(`${name} must be an object, not ${shown(value)}`);
      return read(name, { ...value });
    },
  };
}
