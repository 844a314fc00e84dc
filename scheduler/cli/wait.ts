import { setTimeout as pause } from "node:timers/promises";
import { formatDuration } from "#shared/units.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { Failure, failure } from "./failure.ts";
import { type Progress, silent, startProgress } from "./output/progress.ts";
import type { Session } from "./session.ts";

export interface Look<T> {
  /** For the progress line. */
  readonly state: string;
  /** Set once there is nothing more to wait for. */
  readonly settled?: { readonly value: T };
}

export interface Wait<T> {
  /** What is waited for, as a person calls it. */
  readonly what: string;
  /** The command that tells later how it went. */
  readonly later: string;
  readonly timeoutMs: number;
  look(): Promise<Look<T>>;
}

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1000;

/**
 * Looks again and again until it is settled. A scheduler that is away for a while is waited for as well.
 * Ends with exit code 6 after the timeout, 130 at Ctrl-C; the work goes on in both cases.
 */
export async function waitFor<T>(session: Session, wait: Wait<T>): Promise<T> {
  const interrupt = new AbortController();
  const stopListening = session.terminal.onInterrupt(() => interrupt.abort());
  const progress = progressOf(session, wait.what);
  try {
    return await untilSettled(wait, progress, interrupt.signal);
  } catch (error) {
    throw interrupt.signal.aborted ? interrupted(wait) : error;
  } finally {
    progress.stop();
    stopListening();
  }
}

async function untilSettled<T>(wait: Wait<T>, progress: Progress, signal: AbortSignal): Promise<T> {
  const startedMs = performance.now();
  const aborted = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  aborted.catch(() => {});
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.6, LONGEST_PAUSE_MS)) {
    const { state, settled } = await Promise.race([patient(wait), aborted]);
    progress.show(state);
    if (settled !== undefined) return settled.value;
    const leftMs = startedMs + wait.timeoutMs - performance.now();
    if (leftMs <= 0) throw timedOut(wait, state);
    await pause(Math.min(pauseMs, leftMs), undefined, { signal });
  }
}

async function patient<T>(wait: Wait<T>): Promise<Look<T>> {
  try {
    return await wait.look();
  } catch (error) {
    if (error instanceof Failure && error.exitCode === EXIT_CODES.unreachable)
      return { state: "scheduler not reachable" };
    throw error;
  }
}

function progressOf({ terminal, output }: Session, what: string): Progress {
  return output.form === "people" ? startProgress(terminal.err, what, output.errPaint) : silent;
}

function timedOut<T>({ what, later, timeoutMs }: Wait<T>, state: string): Failure {
  return failure("E_TIMEOUT", `${what} is still ${state} after ${formatDuration(timeoutMs)}; the work goes on`, {
    next: `Look later with \`${later}\`.`,
  });
}

function interrupted<T>({ what, later }: Wait<T>): Failure {
  return new Failure("E_INTERRUPTED", EXIT_CODES.interrupted, `stopped waiting for ${what}; the work goes on`, {
    next: `Look later with \`${later}\`.`,
  });
}
