import type { Random } from "#test/simulation/random.ts";
import type { JsonSchema } from "./document.ts";

/** What has broken programs before: in place of anything. */
const STRANGE: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  "",
  " ",
  "0",
  "-1",
  "true",
  "null",
  "../../etc/passwd",
  "; rm -rf /",
  "' OR 1=1 --",
  "$\u007bjndi:ldap://x}",
  "%00",
  "\u0000",
  "a\nb",
  "\ud83d",
  "\u202e",
  "x".repeat(256),
  "x".repeat(20_000),
  "constructor",
  [],
  {},
  [[[[[[]]]]]],
  { __proto__: null },
  { constructor: { prototype: { polluted: true } } },
  Array.from({ length: 500 }, (_, n) => n),
  "00000000-0000-4000-8000-000000000000",
  "iqn.2026-01.test:x",
];

const MOST_DEPTH = 12;

/** Values that follow a schema, and values that nearly do. */
export class Values {
  readonly #random: Random;
  readonly #words: readonly string[];

  /** `words`: names and ids of what there is. */
  constructor(random: Random, words: readonly string[]) {
    this.#random = random;
    this.#words = words;
  }

  strange(): unknown {
    return this.#random.pick(STRANGE);
  }

  word(): string {
    if (this.#random.chance(0.7)) return this.#random.pick(this.#words) ?? "";
    const strange = this.strange();
    return typeof strange === "object" ? JSON.stringify(strange) : String(strange);
  }

  /** `spoilt`: how likely each part of it is to be something else. */
  of(schema: JsonSchema, spoilt: number, depth = 0): unknown {
    if (depth > MOST_DEPTH || this.#random.chance(spoilt)) return this.strange();
    if ("const" in schema) return schema.const;
    if (schema.anyOf !== undefined) {
      const one = this.#random.pick(schema.anyOf);
      return one === undefined ? null : this.of(one, spoilt, depth);
    }
    if (schema.type === "object") return this.#object(schema, spoilt, depth);
    if (schema.type === "array") {
      const items = schema.items ?? {};
      return Array.from({ length: this.#random.between(0, 3) }, () => this.of(items, spoilt, depth + 1));
    }
    return this.#plain(schema);
  }

  #object({ properties = {}, required = [] }: JsonSchema, spoilt: number, depth: number): unknown {
    const object: Record<string, unknown> = {};
    for (const [name, schema] of Object.entries(properties)) {
      const isGiven = required.includes(name) ? !this.#random.chance(spoilt) : this.#random.chance(0.4);
      if (isGiven) object[name] = this.of(schema, spoilt, depth + 1);
    }
    if (this.#random.chance(spoilt)) object[this.word().slice(0, 40)] = this.strange();
    return object;
  }

  #plain({ type }: JsonSchema): unknown {
    if (type === "integer" || type === "number") return this.#random.between(-1, 12);
    if (type === "boolean") return this.#random.chance(0.5);
    if (type === "null") return null;
    return this.word();
  }
}
