import { setTimeout as pause } from "node:timers/promises";
import { isAdvance, type JobProgressAnswer } from "#shared/protocol/progress.ts";
import type { Progress, ProgressStep } from "./drivers/driver.ts";

const TELL_EVERY_MS = 1_000;
const ASK_AGAIN_MS = 500;

export interface JobProgressOptions {
  readonly tell: (step: ProgressStep) => Promise<JobProgressAnswer>;
  /** Of the job's try: when it is aborted, nothing more is asked or told. */
  readonly signal: AbortSignal;
  /** The work got on: its deadline may begin anew. */
  readonly onAdvance: () => void;
  /** The job is no longer this agent's to do. */
  readonly onGivenUp: () => void;
  readonly intervalMs?: number;
}

/** What a job's driver calls tell, carried to the scheduler at its own pace: always the newest, one at a time. */
export class JobProgress implements Progress {
  readonly #options: JobProgressOptions;
  readonly #intervalMs: number;
  #latest: ProgressStep | null = null;
  #furthestBytes = 0;
  #telling = false;
  #timer: NodeJS.Timeout | null = null;
  #ended = false;

  constructor(options: JobProgressOptions) {
    this.#options = options;
    this.#intervalMs = options.intervalMs ?? TELL_EVERY_MS;
  }

  async checkpointBytes(): Promise<number> {
    const nothing: ProgressStep = { doneBytes: 0, totalBytes: 0, checkpointBytes: 0 };
    for (;;) {
      const answer = await this.#exchange(nothing);
      if (answer !== null && answer.checkpointBytes !== null) {
        this.#furthestBytes = answer.checkpointBytes;
        return answer.checkpointBytes;
      }
      await pause(ASK_AGAIN_MS, undefined, { signal: this.#options.signal });
    }
  }

  tell(step: ProgressStep): void {
    if (this.#ended) return;
    if (isAdvance(this.#furthestBytes, step)) {
      this.#furthestBytes = step.doneBytes;
      this.#options.onAdvance();
    }
    this.#latest = step;
    if (!this.#telling && this.#timer === null) void this.#carry();
  }

  end(): void {
    this.#ended = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #carry(): Promise<void> {
    // Who gets no further says so as well: only by the answer it hears that it was called back.
    const step = this.#latest;
    if (step === null || this.#ended) return;
    this.#telling = true;
    await this.#exchange(step);
    this.#telling = false;
    if (this.#ended) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#carry();
    }, this.#intervalMs);
  }

  /** null: nobody answered. The next word will tell as much and more. */
  async #exchange(step: ProgressStep): Promise<JobProgressAnswer | null> {
    try {
      const answer = await this.#options.tell(step);
      if (!answer.goOn && !this.#ended) this.#options.onGivenUp();
      return answer;
    } catch {
      return null;
    }
  }
}
