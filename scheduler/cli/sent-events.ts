/** One of the events of a text/event-stream (HTML standard, 9.2), as far as Berth sends them. */
export interface SentEvent {
  readonly id: string;
  /** null: it says only how far the stream has come. */
  readonly data: string | null;
}

/** Takes text in any pieces, and gives the events that are whole. */
export class SentEventReader {
  #rest = "";

  take(text: string): SentEvent[] {
    const blocks = (this.#rest + text).split("\n\n");
    this.#rest = blocks.pop() ?? "";
    return blocks.map((block) => {
      const lines = block.split("\n");
      return { id: fieldOf(lines, "id") ?? "", data: fieldOf(lines, "data") };
    });
  }
}

function fieldOf(lines: readonly string[], name: string): string | null {
  const line = lines.find((one) => one.startsWith(`${name}: `));
  return line === undefined ? null : line.slice(name.length + 2);
}
