import { type Static, type TObject, type TSchema, Type } from "typebox";
import { isSecretParameter } from "#shared/drivers/declaration.ts";
import type { ParameterValue } from "#shared/model/catalogue.ts";
import { type Fault, type Parser, parser } from "#shared/schema.ts";
import { didYouMean } from "./nearest.ts";

export type Parameters = Readonly<Record<string, Static<typeof ParameterValue>>>;

const parsers = new WeakMap<TSchema, Parser<unknown>>();

function parserOf(schema: TSchema): Parser<unknown> {
  let found = parsers.get(schema);
  if (found === undefined) {
    found = parser(schema);
    parsers.set(schema, found);
  }
  return found;
}

/**
 * What is wrong with parameters by their schema: unknown ones with the nearest name, missing ones, and wrong values with
 * what they must be. Paths are `/name`. A secret parameter's value is never repeated. `owner` is whose parameters they
 * are; `others` are names that are right elsewhere in the same request.
 */
export function parameterFaults(
  schema: TObject,
  values: Readonly<Record<string, unknown>>,
  owner: string,
  others: readonly string[] = [],
): Fault[] {
  const known = Object.keys(schema.properties);
  const faults: Fault[] = [];
  for (const [name, value] of Object.entries(values)) {
    const property = Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    if (property === undefined)
      faults.push({
        path: pointer(name),
        message: `is not a parameter of ${owner}${didYouMean(name, [...known, ...others])}`,
      });
    else if (!parserOf(property).check(value))
      faults.push({ path: pointer(name), message: `must be ${describe(property)}${shown(property, value)}` });
  }
  for (const name of schema.required ?? []) {
    if (Object.hasOwn(values, name)) continue;
    const property = schema.properties[name];
    faults.push({
      path: pointer(name),
      message: `is missing${property === undefined ? "" : `: ${describe(property)}`}`,
    });
  }
  // What a schema may say of several parameters together.
  return faults.length > 0 ? faults : parserOf(schema).faults(values);
}

/**
 * Values given as text (`key=value`) become what the schema takes: text if it takes text, else the number or truth value
 * that is written there. What fits nothing stays as it is, for `parameterFaults` to tell.
 */
export function convertParameters(schema: TObject, given: Parameters): Parameters {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      const property = Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
      return [name, property === undefined || typeof value !== "string" ? value : convert(property, value)];
    }),
  );
}

function convert(schema: TSchema, text: string): Static<typeof ParameterValue> {
  const { check } = parserOf(schema);
  if (check(text)) return text;
  if (/^-?\d+(\.\d+)?$/.test(text) && check(Number(text))) return Number(text);
  if (text === "true" && check(true)) return true;
  if (text === "false" && check(false)) return false;
  return text;
}

/** The words of JSON Schema that parameters are declared with. */
const Described = parser(
  Type.Object({
    type: Type.Optional(Type.String()),
    description: Type.Optional(Type.String()),
    const: Type.Optional(Type.Unknown()),
    anyOf: Type.Optional(Type.Array(Type.Object({}))),
    minimum: Type.Optional(Type.Number()),
    exclusiveMinimum: Type.Optional(Type.Number()),
    maximum: Type.Optional(Type.Number()),
    pattern: Type.Optional(Type.String()),
  }),
);

/** What a value must be, for people: `a number greater than 0, at most 100`; `"raw" or "qcow2"`. */
export function describe(schema: TSchema): string {
  if (!Described.check(schema)) return "of another form";
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.anyOf !== undefined) return alternatives(schema.anyOf.map(describe));
  if (schema.type === "boolean") return "true or false";
  if (schema.type === "number" || schema.type === "integer") {
    const bounds = [
      schema.minimum === undefined ? [] : `at least ${schema.minimum}`,
      schema.exclusiveMinimum === undefined ? [] : `greater than ${schema.exclusiveMinimum}`,
      schema.maximum === undefined ? [] : `at most ${schema.maximum}`,
    ].flat();
    return [schema.type === "number" ? "a number" : "a whole number", bounds.join(" and ")].filter(Boolean).join(" ");
  }
  return schema.description ?? (schema.pattern === undefined ? "text" : `text that matches ${schema.pattern}`);
}

function alternatives(texts: readonly string[]): string {
  const last = texts.at(-1) ?? "nothing";
  return texts.length < 2 ? last : `${texts.slice(0, -1).join(", ")} or ${last}`;
}

function shown(schema: TSchema, value: unknown): string {
  if (isSecretParameter(schema)) return "";
  const text = typeof value === "string" && !/\p{Cc}/u.test(value) ? value : JSON.stringify(value);
  return `, not ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`;
}

function pointer(name: string): string {
  return `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
