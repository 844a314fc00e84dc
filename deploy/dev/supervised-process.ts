import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { dieWithParent, searchPath } from "#shared/die-with-parent.ts";
import { LineSplitter } from "./line-splitter.ts";
import type { Program } from "./programs.ts";

const DEATHS_TO_GIVE_UP = 5;
const DEATHS_WINDOW_MS = 60_000;
const FIRST_RESTART_MS = 250;
const KEPT_LINES = 5;
/** For the last output of a process that was killed. */
const CLOSE_DEADLINE_MS = 1000;

/** What a supervised process tells. */
export interface ProcessObserver {
  line(program: Program, line: string): void;
  /** It ended without being told to, and starts again in `restartMs`. */
  died(program: Program, how: string, restartMs: number): void;
  /** It died too often, or cannot be started at all; it stays down. */
  gaveUp(program: Program, how: string, lastLines: readonly string[]): void;
}

/** Keeps one program running, in a process group of its own, until it is told to end. */
export class SupervisedProcess {
  readonly program: Program;
  readonly #observer: ProcessObserver;
  readonly #lastLines: string[] = [];
  #child: ChildProcess | null = null;
  #deathsMs: number[] = [];
  #restart: NodeJS.Timeout | null = null;
  #ending = false;

  constructor(program: Program, observer: ProcessObserver) {
    this.program = program;
    this.#observer = observer;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  start(): void {
    this.#lastLines.length = 0;
    const line = dieWithParent(this.program.line);
    const child = spawn(line.command, line.args, {
      env: { ...inheritedEnvironment(), ...this.program.environment },
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own: Ctrl-C in the terminal reaches the launcher alone, which ends the programs in their order.
      detached: true,
    });
    this.#child = child;
    this.#read(child);
    child.once("error", (error) => this.#gone(`cannot be started: ${error.message}`, true));
    // What it started must not work on without it, nor hold its output open.
    child.once("exit", () => killGroup(child));
    child.once("close", (code, signal) => this.#gone(signal === null ? `exit code ${code}` : signal, false));
  }

  /** Asks it to end, waits as long as the program allows, then kills it and whatever it started. Never throws. */
  async end(): Promise<void> {
    this.#ending = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    const child = this.#child;
    if (child === null) return;
    const closed = once(child, "close").catch(() => undefined);
    child.kill(this.program.endSignal);
    await Promise.race([closed, pause(this.program.endDeadlineMs, undefined, { ref: false })]);
    killGroup(child);
    await Promise.race([closed, pause(CLOSE_DEADLINE_MS, undefined, { ref: false })]);
  }

  /** Ends it and whatever it started at once. */
  kill(): void {
    this.#ending = true;
    if (this.#child !== null) killGroup(this.#child);
  }

  #gone(how: string, cannotStart: boolean): void {
    if (this.#child === null) return;
    this.#child = null;
    if (this.#ending) return;
    const nowMs = performance.now();
    this.#deathsMs = [...this.#deathsMs.filter((atMs) => nowMs - atMs < DEATHS_WINDOW_MS), nowMs];
    if (cannotStart || this.#deathsMs.length >= DEATHS_TO_GIVE_UP) {
      this.#observer.gaveUp(this.program, how, this.#lastLines);
      return;
    }
    const restartMs = FIRST_RESTART_MS * 2 ** (this.#deathsMs.length - 1);
    this.#observer.died(this.program, how, restartMs);
    this.#restart = setTimeout(() => this.start(), restartMs);
  }

  #read(child: ChildProcess): void {
    for (const stream of [child.stdout, child.stderr]) {
      const splitter = new LineSplitter();
      const tell = (lines: string[]) => {
        for (const line of lines) this.#keep(line);
      };
      stream?.setEncoding("utf8").on("data", (text: string) => tell(splitter.push(text)));
      stream?.on("end", () => tell(splitter.flush()));
    }
  }

  #keep(line: string): void {
    this.#lastLines.push(line);
    if (this.#lastLines.length > KEPT_LINES) this.#lastLines.shift();
    this.#observer.line(this.program, line);
  }
}

/** Ours without what npm adds for its own scripts. */
function inheritedEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("npm_"));
  return { ...Object.fromEntries(kept), PATH: searchPath(process.env.PATH) };
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nobody is left in the group.
  }
}
