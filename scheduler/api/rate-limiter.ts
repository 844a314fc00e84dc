/** Who asks from more places than this is forgotten where they asked least lately, and may begin anew. */
const MAX_BUCKETS = 20_000;

interface Bucket {
  tokens: number;
  filledMs: number;
}

/** A bucket for each who asks: `burst` requests at once, and `perS` a second over time. */
export class RateLimiter {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #nowMs: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perS: number, burst: number, nowMs: () => number) {
    this.#perMs = perS / 1000;
    this.#burst = burst;
    this.#nowMs = nowMs;
  }

  /** 0: go on. Else after so many whole seconds. */
  take(who: string): number {
    const nowMs = this.#nowMs();
    const { tokens, filledMs } = this.#buckets.get(who) ?? { tokens: this.#burst, filledMs: nowMs };
    const filled = Math.min(this.#burst, tokens + Math.max(0, nowMs - filledMs) * this.#perMs);
    const left = filled >= 1 ? filled - 1 : filled;
    // Behind the others: the first one is who asked least lately.
    this.#buckets.delete(who);
    this.#buckets.set(who, { tokens: left, filledMs: nowMs });
    if (this.#buckets.size > MAX_BUCKETS) this.#forgetOldest();
    return filled >= 1 ? 0 : Math.max(1, Math.ceil((1 - filled) / this.#perMs / 1000));
  }

  #forgetOldest(): void {
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}
