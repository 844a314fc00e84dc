import { type Static, type TObject, type TSchema, Type } from "typebox";
import { parser, sentence } from "#shared/schema.ts";
import { type Given, unknownParameter } from "./query.ts";
import { Ec2Refusal } from "./refusal.ts";

const MAX_LIST = 1000;

/**
 * Reads what a request says by an action's schema: lists are numbered from 1, numbers and truth values come as text.
 * Throws UnknownParameter, MissingParameter, InvalidParameterValue.
 */
export function parameterReader<S extends TObject>(schema: S): (given: ReadonlyMap<string, Given>) => Static<S> {
  const known = parser(schema);
  return (given) => {
    const value = readObject(schema, given, "");
    if (known.check(value)) return value;
    const [fault] = known.faults(value);
    const what = fault === undefined ? "The request's parameters are invalid" : `Invalid parameter: ${sentence(fault)}`;
    throw new Ec2Refusal("InvalidParameterValue", what);
  };
}

function readObject(schema: TObject, given: ReadonlyMap<string, Given>, path: string): Record<string, unknown> {
  for (const name of given.keys()) if (!Object.hasOwn(schema.properties, name)) throw unknownParameter(path + name);
  const needed = new Set(schema.required ?? []);
  // In the schema's order, so that the same said in another order is the same.
  const entries = Object.entries(schema.properties).flatMap(([name, property]): [string, unknown][] => {
    const value = given.get(name);
    if (value !== undefined) return [[name, read(property, value, path + name)]];
    if (needed.has(name)) throw missing(path + name);
    return [];
  });
  return Object.fromEntries(entries);
}

export function missing(name: string): Ec2Refusal {
  return new Ec2Refusal("MissingParameter", `The request must contain the parameter ${name}`);
}

function read(schema: TSchema, given: Given, path: string): unknown {
  if (Type.IsArray(schema)) return readList(schema.items, given, path);
  if (Type.IsObject(schema)) {
    if (typeof given === "string") throw invalid(path, given, "it has parts, which are named");
    return readObject(schema, given, `${path}.`);
  }
  if (typeof given !== "string") throw unknownParameter(`${path}.${[...given.keys()][0] ?? ""}`);
  if (Type.IsInteger(schema)) {
    if (!/^-?\d{1,15}$/.test(given)) throw invalid(path, given, "it must be a whole number");
    return Number(given);
  }
  if (Type.IsBoolean(schema)) {
    if (given !== "true" && given !== "false") throw invalid(path, given, "it must be true or false");
    return given === "true";
  }
  return given;
}

/** One alone may come without its number. */
function readList(items: TSchema, given: Given, path: string): unknown[] {
  if (typeof given === "string") return given === "" ? [] : [read(items, given, path)];
  const numbers = [...given.keys()];
  const wrong = numbers.find((number) => !/^[1-9]\d{0,5}$/.test(number));
  if (wrong !== undefined) throw unknownParameter(`${path}.${wrong}`);
  if (numbers.length > MAX_LIST)
    throw new Ec2Refusal(
      "InvalidParameterValue",
      `The parameter ${path} has ${numbers.length} values; ${MAX_LIST} are allowed`,
    );
  return [...given]
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([number, value]) => read(items, value, `${path}.${number}`));
}

function invalid(name: string, value: string, why: string): Ec2Refusal {
  return new Ec2Refusal(
    "InvalidParameterValue",
    `Value (${value.slice(0, 60)}) for parameter ${name} is invalid: ${why}`,
  );
}
