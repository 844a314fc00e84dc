import { setTimeout as pause } from "node:timers/promises";
import type { CallContext } from "../drivers/driver.ts";
import { abortedError } from "./changing.ts";
import { AnswerLost, Unreachable } from "./failures.ts";

const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 5_000;

export interface Tries {
  readonly tries: number;
  /** May it be done twice? Then a lost answer is tried again as well; what was never sent is in any case. */
  readonly safe: boolean;
}

/** Tries again what is safe, a little later each time. Nothing that any system answered is tried again here. */
export async function withTries<T>(context: CallContext, given: Tries, attempt: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await attempt();
    } catch (error) {
      const again = error instanceof Unreachable || (given.safe && error instanceof AnswerLost);
      if (!again || tried >= given.tries) throw error;
    }
    await pauseFor(context.signal, pauseMs(tried));
  }
}

/** Doubles, up to 5 s, with a half of it by chance, so that many do not come at once. */
export function pauseMs(tried: number): number {
  const whole = Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tried - 1));
  return whole / 2 + (Math.random() * whole) / 2;
}

/** @throws DriverError `unknown` when the call was aborted meanwhile */
export async function pauseFor(signal: AbortSignal, ms: number): Promise<void> {
  try {
    await pause(ms, undefined, { signal });
  } catch {
    throw abortedError(signal);
  }
}
