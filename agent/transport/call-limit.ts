import { abortedError } from "./changing.ts";

/** Which part of a storage system's limit of calls is this agent's, beside the other agents that have calls there. */
export interface CallShare {
  /** Of so many calls at once. 0: none as yet. */
  of(atOnce: number): number;
  /** `limit` has calls under way, or some that wait: it is told when its share is another, until it is `idle`. */
  busy(limit: CallLimit): void;
  idle(limit: CallLimit): void;
  /** A call of `limit` is over. */
  ended(): void;
}

/** Of who is alone. */
export const WHOLE_SHARE: CallShare = {
  of: (atOnce) => atOnce,
  busy() {},
  idle() {},
  ended() {},
};

/** At most so many calls of this agent are with a storage system at once; the others wait in the order they came. */
export class CallLimit {
  readonly atOnce: number;
  readonly #share: CallShare;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(atOnce: number, share = WHOLE_SHARE) {
    this.atOnce = atOnce;
    this.#share = share;
  }

  get running(): number {
    return this.#running;
  }

  /** @throws DriverError `unknown` when the call was aborted while it waited */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#enter(signal);
    try {
      return await work();
    } finally {
      this.#running -= 1;
      this.admit();
      this.#share.ended();
    }
  }

  /** Lets in as many of those that wait as there is room for. */
  admit(): void {
    while (this.#hasRoom()) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      // Counted before it goes on: nobody can come in between.
      this.#running += 1;
      next();
    }
    if (this.#running === 0 && this.#waiting.length === 0) this.#share.idle(this);
  }

  #hasRoom(): boolean {
    return this.#running < this.#share.of(this.atOnce);
  }

  #enter(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(abortedError(signal));
    this.#share.busy(this);
    if (this.#waiting.length === 0 && this.#hasRoom()) {
      this.#running += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(abortedError(signal));
        this.admit();
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(enter);
    });
  }
}
