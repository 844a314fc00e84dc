import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { BerthError } from "#shared/errors.ts";
import { syncFolder } from "../sync-folder.ts";
import type { PlaceWatch, TextPlace } from "./place.ts";
import { FileWatch } from "./watch.ts";

/** Ten thousand backends are 7 MB; what is far larger is not a catalogue. */
const MAX_BYTES = 64 * 1024 * 1024;

/** A file that a person can read and edit. A write is whole or not at all, and on the disk when it resolves. */
export class FilePlace implements TextPlace {
  readonly name: string;

  constructor(path: string) {
    this.name = path;
  }

  async read(): Promise<string | null> {
    try {
      const { size } = await stat(this.name);
      if (size > MAX_BYTES)
        throw new BerthError("E_CATALOGUE_INVALID", `${this.name}:1:1 the file is too large (${size} bytes)`);
      return await readFile(this.name, "utf8");
    } catch (error) {
      if (error instanceof BerthError) throw error;
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
      throw new BerthError("E_CATALOGUE_FILE", `the catalogue file ${this.name} cannot be read`, { cause: error });
    }
  }

  async write(text: string, isNew: boolean): Promise<void> {
    try {
      await writeFileAtomic(this.name, text, { fsync: true, ...(isNew && { mode: 0o600 }) });
      await syncFolder(dirname(this.name));
    } catch (error) {
      throw new BerthError("E_CATALOGUE_FILE", `the catalogue file ${this.name} cannot be written`, { cause: error });
    }
  }

  watch(watch: PlaceWatch): { close(): void } {
    return new FileWatch({ path: this.name, ...watch });
  }
}
