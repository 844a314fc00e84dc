import { type Guard, LeaseLost } from "./drivers/driver.ts";

/** How much of the queue's `ack_wait` an agent trusts: the rest covers the way of its renewal to the server. */
const TRUSTED_SHARE = 0.7;
const RENEWALS_PER_LEASE = 3;

export interface LeaseOptions {
  readonly ackWaitMs: number;
  /** When this process was last known to be running: a job may have lain in a paused process since then. */
  readonly heldSinceMs: number;
  readonly nowMs: () => number;
  readonly renew: (timeoutMs: number) => Promise<void>;
}

/**
 * The right to work on a job, by this machine's monotonic clock alone. It is shorter than the queue's `ack_wait` and is
 * lengthened only by a renewal that the server confirmed, counted from when it was asked for. So when it runs out, no
 * other agent can have the job yet; and once it ran out it never comes back: the server would accept a late renewal
 * from an agent that lost the job.
 */
export class Lease implements Guard {
  readonly #options: LeaseOptions;
  readonly #lost = new AbortController();
  readonly #leaseMs: number;
  #expiresMs: number;
  #nextAskMs: number;
  #timer: NodeJS.Timeout | null = null;
  #released = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#leaseMs = options.ackWaitMs * TRUSTED_SHARE;
    this.#expiresMs = options.heldSinceMs + this.#leaseMs;
    this.#nextAskMs = options.nowMs() + this.#leaseMs / RENEWALS_PER_LEASE;
    this.#sleep();
  }

  /** Aborted when the lease ran out. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get held(): boolean {
    return !this.#released && !this.#lost.signal.aborted && this.#options.nowMs() < this.#expiresMs;
  }

  assertHeld(): void {
    if (this.held) return;
    this.#lose();
    throw new LeaseLost();
  }

  /** The job is over: nothing that its driver call left running may change anything any more. */
  release(): void {
    this.#released = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #sleep(): void {
    const wakeMs = Math.min(this.#nextAskMs, this.#expiresMs);
    this.#timer = setTimeout(() => this.#wake(), Math.max(0, wakeMs - this.#options.nowMs()));
  }

  #wake(): void {
    if (this.#released) return;
    if (!this.held) {
      this.#lose();
      return;
    }
    const nowMs = this.#options.nowMs();
    if (nowMs >= this.#nextAskMs) {
      this.#nextAskMs = nowMs + this.#leaseMs / RENEWALS_PER_LEASE;
      void this.#renew(nowMs);
    }
    this.#sleep();
  }

  async #renew(askedMs: number): Promise<void> {
    try {
      await this.#options.renew(Math.max(1, this.#expiresMs - askedMs));
    } catch {
      // Not confirmed: the lease goes on to its end, and the next try may be in time.
      return;
    }
    if (this.held) this.#expiresMs = Math.max(this.#expiresMs, askedMs + this.#leaseMs);
  }

  #lose(): void {
    if (!this.#released) this.#lost.abort(new LeaseLost());
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}

/** Knows when this process last ran: after a pause (SIGSTOP, a frozen machine) what waited for it is of unknown age. */
export class PulseClock {
  #lastMs = performance.now();
  readonly #timer: NodeJS.Timeout;

  constructor(intervalMs: number) {
    this.#timer = setInterval(() => {
      this.#lastMs = performance.now();
    }, intervalMs);
    this.#timer.unref();
  }

  /** Monotonic milliseconds. */
  readonly nowMs = (): number => performance.now();

  /** At or before the moment when anything that is handled now can have arrived. */
  get aliveSinceMs(): number {
    return this.#lastMs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
