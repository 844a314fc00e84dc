import { AnswerLost, NotAdmitted, Unreachable } from "./failures.ts";

const FAILURES_TO_OPEN = 5;
const FIRST_PAUSE_MS = 1_000;
const LAST_PAUSE_MS = 30_000;

/**
 * The circuit breaker of one storage system. After so many failures in a row to reach it or to hear its answer, calls are
 * refused without trying for a while that doubles each time; then one call tries. Credentials that are refused open it at
 * once: systems lock accounts that are tried too often.
 */
export class Circuit {
  readonly #name: string;
  readonly #nowMs: () => number;
  #failures = 0;
  #pauseMs = 0;
  #openUntilMs = 0;
  #last: Error | null = null;

  /** `name` says in errors what cannot be reached. */
  constructor(name: string, nowMs: () => number = () => performance.now()) {
    this.#name = name;
    this.#nowMs = nowMs;
  }

  /** @throws Unreachable when it was not tried */
  async run<T>(attempt: () => Promise<T>): Promise<T> {
    const isTrial = this.#enter();
    try {
      const result = await attempt();
      this.#failures = 0;
      this.#pauseMs = 0;
      this.#last = null;
      return result;
    } catch (error) {
      this.#failed(error, isTrial);
      throw error;
    }
  }

  /** True: it is open, and this is the one call that finds out whether it may be closed. */
  #enter(): boolean {
    if (this.#pauseMs === 0) return false;
    const leftMs = this.#openUntilMs - this.#nowMs();
    if (leftMs > 0) {
      const seconds = Math.ceil(leftMs / 1000);
      throw new Unreachable(`${this.#name} is not tried before ${seconds} s are over`, { cause: this.#last });
    }
    this.#openUntilMs = this.#nowMs() + this.#pauseMs;
    return true;
  }

  #failed(error: unknown, isTrial: boolean): void {
    if (error instanceof NotAdmitted) this.#failures = FAILURES_TO_OPEN;
    else if (error instanceof Unreachable || error instanceof AnswerLost) this.#failures += 1;
    else return;
    this.#last = error;
    // Calls that were under way when it opened fail as well, and say nothing new.
    if (this.#failures < FAILURES_TO_OPEN || (this.#pauseMs > 0 && !isTrial)) return;
    this.#pauseMs = Math.min(LAST_PAUSE_MS, this.#pauseMs === 0 ? FIRST_PAUSE_MS : this.#pauseMs * 2);
    this.#openUntilMs = this.#nowMs() + this.#pauseMs;
  }
}
