import { hostname } from "node:os";
import { createInterface } from "node:readline/promises";

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
  /** Puts a question to a person and waits for the line that is typed; Ctrl-C is an empty one. null: nobody is there. */
  readonly ask: ((question: string) => Promise<string>) | null;
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
    ask: process.stdin.isTTY && process.stderr.isTTY ? askPerson : null,
    onInterrupt(listener) {
      process.once("SIGINT", listener);
      return () => process.off("SIGINT", listener);
    },
  };
}

async function askPerson(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const interrupted = new Promise<string>((resolve) => lines.once("SIGINT", () => resolve("")));
  try {
    return await Promise.race([lines.question(question), interrupted]);
  } finally {
    lines.close();
  }
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
