import type { Bus, PlaceInQueue } from "#shared/bus.ts";
import { crashPoint } from "#shared/crash-point.ts";
import type { Logger } from "#shared/log.ts";
import type { Job } from "#shared/model/job.ts";
import { type JobMessage, jobMessage } from "#shared/protocol/job.ts";
import { PROTOCOL_VERSION } from "#shared/protocol/message.ts";
import { jobs, subjects } from "#shared/protocol/subjects.ts";

const FIRST_DELAY_MS = 100;
const LAST_DELAY_MS = 2_000;

/** What was given out comes to another after one; a heartbeat tells of what is held a little later than it is. */
const ACK_WAITS_UNTIL_ABANDONED = 2;
const HEARTBEAT_MARGIN_MS = 5_000;

interface BusWithQueues extends Pick<Bus, "onReconnect"> {
  readonly queues: Pick<Bus["queues"], "ensure" | "forgetDeliveries" | "offer" | "place">;
}

export interface JobSenderOptions {
  readonly bus: BusWithQueues;
  readonly log: Logger;
  /** Is this attempt of the job still to be sent? */
  readonly isCurrent: (job: Job) => boolean;
  /** Has an agent of the zone it in hand? null: nobody can tell. */
  readonly isHeld: (job: Job) => boolean | null;
}

/**
 * Puts jobs into their zones' queues. A job is offered until the queue has it, or until it is over. The queue holds one
 * message a job: "already there" is what a resend mostly hears. Only a later attempt must get through, so it is offered
 * again until the agent that holds the earlier one is done with it.
 */
export class JobSender {
  readonly #bus: BusWithQueues;
  readonly #log: Logger;
  readonly #isCurrent: (job: Job) => boolean;
  readonly #sending = new Map<string, number>();
  readonly #zones = new Map<string, Promise<void>>();
  readonly #isHeld: (job: Job) => boolean | null;
  /** Jobs that the queue holds and seemed to have passed over when they were offered last. */
  readonly #passedOver = new Set<string>();
  /** Jobs that the queue gave out and no agent has, and since when that is known. */
  readonly #givenOut = new Map<string, { readonly job: Job; readonly sinceMs: number }>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #forget: () => void;
  #stopped = false;

  constructor({ bus, log, isCurrent, isHeld }: JobSenderOptions) {
    this.#bus = bus;
    this.#log = log;
    this.#isCurrent = isCurrent;
    this.#isHeld = isHeld;
    // Its store may have gone with the server: the queues are made again before the next job.
    this.#forget = bus.onReconnect(() => this.#zones.clear());
  }

  /** Makes the zones' queues, so that agents find them before the first job. One that cannot be made now is made later. */
  async prepare(zones: readonly string[]): Promise<void> {
    await Promise.all(
      zones.map((zone) =>
        this.#ensureQueue(zone).catch((error) => {
          this.#zones.delete(zone);
          this.#log.warn({ err: error, zone }, "the zone's job queue could not be made yet");
        }),
      ),
    );
  }

  send(job: Job): void {
    if (this.#sending.get(job.id) === job.attempt) return;
    this.#sending.set(job.id, job.attempt);
    void this.#offer(job, FIRST_DELAY_MS);
  }

  stop(): void {
    this.#stopped = true;
    this.#forget();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  async #offer(job: Job, delayMs: number): Promise<void> {
    try {
      await this.#ensureQueue(job.zone);
      const heard = await this.#bus.queues.offer(subjects.job(job.zone, job.host, job.id), jobMessage, messageFor(job));
      crashPoint("job-offered");
      if (heard === "already-there") await this.#lookForPassedOver(job);
      if (heard === "already-there" && job.attempt > 1) this.#again(job, delayMs);
      else this.#finished(job);
    } catch (error) {
      this.#log.warn({ err: error, jobId: job.id, zone: job.zone }, "a job could not be queued yet");
      // The stream itself may be gone with nats-server's store.
      this.#zones.delete(job.zone);
      this.#again(job, delayMs);
    }
  }

  /** Two looks, for what is just being acknowledged may look so once. */
  async #lookForPassedOver(job: Job): Promise<void> {
    const stream = jobs.stream(job.zone);
    const consumer = jobs.consumer(job.host);
    const place = await this.#bus.queues.place(stream, consumer, subjects.job(job.zone, job.host, job.id));
    const isLost = place.kind === "passed-over" ? this.#passedOver.has(job.id) : this.#isAbandoned(job, place);
    if (place.kind === "passed-over") this.#passedOver.add(job.id);
    else this.#passedOver.delete(job.id);
    if (!isLost) return;
    this.#log.warn(
      { jobId: job.id, zone: job.zone },
      "nats-server lost its place in the job queue: all jobs in it come again",
    );
    this.#passedOver.clear();
    this.#givenOut.clear();
    await this.#bus.queues.forgetDeliveries(stream, consumer);
  }

  /** It was given to somebody, nobody has it, and it is not given to anybody else though the time for that is long over. */
  #isAbandoned(job: Job, place: PlaceInQueue): boolean {
    if (place.kind !== "given-out" || this.#isHeld(job) !== false) {
      this.#givenOut.delete(job.id);
      return false;
    }
    const nowMs = performance.now();
    const sinceMs = this.#givenOut.get(job.id)?.sinceMs ?? nowMs;
    this.#givenOut.set(job.id, { job, sinceMs });
    for (const [id, other] of this.#givenOut) if (!this.#isCurrent(other.job)) this.#givenOut.delete(id);
    return nowMs - sinceMs > ACK_WAITS_UNTIL_ABANDONED * place.ackWaitMs + HEARTBEAT_MARGIN_MS;
  }

  #again(job: Job, delayMs: number): void {
    if (this.#stopped) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (this.#sending.get(job.id) === job.attempt && this.#isCurrent(job))
        void this.#offer(job, Math.min(delayMs * 2, LAST_DELAY_MS));
      else this.#finished(job);
    }, delayMs);
    this.#timers.add(timer);
  }

  #finished(job: Job): void {
    if (this.#sending.get(job.id) === job.attempt) this.#sending.delete(job.id);
    if (!this.#isCurrent(job)) this.#passedOver.delete(job.id);
  }

  #ensureQueue(zone: string): Promise<void> {
    let ready = this.#zones.get(zone);
    if (ready === undefined) {
      ready = this.#bus.queues.ensure(jobs.stream(zone), jobs.streamSubject(zone));
      this.#zones.set(zone, ready);
    }
    return ready;
  }
}

function messageFor(job: Job): JobMessage {
  return {
    version: PROTOCOL_VERSION,
    jobId: job.id,
    attempt: job.attempt,
    backendId: job.backendId,
    ...(job.side == null ? {} : { side: job.side }),
    operation: job.operation,
    timeoutMs: job.timeoutMs,
    requestId: job.requestId,
  };
}
