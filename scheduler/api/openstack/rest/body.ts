import { type TSchema, Type } from "typebox";
import type { Kind } from "./kinds.ts";
import { isJsonObject, refusal } from "./refusal.ts";

/** From here on a key that the field does not know is refused; below it is let be. */
const STRICT_SINCE = 53;

/** What a request's body may be, and what it is read into. */
export interface Body<T> {
  readonly schema: TSchema;
  /** Throws E_BAD_REQUEST with one sentence. */
  readonly read: (raw: unknown, minor: number) => T;
}

/** A kind with when it came, and whether it must be there. */
export interface Field<T> extends Kind<T> {
  /** The microversion that brought it: below it the key is unknown. */
  readonly since?: number;
  /** Why it must be there, after "NAME is needed: "; absent: it may be left out. */
  readonly needed?: string;
  /** null says something here, too: it is read like any other value. */
  readonly readsNull?: true;
  /** Older names of the same; the first that is given counts. */
  readonly aliases?: readonly string[];
}

type Fields = Readonly<Record<string, Field<unknown>>>;

type ValueOf<F> = F extends { readonly needed: string; readonly read: (...args: never) => infer T }
  ? T
  : F extends { readonly read: (...args: never) => infer T }
    ? T | undefined
    : never;

/** null means "not given", as the field's clients send it, and so is undefined here. */
export type Read<F extends Fields> = { readonly [K in keyof F]: ValueOf<F[K]> };

/** That must be there. */
export function needed<T>(of: Kind<T>, why: string): Field<T> & { readonly needed: string } {
  return { ...of, needed: why };
}

/** Text that null takes away. */
export function clearable(of: Kind<string>): Field<string> {
  return { ...of, readsNull: true, read: (name, value) => (value === null ? "" : of.read(name, value)) };
}

export function since<F extends Field<unknown>>(minor: number, field: F): F & { readonly since: number } {
  return { ...field, since: minor };
}

export function alias<F extends Field<unknown>>(field: F, ...aliases: readonly string[]): F {
  return { ...field, aliases };
}

/** `{"volume": {…}}`, with what may stand beside the envelope. */
export function under<F extends Fields, B extends Fields = Record<never, never>>(
  envelope: string,
  fields: F,
  beside?: B,
): Body<Read<F & B>> {
  const outer: Fields = { ...beside };
  const all = { ...fields, ...outer };
  const [innerNames, outerNames] = [namesOf(fields), namesOf(outer)];
  return {
    schema: Type.Object({ [envelope]: schemaOf(fields), ...propertiesOf(outer) }),
    read: (raw, minor) => {
      const values = isJsonObject(raw) ? raw[envelope] : undefined;
      if (!isJsonObject(raw) || !isJsonObject(values))
        throw refusal(`the body must be a JSON object with an object "${envelope}" in it`);
      const read = { ...readNames(innerNames, values, minor), ...readNames(outerNames, raw, minor) };
      if (minor >= STRICT_SINCE) {
        refuseUnknown(values, innerNames, minor, envelope);
        if (beside !== undefined) refuseUnknown(raw, outerNames, minor, "the body", envelope);
      }
      return whole<F & B>(read, all);
    },
  };
}

/** The same, where nothing need be said: the envelope may hold null. */
export function underOrNull<F extends Fields>(envelope: string, fields: F): Body<Read<F>> {
  const given = under(envelope, fields);
  return {
    schema: Type.Union([given.schema, Type.Object({ [envelope]: Type.Null() })]),
    read: (raw, minor) => {
      const isNull = isJsonObject(raw) && raw[envelope] === null;
      return given.read(isNull ? { ...raw, [envelope]: {} } : raw, minor);
    },
  };
}

/** `{"binary": …, "host": …}`: without an envelope. */
export function plain<F extends Fields>(fields: F): Body<Read<F>> {
  const names = namesOf(fields);
  return {
    schema: schemaOf(fields),
    read: (raw, minor) => {
      const values = raw ?? {};
      if (!isJsonObject(values)) throw refusal("the body must be a JSON object");
      const read = readNames(names, values, minor);
      if (minor >= STRICT_SINCE) refuseUnknown(values, names, minor, "the body");
      return whole(read, fields);
    },
  };
}

/** `{"os-reserve": null}`: whatever stands there says nothing. */
export function unsaid(envelope: string): Body<null> {
  return { schema: Type.Object({ [envelope]: Type.Unknown() }), read: () => null };
}

type Values = Readonly<Record<string, unknown>>;

interface Named {
  readonly name: string;
  /** Its own, and its aliases. */
  readonly names: readonly string[];
  readonly field: Field<unknown>;
}

function namesOf(fields: Fields): readonly Named[] {
  return Object.entries(fields).map(([name, field]) => ({ name, field, names: [name, ...(field.aliases ?? [])] }));
}

function readNames(named: readonly Named[], values: Values, minor: number): Values {
  const read: Record<string, unknown> = {};
  for (const { name, field, names } of named) {
    if (minor < (field.since ?? 0)) continue;
    const given = names.find(
      (one) =>
        Object.hasOwn(values, one) && (values[one] != null || (field.readsNull === true && values[one] === null)),
    );
    if (given !== undefined) read[name] = field.read(given, values[given]);
    else if (field.needed !== undefined) throw refusal(`${name} is needed: ${field.needed}`);
  }
  return read;
}

/** So that what was read by a table of fields has the type that the table says. */
function whole<F extends Fields>(values: Values, fields: Fields): Read<F> {
  if (isWhole<F>(values, fields)) return values;
  throw new Error("a field that is needed was not read");
}

function isWhole<F extends Fields>(values: Values, fields: Fields): values is Read<F> {
  for (const name in fields) if (fields[name]?.needed !== undefined && values[name] === undefined) return false;
  return true;
}

function refuseUnknown(values: Values, named: readonly Named[], minor: number, of: string, envelope?: string): void {
  const known = new Set(named.filter(({ field }) => minor >= (field.since ?? 0)).flatMap(({ names }) => names));
  const strange = Object.keys(values).filter((key) => key !== envelope && !known.has(key));
  if (strange.length === 0) return;
  const names = strange.map((key) => `'${key}'`).join(", ");
  throw refusal(
    `Invalid input for field/attribute ${of}. Additional properties are not allowed (${names.slice(0, 200)} ${strange.length > 1 ? "were" : "was"} unexpected)`,
  );
}

function propertiesOf(fields: Fields): Record<string, TSchema> {
  const properties: Record<string, TSchema> = {};
  for (const [name, { schema, needed: why, since: minor, aliases = [] }] of Object.entries(fields)) {
    const orNull = Type.Union([schema, Type.Null()], minor === undefined ? {} : { description: `from 3.${minor}` });
    properties[name] = why === undefined || aliases.length > 0 ? Type.Optional(orNull) : schema;
    for (const other of aliases) properties[other] = Type.Optional(orNull);
  }
  return properties;
}

function schemaOf(fields: Fields): TSchema {
  return Type.Object(propertiesOf(fields), { additionalProperties: true });
}
