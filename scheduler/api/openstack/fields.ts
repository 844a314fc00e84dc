import { DisplayName, Metadata, SizeGib, Uuid } from "#shared/model/names.ts";
import { parser } from "#shared/schema.ts";
import { MAX_VOLUME_GIB } from "#shared/units.ts";
import { isJsonObject, refusal, shown } from "./rest/refusal.ts";

type JsonObject = Readonly<Record<string, unknown>>;

const texts = parser(DisplayName);
const sizes = parser(SizeGib);
const uuids = parser(Uuid);
const metadatas = parser(Metadata);

/**
 * Reads the fields of a request body as the field's clients send them: null means "not given", numbers and booleans
 * may come as text, unknown keys are let be. What is wrong is an E_BAD_REQUEST with one sentence.
 */
export class BodyFields {
  readonly #values: JsonObject;

  constructor(values: JsonObject) {
    this.#values = values;
  }

  /** The object that stands under `key`, as in `{"volume": {…}}`. */
  static under(key: string, body: unknown): BodyFields {
    const values = isJsonObject(body) ? body[key] : undefined;
    if (!isJsonObject(values)) throw refusal(`the body must be a JSON object with an object "${key}" in it`);
    return new BodyFields(values);
  }

  has(name: string): boolean {
    return this.#value(name) !== undefined;
  }

  /** Free text for people, at most 255 characters, no control characters. The first of the names that is given counts. */
  text(...names: readonly string[]): string | undefined {
    const name = names.find((candidate) => this.has(candidate));
    return name === undefined ? undefined : readText(name, this.#value(name));
  }

  /** An id, or the name of something that is looked up. */
  reference(name: string): string | null {
    const value = this.#value(name);
    return value === undefined ? null : readText(name, value);
  }

  uuid(name: string): string | null {
    const value = this.#value(name);
    if (value === undefined) return null;
    if (!uuids.check(value)) throw refusal(`${name} must be a UUID, not ${shown(value)}`);
    return value;
  }

  /** Ids in one text, with commas between, as the field's clients send them; nothing given: none. */
  uuids(name: string): string[] {
    const value = this.#value(name);
    if (value === undefined || value === "") return [];
    const ids = typeof value === "string" ? value.split(",").map((id) => id.trim()) : [];
    if (ids.length === 0 || !ids.every((id) => uuids.check(id)))
      throw refusal(`${name} must be ids with commas between them, not ${shown(value)}`);
    return [...new Set(ids)];
  }

  /** A list of names or ids. */
  texts(name: string): string[] | undefined {
    const value = this.#value(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value) || value.length > 100) throw refusal(`${name} must be a list of at most 100 texts`);
    return value.map((item: unknown) => readText(`an item of ${name}`, item));
  }

  sizeGib(name: string): number | null {
    const value = this.#value(name);
    if (value === undefined) return null;
    const size = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
    if (!sizes.check(size))
      throw refusal(`${name} must be a whole number of GiB from 1 to ${MAX_VOLUME_GIB}, not ${shown(value)}`);
    return size;
  }

  /** One that says nothing by being left out. */
  neededBoolean(name: string): boolean {
    if (!this.has(name)) throw refusal(`${name} is needed: true or false`);
    return this.boolean(name);
  }

  boolean(name: string): boolean {
    const value = this.#value(name);
    if (value === undefined) return false;
    if (typeof value === "boolean") return value;
    const text = String(value).toLowerCase();
    if (["true", "1"].includes(text)) return true;
    if (["false", "0"].includes(text)) return false;
    throw refusal(`${name} must be true or false, not ${shown(value)}`);
  }

  object(name: string): JsonObject | undefined {
    const value = this.#value(name);
    if (value !== undefined && !isJsonObject(value)) throw refusal(`${name} must be an object, not ${shown(value)}`);
    return value;
  }

  metadata(name: string): Record<string, string> | undefined {
    const value = this.#value(name);
    return value === undefined ? undefined : readMetadata(name, value);
  }

  #value(name: string): unknown {
    const value = Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
    return value === null ? undefined : value;
  }
}

export function readText(name: string, value: unknown): string {
  if (typeof value !== "string") throw refusal(`${name} must be text, not ${shown(value)}`);
  if (value.length > 255) throw refusal(`${name} has ${value.length} characters; at most 255 are allowed`);
  if (!texts.check(value) || !value.isWellFormed())
    throw refusal(`${name} has a control character or half a character in it (a line break, a NUL …): leave it out`);
  return value;
}

export function readMetadata(name: string, value: unknown): Record<string, string> {
  if (!isJsonObject(value)) throw refusal(`${name} must be an object of texts, not ${shown(value)}`);
  const entries = Object.entries(value);
  if (entries.length > 128) throw refusal(`${name} has ${entries.length} keys; at most 128 are allowed`);
  for (const [key, item] of entries) {
    if (key === "") throw refusal(`${name} has an empty key`);
    readText(`a key of ${name}`, key);
    if (typeof item !== "string" || item.length > 255 || !item.isWellFormed())
      throw refusal(`${name}.${key} must be text of at most 255 characters`);
  }
  if (!metadatas.check(value)) throw refusal(`${name} is not an object of texts`);
  return value;
}
