import { setTimeout as pause } from "node:timers/promises";

/** What was not used for so long may be used at once: a limit is an average over about this time. */
const BURST_MS = 250;

export interface Clock {
  readonly nowMs: () => number;
  /** Rejects when the signal is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

export const MONOTONIC_CLOCK: Clock = {
  nowMs: () => performance.now(),
  wait: async (ms, signal) => await pause(ms, undefined, { signal }),
};

/**
 * A token bucket, told as the time at which it would be full again: in T ms no more than `T + BURST_MS` ms' worth of
 * bytes goes through, and the one request that is on its way.
 */
export class Bandwidth {
  readonly #bytesPerMs: number;
  readonly #clock: Clock;
  #freeAtMs = Number.NEGATIVE_INFINITY;

  constructor(limitBytesPerS: number, clock: Clock = MONOTONIC_CLOCK) {
    this.#bytesPerMs = limitBytesPerS / 1000;
    this.#clock = clock;
  }

  /** Waits until so many bytes may go; in the order of asking. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const turnMs = Math.max(this.#freeAtMs, nowMs - BURST_MS);
    this.#freeAtMs = turnMs + bytes / this.#bytesPerMs;
    if (turnMs > nowMs) await this.#clock.wait(turnMs - nowMs, signal);
  }
}
