import type { Job } from "#shared/model/job.ts";
import { isUrgent } from "./settings.ts";

/** An index over the job records, by backend: what is in hand, and what waits in the ledger for a slot. */
export class JobQueues {
  readonly #backends = new Map<number, BackendQueue>();

  add(job: Job): void {
    this.of(job.backendId).add(job);
  }

  remove(job: Job): void {
    const queue = this.of(job.backendId);
    queue.remove(job);
    if (queue.empty) this.#backends.delete(job.backendId);
  }

  of(backendId: number): BackendQueue {
    let queue = this.#backends.get(backendId);
    if (queue === undefined) {
      queue = new BackendQueue();
      this.#backends.set(backendId, queue);
    }
    return queue;
  }

  backendIds(): number[] {
    return [...this.#backends.keys()];
  }
}

export class BackendQueue {
  readonly inHand = new Map<string, Job>();
  readonly #urgent = new Map<string, Job>();
  readonly #waiting = new Map<string, Job>();
  /** Keys of jobs in hand: work on one volume is done one after another. */
  readonly #busyKeys = new Map<string, number>();

  add(job: Job): void {
    if (job.dispatched) {
      this.inHand.set(job.id, job);
      for (const key of job.serialKeys) this.#busyKeys.set(key, (this.#busyKeys.get(key) ?? 0) + 1);
    } else this.#laneOf(job).set(job.id, job);
  }

  remove(job: Job): void {
    if (!job.dispatched) {
      this.#laneOf(job).delete(job.id);
      return;
    }
    this.inHand.delete(job.id);
    for (const key of job.serialKeys) {
      const left = (this.#busyKeys.get(key) ?? 1) - 1;
      if (left > 0) this.#busyKeys.set(key, left);
      else this.#busyKeys.delete(key);
    }
  }

  /** Not given out: in order, urgent ones first. */
  *waiting(): Iterable<Job> {
    yield* this.#urgent.values();
    yield* this.#waiting.values();
  }

  /** The next job that may go to an agent: urgent ones first, then in order; not one in its back-off, nor of a busy volume. */
  next(nowMs: number, mayLeave: (job: Job) => boolean): Job | null {
    for (const job of this.waiting()) {
      if (job.notBeforeMs <= nowMs && !this.isBusy(job) && mayLeave(job)) return job;
    }
    return null;
  }

  /** Is something in hand that it must not run beside? */
  isBusy({ serialKeys }: Pick<Job, "serialKeys">): boolean {
    return serialKeys.some((key) => this.#busyKeys.has(key));
  }

  get waitingCount(): number {
    return this.#urgent.size + this.#waiting.size;
  }

  get empty(): boolean {
    return this.inHand.size === 0 && this.waitingCount === 0;
  }

  #laneOf(job: Job): Map<string, Job> {
    return isUrgent(job.operation.kind) ? this.#urgent : this.#waiting;
  }
}
