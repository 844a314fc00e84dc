/** How long calls of one name took, from when they were read until their answer stood. */
export interface CallTimes {
  readonly totalMs: number;
  readonly worstMs: number;
}

/** What clients called since the last reset: the table "calls to the array per operation" comes from here. */
export class CallCounter {
  readonly #counts = new Map<string, number>();
  readonly #times = new Map<string, CallTimes>();
  #busyMs = 0;
  #busySinceMs = 0;
  #inFlight = 0;
  #highWater = 0;
  #connections = 0;
  #connectionsHighWater = 0;

  get inFlight(): number {
    return this.#inFlight;
  }

  /** The most calls that were in flight at once. */
  get highWater(): number {
    return this.#highWater;
  }

  /** A call begins; the returned function ends it, once. */
  enter(method: string): () => void {
    const startMs = performance.now();
    this.#counts.set(method, (this.#counts.get(method) ?? 0) + 1);
    if (this.#inFlight === 0) this.#busySinceMs = startMs;
    this.#inFlight += 1;
    this.#highWater = Math.max(this.#highWater, this.#inFlight);
    return once(() => {
      const endMs = performance.now();
      this.#took(method, endMs - startMs);
      this.#inFlight -= 1;
      if (this.#inFlight === 0) this.#busyMs += endMs - this.#busySinceMs;
    });
  }

  /** A client's connection stands; the returned function ends it, once. */
  connected(): () => void {
    this.#connections += 1;
    this.#connectionsHighWater = Math.max(this.#connectionsHighWater, this.#connections);
    return once(() => {
      this.#connections -= 1;
    });
  }

  /** By the vendor's names, in the order of names. */
  byMethod(): Record<string, number> {
    return sorted(this.#counts);
  }

  /** Of those that have ended, by the vendor's names. */
  timesByMethod(): Record<string, CallTimes> {
    return sorted(this.#times);
  }

  /** How long at least one call was in flight. */
  get busyMs(): number {
    return this.#busyMs + (this.#inFlight === 0 ? 0 : performance.now() - this.#busySinceMs);
  }

  report() {
    return {
      byMethod: this.byMethod(),
      timesByMethod: this.timesByMethod(),
      busyMs: this.busyMs,
      total: [...this.#counts.values()].reduce((sum, count) => sum + count, 0),
      inFlight: this.#inFlight,
      highWater: this.#highWater,
      connections: this.#connections,
      connectionsHighWater: this.#connectionsHighWater,
    };
  }

  reset(): void {
    this.#counts.clear();
    this.#times.clear();
    this.#busyMs = 0;
    this.#busySinceMs = performance.now();
    this.#highWater = this.#inFlight;
    this.#connectionsHighWater = this.#connections;
  }

  #took(method: string, ms: number): void {
    const { totalMs, worstMs } = this.#times.get(method) ?? { totalMs: 0, worstMs: 0 };
    this.#times.set(method, { totalMs: totalMs + ms, worstMs: Math.max(worstMs, ms) });
  }
}

function sorted<T>(byName: ReadonlyMap<string, T>): Record<string, T> {
  return Object.fromEntries([...byName].sort(([one], [other]) => (one < other ? -1 : 1)));
}

function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
}
