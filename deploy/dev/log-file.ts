import { appendFileSync, existsSync, renameSync, statSync } from "node:fs";

const MAX_BYTES = 10 * 1024 ** 2;

/** A program's raw output on disk: at 10 MB it becomes `<file>.1`, in place of an older one. */
export class LogFile {
  readonly path: string;
  readonly #maxBytes: number;
  #bytes: number;

  constructor(path: string, maxBytes = MAX_BYTES) {
    this.path = path;
    this.#maxBytes = maxBytes;
    this.#bytes = existsSync(path) ? statSync(path).size : 0;
  }

  /** Never throws: a full disk costs the log, and must not end what is logged. */
  append(text: string): void {
    const bytes = Buffer.byteLength(text);
    try {
      if (this.#bytes > 0 && this.#bytes + bytes > this.#maxBytes) this.#rotate();
      appendFileSync(this.path, text, { mode: 0o600 });
      this.#bytes += bytes;
    } catch {
      // The terminal still shows what there was to say.
    }
  }

  #rotate(): void {
    renameSync(this.path, `${this.path}.1`);
    this.#bytes = 0;
  }
}
