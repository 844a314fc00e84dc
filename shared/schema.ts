import type { Static, TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { Settings } from "typebox/system";
import { BerthError } from "./errors.ts";

/** All faults are told at once; the library stops at 8 unless told otherwise. */
Settings.Set({ maxErrors: 100 });

/** One thing that is wrong with a value from outside: where (JSON pointer, "" is the whole) and what. */
export interface Fault {
  readonly path: string;
  readonly message: string;
}

/** A compiled schema. Every value from outside goes through one of these once; behind it types are trusted. */
export interface Parser<T> {
  readonly schema: TSchema;
  /** Returns the value, or throws `E_BAD_REQUEST` that lists every fault. `what` names the value in the sentence. */
  parse(value: unknown, what?: string): T;
  /** All faults at once; empty when the value is right. */
  faults(value: unknown): Fault[];
  check(value: unknown): value is T;
}

/** Compiles a schema once, at module load. The type is inferred from it: there is no second declaration to drift. */
export function parser<S extends TSchema>(schema: S, what = "value"): Parser<Static<S>> {
  const compiled = Compile(schema);
  const check = (value: unknown): value is Static<S> => compiled.Check(value);
  const faults = (value: unknown): Fault[] => (check(value) ? [] : readableFaults(schema, [...compiled.Errors(value)]));
  return {
    schema,
    check,
    faults,
    parse(value, name = what) {
      if (check(value)) return value;
      const found = faults(value);
      throw new BerthError("E_BAD_REQUEST", `${name} is not valid: ${found.map(sentence).join("; ")}`, {
        details: { faults: found },
      });
    },
  };
}

export function sentence(fault: Fault): string {
  return fault.path === "" ? fault.message : `${fault.path.slice(1).replaceAll("/", ".")} ${fault.message}`;
}

interface RawFault {
  readonly keyword: string;
  readonly schemaPath: string;
  readonly instancePath: string;
  readonly message: string;
  readonly params: object;
}

/**
 * The compiler reports a union as each of its members' faults, an unknown key twice, and a pattern as it is written.
 * People need none of these: a union of constants is told as the list of what is allowed, another union as what its
 * members ask for, an unknown key once by its name, and a pattern by the schema's description.
 */
function readableFaults(schema: TSchema, raw: readonly RawFault[]): Fault[] {
  const unions = new Set(raw.filter(({ keyword }) => keyword === "anyOf").map(({ instancePath }) => instancePath));
  const faults: Fault[] = [];
  for (const fault of raw) {
    const { keyword, instancePath: path } = fault;
    if (keyword === "additionalProperties") continue;
    if (keyword === "anyOf") faults.push({ path, message: unionMessage(schema, raw, path) });
    else if (!unions.has(path)) faults.push({ path, message: plainMessage(schema, fault) });
  }
  return faults.length > 0 ? faults : raw.map(({ instancePath, message }) => ({ path: instancePath, message }));
}

function unionMessage(schema: TSchema, raw: readonly RawFault[], path: string): string {
  const members = raw.filter(({ instancePath, keyword }) => instancePath === path && keyword !== "anyOf");
  const constants = members.filter(({ keyword }) => keyword === "const");
  if (constants.length > 0)
    return `must be one of ${constants.map((fault) => JSON.stringify(param(fault, "allowedValue"))).join(", ")}`;
  const asked = members.filter((fault) => param(fault, "type") !== "null").map((fault) => plainMessage(schema, fault));
  return asked.length > 0 ? [...new Set(asked)].join(" or ") : "has a form that is not allowed";
}

function plainMessage(schema: TSchema, fault: RawFault): string {
  if (fault.keyword === "boolean") return "is not known here";
  if (fault.keyword === "const") return `must be ${JSON.stringify(param(fault, "allowedValue"))}`;
  if (fault.keyword !== "pattern") return fault.message;
  const description = descriptionAt(schema, fault.schemaPath);
  return description === null ? fault.message : `must be: ${description}`;
}

/** The `description` of the part of a schema that a fault's path (`#/properties/name`) points to. */
function descriptionAt(schema: TSchema, schemaPath: string): string | null {
  let part: unknown = schema;
  for (const step of schemaPath.split("/").slice(1)) part = child(part, step);
  const description = child(part, "description");
  return typeof description === "string" ? description : null;
}

function child(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : undefined;
}

function param(fault: RawFault, name: string): unknown {
  return child(fault.params, name);
}
