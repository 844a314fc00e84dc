import { hostname } from "node:os";

/** Where text goes: a terminal, or a pipe or file that no person looks at. */
export interface Sink {
  readonly isTerminal: boolean;
  /** Width in cells; terminals only. */
  readonly columns: number;
  write(text: string): void;
}

/** Everything a command knows of the world beside the API; tests hand in their own. */
export interface Terminal {
  readonly out: Sink;
  readonly err: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hostname: string;
  /** Calls `listener` at Ctrl-C instead of ending the process, until the returned function is called. */
  onInterrupt(listener: () => void): () => void;
}

const DEFAULT_COLUMNS = 100;

export function processTerminal(): Terminal {
  return {
    out: sink(process.stdout),
    err: sink(process.stderr),
    env: process.env,
    hostname: hostname(),
    onInterrupt(listener) {
      process.once("SIGINT", listener);
      return () => process.off("SIGINT", listener);
    },
  };
}

function sink(stream: NodeJS.WriteStream): Sink {
  return {
    isTerminal: stream.isTTY,
    get columns() {
      return stream.columns > 0 ? stream.columns : DEFAULT_COLUMNS;
    },
    write: (text) => void stream.write(text),
  };
}
