import type { CommandLine } from "#shared/die-with-parent.ts";

/** Where a program of a test runs, and by what address the others reach it. */
export interface Place {
  readonly address: string;
  /** The same command line, run there. */
  inside(line: CommandLine): CommandLine;
  /** A Unix socket by which the test itself reaches a port there; null: by its address. */
  door(port: number): Promise<string | null>;
}

/** This machine's loopback. */
export const HERE: Place = { address: "127.0.0.1", inside: (line) => line, door: async () => null };
