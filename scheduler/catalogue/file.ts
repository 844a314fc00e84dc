import { createHash } from "node:crypto";
import type { Adapter } from "lowdb";
import { BerthError } from "#shared/errors.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import { type Fault, sentence } from "#shared/schema.ts";
import { type LocatedFault, locate } from "../located-json.ts";
import type { PlaceWatch, TextPlace } from "./place.ts";
import { readCatalogue } from "./read.ts";

const SHOWN_FAULTS = 20;

/**
 * The catalogue's text in its place (a file; or a value that schedulers share), as lowdb's adapter. A write never goes over
 * what somebody else wrote since this last read or wrote it.
 */
export class CatalogueFile implements Adapter<Catalogue> {
  readonly #place: TextPlace;
  /** The text as last read or written; null: there was no file. */
  #text: string | null = null;
  #changes: readonly string[] = [];

  constructor(place: TextPlace) {
    this.#place = place;
  }

  /** Where it is, as faults name it. */
  get path(): string {
    return this.#place.name;
  }

  watch(watch: PlaceWatch): { close(): void } {
    return this.#place.watch(watch);
  }

  /** What reading an older file as of today's version changed, each as a sentence's end; empty: it is not older. */
  get changes(): readonly string[] {
    return this.#changes;
  }

  /** null: there is no file. Throws E_NEWER_DATA, E_CATALOGUE_INVALID with every fault's place, E_CATALOGUE_FILE. */
  async read(): Promise<Catalogue | null> {
    const text = await this.#place.read();
    this.#text = text;
    if (text === null) return null;
    const read = readCatalogue(text);
    if (read.catalogue !== null) {
      this.#changes = read.changes;
      return read.catalogue;
    }
    const { code, message, details } = this.#invalid(
      read.faults.map((fault) => ({ ...fault, message: sentence(fault) })),
    );
    throw new BerthError(read.isNewer ? "E_NEWER_DATA" : code, message, { details });
  }

  /** Throws E_CATALOGUE_CHANGED when the file is not as it was last seen, E_CATALOGUE_FILE when it cannot be written. */
  async write(catalogue: Catalogue): Promise<void> {
    if (!(await this.isAsSeen()))
      throw new BerthError("E_CATALOGUE_CHANGED", `${this.path} was changed by somebody else just now`);
    const text = `${JSON.stringify(catalogue, null, 2)}\n`;
    await this.#place.write(text, this.#text === null);
    this.#text = text;
    this.#changes = [];
  }

  async isAsSeen(): Promise<boolean> {
    return (await this.#place.read()) === this.#text;
  }

  /** The refusal of what was last read for these faults, whose messages are whole sentences: each with file, line, column. */
  refuse(faults: readonly Fault[]): BerthError {
    return this.#invalid(locate(this.#text ?? "", faults));
  }

  #invalid(faults: readonly LocatedFault[]): BerthError {
    const shown = faults
      .slice(0, SHOWN_FAULTS)
      .map(({ line, column, message }) => `${this.path}:${line}:${column} ${message}`);
    const more = faults.length > SHOWN_FAULTS ? ["and more"] : [];
    return new BerthError("E_CATALOGUE_INVALID", [...shown, ...more].join("; "), { details: { faults } });
  }
}

/** A name for what a catalogue says, however its file is laid out. */
export function catalogueRevision(catalogue: Catalogue): string {
  return createHash("sha256").update(JSON.stringify(catalogue)).digest("hex").slice(0, 16);
}
