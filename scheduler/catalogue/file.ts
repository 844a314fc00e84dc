import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Adapter } from "lowdb";
import writeFileAtomic from "write-file-atomic";
import { BerthError } from "#shared/errors.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import { type Fault, sentence } from "#shared/schema.ts";
import { syncFolder } from "../sync-folder.ts";
import { type LocatedFault, locate, readCatalogue } from "./read.ts";

/** Ten thousand backends are 7 MB; what is far larger is not a catalogue. */
const MAX_BYTES = 64 * 1024 * 1024;
const SHOWN_FAULTS = 20;

/**
 * The catalogue's file, as lowdb's adapter: JSON that a person can read and edit. A write is whole or not at all and on
 * the disk when it resolves, and it never goes over what somebody else wrote since this last read or wrote the file.
 */
export class CatalogueFile implements Adapter<Catalogue> {
  readonly path: string;
  /** The text as last read or written; null: there was no file. */
  #text: string | null = null;
  #changes: readonly string[] = [];

  constructor(path: string) {
    this.path = path;
  }

  /** What reading an older file as of today's version changed, each as a sentence's end; empty: it is not older. */
  get changes(): readonly string[] {
    return this.#changes;
  }

  /** null: there is no file. Throws E_NEWER_DATA, E_CATALOGUE_INVALID with every fault's place, E_CATALOGUE_FILE. */
  async read(): Promise<Catalogue | null> {
    const text = await this.#readText();
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
    try {
      await writeFileAtomic(this.path, text, { fsync: true, ...(this.#text === null && { mode: 0o600 }) });
      await syncFolder(dirname(this.path));
    } catch (error) {
      throw new BerthError("E_CATALOGUE_FILE", `the catalogue file ${this.path} cannot be written`, { cause: error });
    }
    this.#text = text;
    this.#changes = [];
  }

  async isAsSeen(): Promise<boolean> {
    return (await this.#readText()) === this.#text;
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

  async #readText(): Promise<string | null> {
    try {
      const { size } = await stat(this.path);
      if (size > MAX_BYTES)
        throw new BerthError("E_CATALOGUE_INVALID", `${this.path}:1:1 the file is too large (${size} bytes)`);
      return await readFile(this.path, "utf8");
    } catch (error) {
      if (error instanceof BerthError) throw error;
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
      throw new BerthError("E_CATALOGUE_FILE", `the catalogue file ${this.path} cannot be read`, { cause: error });
    }
  }
}

/** A name for what a catalogue says, however its file is laid out. */
export function catalogueRevision(catalogue: Catalogue): string {
  return createHash("sha256").update(JSON.stringify(catalogue)).digest("hex").slice(0, 16);
}
