import type { Terminal } from "#scheduler/cli/terminal.ts";

export interface RecordingTerminalOptions {
  readonly env?: Terminal["env"];
  readonly isTerminal?: boolean;
  readonly columns?: number;
  /** What the person types when asked; without it nobody is there. */
  readonly answer?: string;
}

/** A terminal for tests: keeps what is written, and Ctrl-C is a method. */
export class RecordingTerminal implements Terminal {
  readonly env: Terminal["env"];
  readonly hostname = "test-host";
  readonly out: Terminal["out"];
  readonly err: Terminal["err"];
  readonly ask: Terminal["ask"];
  readonly #listeners = new Set<() => void>();
  readonly #outParts: string[] = [];
  readonly #errParts: string[] = [];

  constructor({ env = {}, isTerminal = false, columns = 100, answer }: RecordingTerminalOptions = {}) {
    this.env = env;
    this.out = { isTerminal, columns, write: (text) => this.#outParts.push(text) };
    this.err = { isTerminal, columns, write: (text) => this.#errParts.push(text) };
    this.ask =
      answer === undefined
        ? null
        : async (question) => {
            this.err.write(`${question}${answer}\n`);
            return answer;
          };
  }

  get outText(): string {
    return this.#outParts.join("");
  }

  get errText(): string {
    return this.#errParts.join("");
  }

  /** Whether someone would hear Ctrl-C. */
  get isListening(): boolean {
    return this.#listeners.size > 0;
  }

  onInterrupt(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  interrupt(): void {
    for (const listener of this.#listeners) listener();
  }
}
