import { DriverError, LeaseLost } from "./drivers/driver.ts";

/**
 * Waits for `work` no longer than `signal` allows. What a driver that does not heed the signal leaves running is
 * harmless: its guard is released, so that it can change nothing any more.
 */
export async function withinDeadline<T>(
  work: Promise<T>,
  signal: AbortSignal,
  toError: (signal: AbortSignal) => Error = abortError,
): Promise<T> {
  work.catch(() => undefined);
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(toError(signal));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function abortError(signal: AbortSignal): Error {
  if (signal.reason instanceof LeaseLost) return signal.reason;
  return new DriverError("unknown", "the backend did not answer in time", { cause: signal.reason, code: "E_TIMEOUT" });
}

/**
 * A signal for one piece of work: aborted after `timeoutMs` or with any of `sources`, and let go at its `end`, so that
 * thousands of short jobs leave neither timers nor listeners on the sources.
 */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #unlinks: (() => void)[] = [];
  #ended = false;

  constructor(timeoutMs: number, sources: readonly AbortSignal[] = []) {
    this.#timer = setTimeout(() => this.#controller.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    for (const source of sources) this.#link(source);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The work gets on: its time begins anew. */
  startAnew(): void {
    if (!this.#ended && !this.signal.aborted) this.#timer.refresh();
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    for (const unlink of this.#unlinks) unlink();
  }

  #link(source: AbortSignal): void {
    const abort = (): void => this.#controller.abort(source.reason);
    if (source.aborted) {
      abort();
      return;
    }
    source.addEventListener("abort", abort, { once: true });
    this.#unlinks.push(() => source.removeEventListener("abort", abort));
  }
}
