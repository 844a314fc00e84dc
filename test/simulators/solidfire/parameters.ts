import { ElementError, invalid, missing } from "./element-error.ts";

type Json = Readonly<Record<string, unknown>>;

/**
 * The parameters of a call. Clients are not strict: numbers and truths come as text as well, and what is absent may be
 * null. What is wrong is refused in the API's own words.
 */
export class Parameters {
  readonly #values: Json;

  constructor(values: Json) {
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#value(name) !== undefined;
  }

  id(name: string): number {
    return this.optionalInteger(name) ?? refuse(missing(name));
  }

  integer(name: string): number {
    return this.optionalInteger(name) ?? refuse(missing(name));
  }

  optionalInteger(name: string): number | null {
    const value = this.#value(name);
    return value === undefined ? null : integerOf(name, value);
  }

  text(name: string): string {
    return this.optionalText(name) ?? refuse(missing(name));
  }

  optionalText(name: string): string | null {
    const value = this.#value(name);
    if (value === undefined) return null;
    return typeof value === "string" ? value : refuse(wrongType(name, "string"));
  }

  flag(name: string): boolean {
    return this.optionalFlag(name) ?? refuse(missing(name));
  }

  optionalFlag(name: string): boolean | null {
    const value = this.#value(name);
    if (value === undefined) return null;
    if (typeof value === "boolean") return value;
    if (value === "true" || value === "false") return value === "true";
    return refuse(wrongType(name, "boolean"));
  }

  ids(name: string): number[] {
    return this.optionalIds(name) ?? refuse(missing(name));
  }

  optionalIds(name: string): number[] | null {
    const value = this.#value(name);
    if (value === undefined) return null;
    return Array.isArray(value) ? value.map((one) => integerOf(name, one)) : refuse(wrongType(name, "array"));
  }

  optionalTexts(name: string): string[] | null {
    const value = this.#value(name);
    if (value === undefined) return null;
    if (!Array.isArray(value)) return refuse(wrongType(name, "array"));
    return value.map((one) => (typeof one === "string" ? one : refuse(wrongType(name, "string"))));
  }

  /** null: there is none; an empty one is one. */
  object(name: string): Json | null {
    const value = this.#value(name);
    if (value === undefined) return null;
    return isObject(value) ? value : refuse(wrongType(name, "object"));
  }

  objects(name: string): Json[] | null {
    const value = this.#value(name);
    if (value === undefined) return null;
    return Array.isArray(value) && value.every(isObject) ? value : refuse(wrongType(name, "array"));
  }

  oneOf<T extends string>(name: string, words: readonly T[]): T | null {
    const text = this.optionalText(name);
    if (text === null) return null;
    const word = words.find((one) => one === text);
    if (word === undefined)
      throw new ElementError("xUnrecognizedEnumString", `${JSON.stringify(text)} is not a value of ${name}`);
    return word;
  }

  /** A name within the limits of all names. */
  name(name: string): string {
    return checkedName(name, this.text(name));
  }

  optionalName(name: string): string | null {
    const text = this.optionalText(name);
    return text === null || text === "" ? null : checkedName(name, text);
  }

  #value(name: string): unknown {
    const value = Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
    return value === null ? undefined : value;
  }
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checkedName(parameter: string, text: string): string {
  if (text.length < 1 || text.length > 64) throw invalid(`${parameter} must have 1 to 64 characters`);
  return text;
}

function integerOf(name: string, value: unknown): number {
  const number = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isInteger(number) ? number : refuse(wrongType(name, "integer"));
}

function wrongType(name: string, type: string): ElementError {
  return new ElementError("xInvalidParameterType", `Member ${name} must be of type ${type}`);
}

function refuse(error: ElementError): never {
  throw error;
}
