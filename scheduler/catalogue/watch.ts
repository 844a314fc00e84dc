import { type FSWatcher, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { PlaceWatch } from "./place.ts";

/** Editors write in several steps: what is read at once is often half of it. */
const SETTLE_MS = 100;

export interface FileWatchOptions extends PlaceWatch {
  readonly path: string;
}

/** Tells that a file may have changed: by the system's word on its folder, for editors replace files, and by looking. */
export class FileWatch {
  readonly #options: FileWatchOptions;
  readonly #poll: NodeJS.Timeout;
  readonly #watcher: FSWatcher | null;
  #settling: NodeJS.Timeout | null = null;
  #seen: string | null = null;

  constructor(options: FileWatchOptions) {
    this.#options = options;
    this.#watcher = watchFolder(options.path, () => this.#settle());
    this.#poll = setInterval(() => void this.#compare(), options.intervalMs);
    this.#poll.unref();
  }

  close(): void {
    clearInterval(this.#poll);
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#watcher?.close();
  }

  #settle(): void {
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#options.look(), SETTLE_MS);
    this.#settling.unref();
  }

  async #compare(): Promise<void> {
    const found = await stat(this.#options.path).catch(() => null);
    const signature = found === null ? "none" : `${found.ino} ${found.size} ${found.mtimeMs}`;
    if (signature === this.#seen && !this.#options.restless()) return;
    this.#seen = signature;
    this.#options.look();
  }
}

/** null where the system cannot watch (out of watches, a file system without them): looking at intervals is enough. */
function watchFolder(path: string, onChange: () => void): FSWatcher | null {
  try {
    const name = basename(path);
    const watcher = watch(dirname(path), { persistent: false }, (_event, changed) => {
      if (changed === null || changed === name) onChange();
    });
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    return null;
  }
}
