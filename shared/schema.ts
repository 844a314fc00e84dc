import type { Static, TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { BerthError } from "./errors.ts";

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
  const faults = (value: unknown): Fault[] => (check(value) ? [] : readableFaults([...compiled.Errors(value)]));
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
  readonly instancePath: string;
  readonly message: string;
  readonly params: object;
}

/**
 * The compiler reports a union as each of its members' faults, and an unknown key twice. People need neither:
 * a union of constants is told as the list of what is allowed, and an unknown key once, by its name.
 */
function readableFaults(raw: readonly RawFault[]): Fault[] {
  const unions = new Set(raw.filter((fault) => fault.keyword === "anyOf").map((fault) => fault.instancePath));
  const faults: Fault[] = [];
  for (const fault of raw) {
    if (fault.keyword === "additionalProperties" || fault.keyword === "const") continue;
    if (fault.keyword === "anyOf") {
      const allowed = raw
        .filter((other) => other.keyword === "const" && other.instancePath === fault.instancePath)
        .map((other) => JSON.stringify(param(other, "allowedValue")));
      faults.push({
        path: fault.instancePath,
        message: allowed.length > 0 ? `must be one of ${allowed.join(", ")}` : "has a form that is not allowed",
      });
    } else if (fault.keyword === "boolean") {
      faults.push({ path: fault.instancePath, message: "is not known here" });
    } else if (!unions.has(fault.instancePath)) {
      faults.push({ path: fault.instancePath, message: fault.message });
    }
  }
  for (const fault of raw) {
    if (fault.keyword === "const" && !unions.has(fault.instancePath))
      faults.push({ path: fault.instancePath, message: `must be ${JSON.stringify(param(fault, "allowedValue"))}` });
  }
  return faults.length > 0 ? faults : raw.map(({ instancePath, message }) => ({ path: instancePath, message }));
}

function param(fault: RawFault, name: string): unknown {
  return Object.entries(fault.params).find(([key]) => key === name)?.[1];
}
