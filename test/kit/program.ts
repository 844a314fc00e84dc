import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { dieWithParent } from "#shared/die-with-parent.ts";
import { BerthError } from "#shared/errors.ts";
import { HERE, type Place } from "./place.ts";

const KEPT_LINES = 50_000;
const SHOWN_LINES = 150;
const END_DEADLINE_MS = 25_000;

export interface ProgramOptions {
  readonly name: string;
  /** A TypeScript file, run by this very Node. */
  readonly file: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Without it here. */
  readonly place?: Place;
}

/** How a process ended: with an exit code, or by a signal. */
export type Ending = number | NodeJS.Signals;

/** One of Berth's programs as a child process, through all its lives. What it says is kept over restarts. */
export class Program implements AsyncDisposable {
  readonly name: string;
  readonly #options: ProgramOptions;
  readonly #lines: string[] = [];
  #child: ChildProcess | null = null;
  #ending: Promise<Ending> | null = null;

  constructor(options: ProgramOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** Starts it, and does not wait for it to be of use. `environment` is for this life only. */
  start(environment: Readonly<Record<string, string>> = {}): void {
    if (this.isRunning) throw new BerthError("E_CONFLICT", `${this.name} runs already`);
    const { file, place = HERE } = this.#options;
    const { command, args } = dieWithParent(place.inside({ command: process.execPath, args: [file] }));
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...withoutSettings(process.env), ...this.#options.environment, ...environment },
    });
    for (const stream of [child.stdout, child.stderr]) this.#keep(stream);
    this.#child = child;
    this.#ending = once(child, "close").then((): Ending => child.exitCode ?? child.signalCode ?? "SIGKILL");
  }

  get isRunning(): boolean {
    const child = this.#child;
    return child !== null && child.exitCode === null && child.signalCode === null;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (!this.isRunning || pid === undefined) throw new BerthError("E_CONFLICT", `${this.name} does not run`);
    return pid;
  }

  /** How its last life ends, whoever ends it. Throws E_TIMEOUT if it goes on. */
  async ended(): Promise<Ending> {
    if (this.#ending === null) throw new BerthError("E_CONFLICT", `${this.name} was never started`);
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_resolve, reject) => {
      const error = new BerthError("E_TIMEOUT", `${this.name} has not ended within ${END_DEADLINE_MS} ms`);
      timer = setTimeout(() => reject(error), END_DEADLINE_MS);
    });
    return await Promise.race([this.#ending, tooLong]).finally(() => clearTimeout(timer));
  }

  /** Sends a signal and does not wait: for SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    if (!this.#child?.kill(signal)) throw new BerthError("E_CONFLICT", `${this.name} does not run`);
  }

  /** Ends it; SIGKILL is the crash. Resolves when the process is gone. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<Ending> {
    this.signal(signal);
    return await this.ended();
  }

  async restart(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.isRunning) await this.kill(signal);
    this.start();
  }

  /** The lines it has said that hold all these texts. */
  logged(...texts: readonly string[]): string[] {
    return this.#lines.filter((line) => texts.every((text) => line.includes(text)));
  }

  /** Its last words, for whoever looks for why a test failed. */
  lastWords(): string {
    return [`── ${this.name}`, ...this.#lines.slice(-SHOWN_LINES)].join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) await this.kill();
  }

  #keep(stream: Readable): void {
    createInterface({ input: stream }).on("line", (line) => {
      this.#lines.push(line);
      if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    });
  }
}

/** Settings of whoever runs the tests must not reach what is tested. */
function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("BERTH_")));
}
