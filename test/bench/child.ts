import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Parser } from "#shared/schema.ts";
import { killedAtTheEnd } from "./scratch.ts";

/** A program of this folder in a process of its own, which answers by messages. It ends with this, or with its parent. */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #registered: { ended(): void };

  constructor(program: string, args: readonly string[]) {
    this.#process = fork(join(import.meta.dirname, program), args, { serialization: "advanced" });
    this.#registered = killedAtTheEnd({ kill: () => this.#process.kill("SIGKILL") });
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }

  send(message: object): void {
    this.#process.send(message);
  }

  /** Its next message. Rejects when it ends without one. */
  async next<T>(form: Parser<T>): Promise<T> {
    const waiting = new AbortController();
    const { signal } = waiting;
    try {
      const [message]: unknown[] = await Promise.race([
        once(this.#process, "message", { signal }),
        once(this.#process, "exit", { signal }).then(([code]: unknown[]) => {
          throw new Error(`${this.#process.spawnfile} ended too early (${String(code)})`);
        }),
      ]);
      return form.parse(message);
    } finally {
      waiting.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#registered.ended();
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    await gone;
  }
}
