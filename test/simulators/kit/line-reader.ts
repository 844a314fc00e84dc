import type { Readable } from "node:stream";

const MAX_PENDING = 1024 ** 2;

/** Standard input line by line. */
export class LineReader {
  readonly #lines: string[] = [];
  #rest = "";
  #ended = false;
  #waiting: ((line: string | null) => void) | null = null;

  constructor(stream: Readable) {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => this.#push(text));
    stream.on("end", () => this.#end());
    stream.on("close", () => this.#end());
  }

  /** null: the stream is at its end. */
  next(): Promise<string | null> {
    const line = this.#lines.shift();
    if (line !== undefined) return Promise.resolve(line);
    if (this.#ended) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  #push(text: string): void {
    const lines = (this.#rest + text).slice(0, MAX_PENDING).split(/\r\n|\r|\n/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#give(line);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#rest !== "") this.#give(this.#rest);
    this.#waiting?.(null);
  }

  #give(line: string): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting !== null) waiting(line);
    else this.#lines.push(line);
  }
}
