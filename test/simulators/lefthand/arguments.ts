import { CliqFailure } from "./results.ts";

const UNITS: readonly string[] = ["KB", "MB", "GB", "TB", "PB"];

/** What one run of a command was given; with lists, one run for each element. Names are as the manual writes them. */
export class Arguments {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  text(name: string): string {
    const value = this.optional(name);
    if (value === null || value === "")
      throw new CliqFailure("missingParameter", `The parameter '${name}' is missing.`);
    return value;
  }

  optional(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }

  list(name: string): string[] {
    return this.text(name)
      .split(";")
      .filter((one) => one !== "");
  }

  flag(name: string, otherwise: boolean): boolean {
    const value = this.optional(name)?.toLowerCase();
    if (value === undefined) return otherwise;
    if (value === "1" || value === "true") return true;
    if (value === "0" || value === "false") return false;
    throw this.#malformed(name);
  }

  number(name: string, from: number, to: number): number | null {
    const value = this.optional(name);
    if (value === null) return null;
    const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
    if (!(number >= from && number <= to)) throw this.#malformed(name);
    return number;
  }

  /** `10GB`: the unit is obligatory, each is 1024 of the one before. */
  sizeBytes(name: string): number | null {
    const value = this.optional(name);
    if (value === null) return null;
    const [, digits, unit = ""] = /^(\d{1,12})([A-Za-z]{2})$/.exec(value) ?? [];
    const power = UNITS.indexOf(unit.toUpperCase());
    const bytes = Number(digits) * 1024 ** (power + 1);
    if (digits === undefined || power < 0 || !Number.isSafeInteger(bytes)) throw this.#malformed(name);
    return bytes;
  }

  oneOf<T extends string>(name: string, values: readonly T[], otherwise: T): T {
    const given = this.optional(name);
    if (given === null) return otherwise;
    const found = values.find((value) => value === given.toLowerCase());
    if (found === undefined) throw this.#malformed(name);
    return found;
  }

  #malformed(name: string): CliqFailure {
    return new CliqFailure("parameterFormat", `The parameter '${name}' is not specified correctly.`);
  }
}

/** One run for each element of the longest list; a shorter list's last element stands for the rest. */
export function runsOf(parameters: ReadonlyMap<string, string>, listed: readonly string[]): Arguments[] {
  const lists = new Map(
    [...parameters].filter(([name]) => listed.includes(name)).map(([name, value]) => [name, value.split(";")]),
  );
  const length = Math.max(1, ...[...lists.values()].map((list) => list.length));
  return Array.from({ length }, (_, at) => {
    const values = [...parameters].map(([name, value]): [string, string] => {
      const list = lists.get(name);
      return [name, list === undefined ? value : (list[Math.min(at, list.length - 1)] ?? "")];
    });
    return new Arguments(new Map(values));
  });
}
