import { readFile, rename, writeFile } from "node:fs/promises";
import type { Parser } from "#shared/schema.ts";

/**
 * What stands in a simulator, as JSON in its data folder. Who changes `value` awaits `saved()` before answering: then the
 * change outlives a `kill -9`. Changes made while one is written go together with the next.
 */
export class StateFile<T> {
  readonly value: T;
  readonly #path: string;
  #writing: Promise<void> = Promise.resolve();
  #next: Promise<void> | null = null;

  private constructor(path: string, value: T) {
    this.#path = path;
    this.value = value;
  }

  /** What is there from the last time, or else `initial`. Throws when it is not what this program writes. */
  static async open<T>(path: string, parser: Parser<T>, initial: T): Promise<StateFile<T>> {
    const text = await readFile(path, "utf8").catch(() => null);
    return new StateFile(path, text === null ? initial : parser.parse(JSON.parse(text), path));
  }

  saved(): Promise<void> {
    this.#next ??= this.#writing.then(async () => {
      this.#next = null;
      await writeFile(`${this.#path}.new`, JSON.stringify(this.value));
      await rename(`${this.#path}.new`, this.#path);
    });
    this.#writing = this.#next.catch(() => undefined);
    return this.#next;
  }
}
