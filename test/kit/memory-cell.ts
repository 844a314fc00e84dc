import type { CellValue } from "#shared/bus/cell.ts";

/** A value with compare-and-set, in memory; and a server that can be away, or whose answers get lost. */
export class MemoryCell {
  #value: CellValue | null = null;
  isAway = false;
  /** The next write is done, and its answer lost. */
  losesAnswer = false;

  async read(): Promise<CellValue | null> {
    if (this.isAway) throw new Error("the server is away");
    return this.#value;
  }

  async write(body: Uint8Array, over: number): Promise<number | null> {
    if (this.isAway) throw new Error("the server is away");
    if ((this.#value?.revision ?? 0) !== over) return null;
    this.#value = { body, revision: over + 1 };
    if (this.losesAnswer) {
      this.losesAnswer = false;
      throw new Error("the answer was lost");
    }
    return over + 1;
  }
}
