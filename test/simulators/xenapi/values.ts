import { randomUUID } from "node:crypto";
import { CLASSES, type ClassName, type Field } from "./datamodel.ts";
import { XenFailure } from "./failure.ts";

/** A value as it is kept; what it is on the wire is said by its type. Ints are safe integers. */
export type XenValue = string | number | boolean | readonly XenValue[] | { readonly [key: string]: XenValue };
export type XenMap = Readonly<Record<string, string>>;
export type Row = Readonly<Record<string, XenValue>>;

export const NULL_REF = "OpaqueRef:NULL";

export function newRef(): string {
  return `OpaqueRef:${randomUUID()}`;
}

export function now(ms = Date.now()): string {
  return new Date(ms)
    .toISOString()
    .replaceAll("-", "")
    .replace(/\.\d+Z$/, "Z");
}

export const EPOCH = "19700101T00:00:00Z";

export function text(row: Row, field: string): string {
  const value = row[field];
  if (typeof value !== "string") throw new TypeError(`${field} is no text`);
  return value;
}

export function number(row: Row, field: string): number {
  const value = row[field];
  if (typeof value !== "number") throw new TypeError(`${field} is no number`);
  return value;
}

export function flag(row: Row, field: string): boolean {
  return row[field] === true;
}

export function map(row: Row, field: string): XenMap {
  return asMap(row[field]);
}

export function list(row: Row, field: string): string[] {
  const value = row[field];
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

export function asMap(value: XenValue | undefined): XenMap {
  if (!isStruct(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

export function isStruct(value: unknown): value is { readonly [key: string]: XenValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const DEFAULTS: Readonly<Record<Field["type"], XenValue>> = {
  string: "",
  int: 0,
  float: 0,
  bool: false,
  datetime: EPOCH,
  ref: NULL_REF,
  set: [],
  map: {},
  refMap: {},
};

/** A row of a class with all its fields; what is not given is empty. */
export function rowOf(className: ClassName, fields: Row): Row {
  const empty = Object.entries(CLASSES[className]).map(([name, { type }]) => [name, DEFAULTS[type]] as const);
  return { ...Object.fromEntries(empty), uuid: randomUUID(), ...fields };
}

/** What came over the wire, as the type that is wanted: XML-RPC's ints are text, and some clients send other forms. */
export function coerce(value: unknown, { type, words }: Pick<Field, "type" | "words">, name: string): XenValue {
  const wrong = (): XenFailure => new XenFailure("FIELD_TYPE_ERROR", name);
  switch (type) {
    case "int": {
      const found = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
      if (typeof found !== "number" || !Number.isSafeInteger(found)) throw wrong();
      return found;
    }
    case "float": {
      const found = typeof value === "string" && value !== "" ? Number(value) : value;
      if (typeof found !== "number" || !Number.isFinite(found)) throw wrong();
      return found;
    }
    case "bool":
      if (value === "true" || value === "1" || value === 1) return true;
      if (value === "false" || value === "0" || value === 0) return false;
      if (typeof value !== "boolean") throw wrong();
      return value;
    case "set":
      if (!Array.isArray(value) || !value.every((one): one is string => typeof one === "string")) throw wrong();
      return value;
    case "map":
    case "refMap":
      if (!isStruct(value) || !Object.values(value).every((one) => typeof one === "string")) throw wrong();
      return value;
    case "ref":
    case "datetime":
    case "string":
      if (typeof value !== "string") throw wrong();
      return words === undefined ? value : worded(value, words, wrong);
  }
}

function worded(value: string, words: readonly string[], wrong: () => XenFailure): string {
  const found = words.find((word) => word.toLowerCase() === value.toLowerCase());
  if (found === undefined) throw wrong();
  return found;
}
