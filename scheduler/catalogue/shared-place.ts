import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { Cell } from "#shared/bus/cell.ts";
import { BerthError } from "#shared/errors.ts";
import type { PlaceWatch, TextPlace } from "./place.ts";

const WRITE_LIMIT_MS = 15_000;
const MAX_TEXT_BYTES = 64 * 1024 * 1024;

/**
 * A value on nats-server that several schedulers share: written by compare-and-set over what was last read, so that none
 * overwrites what it has not seen. Packed, for a message holds a megabyte and ten thousand backends are seven.
 */
export class SharedPlace implements TextPlace {
  readonly name = "the catalogue on nats-server";
  readonly #cell: Pick<Cell, "read" | "write">;
  #revision = 0;

  constructor(cell: Pick<Cell, "read" | "write">) {
    this.#cell = cell;
  }

  async read(): Promise<string | null> {
    try {
      const found = await this.#cell.read();
      this.#revision = found?.revision ?? 0;
      if (found === null) return null;
      const text = await promisify(gunzip)(found.body, { maxOutputLength: MAX_TEXT_BYTES });
      return text.toString("utf8");
    } catch (cause) {
      throw new BerthError("E_CATALOGUE_FILE", `${this.name} cannot be read`, { cause });
    }
  }

  async write(text: string): Promise<void> {
    let revision: number | null;
    try {
      revision = await this.#cell.write(await promisify(gzip)(text), this.#revision, WRITE_LIMIT_MS);
    } catch (cause) {
      throw new BerthError("E_CATALOGUE_FILE", `${this.name} cannot be written`, { cause });
    }
    if (revision === null) throw new BerthError("E_CATALOGUE_CHANGED", `${this.name} was changed by somebody else`);
    this.#revision = revision;
  }

  watch({ intervalMs, look }: PlaceWatch): { close(): void } {
    const timer = setInterval(look, intervalMs).unref();
    return { close: () => clearInterval(timer) };
  }
}
