import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { inParallel } from "#shared/parallel.ts";
import { statOrNull } from "../../transport/files.ts";
import { type ImageMark, nameOfMark, parseMark } from "./mark.ts";

/** One after the other would make ten thousand images a long wait; all at once, ten thousand open requests. */
const PARALLEL = 32;

export interface Standing {
  readonly count: number;
  readonly virtualBytes: number;
  readonly allocatedBytes: number;
}

interface KnownMark {
  readonly mark: ImageMark;
  readonly mtimeMs: number;
}

/**
 * What is in a backend's folder, by its marks. They are read once and then only when they change: between full counts
 * only new names are read, so that a creation costs one listing of the folder.
 */
export class Inventory {
  readonly #folder: string;
  readonly #known = new Map<string, KnownMark>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The sizes of all that is marked, the unfinished too: a mark is a reservation. */
  async promisedBytes(): Promise<number> {
    await this.#refresh("new");
    let sum = 0;
    for (const { mark } of this.#known.values()) sum += mark.sizeBytes;
    return sum;
  }

  /** What stands, with the space that it takes. A full count: every mark and image is looked at. */
  async standing(): Promise<Standing> {
    await this.#refresh("all");
    let count = 0;
    let virtualBytes = 0;
    let allocatedBytes = 0;
    await inParallel([...this.#known], PARALLEL, async ([name, { mark }]) => {
      const image = await statOrNull(join(this.#folder, name));
      if (image === null) return;
      count++;
      virtualBytes += mark.sizeBytes;
      allocatedBytes += Math.min(image.blocks * 512, mark.sizeBytes);
    });
    return { count, virtualBytes, allocatedBytes };
  }

  /** This process changed a mark: read it anew next time. */
  forgetMark(path: string): void {
    const name = nameOfMark(basename(path));
    if (name !== null) this.#known.delete(name);
  }

  async #refresh(which: "new" | "all"): Promise<void> {
    const names = (await readdir(this.#folder)).map(nameOfMark).filter((name) => name !== null);
    const present = new Set(names);
    for (const name of this.#known.keys()) if (!present.has(name)) this.#known.delete(name);
    const wanted = which === "all" ? names : names.filter((name) => !this.#known.has(name));
    await inParallel(wanted, PARALLEL, (name) => this.#read(name));
  }

  async #read(name: string): Promise<void> {
    const path = join(this.#folder, `${name}.json`);
    try {
      const { mtimeMs } = await stat(path);
      if (this.#known.get(name)?.mtimeMs === mtimeMs) return;
      const mark = parseMark(await readFile(path, "utf8"));
      if (mark !== null) this.#known.set(name, { mark, mtimeMs });
    } catch {
      // Deleted while we looked: it does not count.
      this.#known.delete(name);
    }
  }
}
