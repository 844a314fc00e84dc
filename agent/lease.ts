import { type Guard, LeaseLost } from "./drivers/driver.ts";

/** How much of the queue's `ack_wait` an agent trusts: the rest covers the way of its renewal to the server. */
const TRUSTED_SHARE = 0.7;
const RENEWALS_PER_LEASE = 3;
/**
 * A nats-server that is killed forgets what it gave out, and was confirmed, in its last moments: 2.9 writes it down some
 * ten times a second. Once it is back it gives such jobs to others at once.
 */
const UNWRITTEN_MS = 1_000;

/** The server has given the job, or confirmed it anew: the lease counts from `sinceMs`, and it was so at `knownMs`. */
interface Confirmation {
  readonly sinceMs: number;
  readonly knownMs: number;
}

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
 * from an agent that lost the job. When the connection is lost, the server was perhaps killed: then what it may have
 * forgotten counts no more.
 */
export class Lease implements Guard {
  readonly #options: LeaseOptions;
  readonly #lost = new AbortController();
  readonly #leaseMs: number;
  /** The oldest of them is the last that is surely written down, if any is. */
  #confirmations: readonly Confirmation[];
  #nextAskMs: number;
  #timer: NodeJS.Timeout | null = null;
  #released = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#leaseMs = options.ackWaitMs * TRUSTED_SHARE;
    this.#confirmations = [{ sinceMs: options.heldSinceMs, knownMs: options.nowMs() }];
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

  /** The connection to nats-server was lost, just now. */
  doubt(): void {
    const writtenMs = this.#options.nowMs() - UNWRITTEN_MS;
    this.#confirmations = this.#confirmations.filter(({ knownMs }) => knownMs <= writtenMs);
    if (!this.held) this.#lose();
  }

  /** Another has the job, whatever the time says. */
  revoke(): void {
    this.#confirmations = [];
    this.#lose();
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
    if (this.held) this.#confirmed({ sinceMs: askedMs, knownMs: this.#options.nowMs() });
  }

  /** Two renewals may be under way, and be confirmed in either order. */
  #confirmed(confirmation: Confirmation): void {
    const writtenMs = confirmation.knownMs - UNWRITTEN_MS;
    const needed = this.#confirmations.findLastIndex(({ knownMs }) => knownMs <= writtenMs);
    this.#confirmations = [...this.#confirmations.slice(Math.max(0, needed)), confirmation];
  }

  get #expiresMs(): number {
    return Math.max(...this.#confirmations.map(({ sinceMs }) => sinceMs + this.#leaseMs));
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
