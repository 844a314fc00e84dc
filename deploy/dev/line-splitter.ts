const MAX_LINE_LENGTH = 64 * 1024;

/** Cuts a stream of text into lines. A line that never ends is cut at 64 Ki characters, so that memory stays bounded. */
export class LineSplitter {
  #rest = "";

  /** The lines that this text completes. */
  push(text: string): string[] {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > MAX_LINE_LENGTH) lines.push(...this.flush());
    return lines;
  }

  /** What came after the last line's end. */
  flush(): string[] {
    const rest = this.#rest;
    this.#rest = "";
    return rest === "" ? [] : [rest];
  }
}
