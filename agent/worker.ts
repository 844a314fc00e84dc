import type { Bus, Delivery, Served } from "#shared/bus.ts";
import { crashPoint } from "#shared/crash-point.ts";
import { fullMessage } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import { MOST_HELD_JOBS } from "#shared/protocol/heartbeat.ts";
import { type JobMessage, jobMessage } from "#shared/protocol/job.ts";
import { PROTOCOL_VERSION } from "#shared/protocol/message.ts";
import type { JobProgress as JobProgressMessage } from "#shared/protocol/progress.ts";
import type { JobResult } from "#shared/protocol/result.ts";
import { jobs } from "#shared/protocol/subjects.ts";
import type { Sealing } from "#shared/sealed.ts";
import { BackendNotServed, type Backends } from "./backends.ts";
import { Deadline, withinDeadline } from "./deadline.ts";
import {
  type CallContext,
  type Driver,
  DriverError,
  LeaseLost,
  type MemberUpdate,
  type ProgressStep,
} from "./drivers/driver.ts";
import { JobProgress } from "./job-progress.ts";
import { Lease, type PulseClock } from "./lease.ts";
import { doneOnceOnly, type Performed, perform } from "./operations.ts";
import type { SchedulerLink } from "./scheduler-link.ts";

/** A job that came so often without an end is not tried again by agents: the scheduler decides what becomes of it. */
const MAX_DELIVERIES = 5;
/** The queue is opened when its stream is there, and the scheduler makes that. */
const QUEUE_RETRY_MS = 500;
/** A job for a backend that this agent has not heard of yet: within this it has, or another agent takes the job. */
const NOT_SERVED_DELAY_MS = 500;
/** Shorter ones come and go between two heartbeats. */
const HELD_AFTER_MS = 2_000;
/** A job that lay in the queue for longer may be one that came again. */
const FRESH_MS = 500;

export interface WorkerOptions {
  readonly bus: Bus;
  readonly link: SchedulerLink;
  readonly backends: Backends;
  readonly sealingKey: Sealing;
  readonly clock: PulseClock;
  readonly agentId: string;
  readonly zone: string;
  readonly host: string;
  readonly ackWaitMs: number;
  readonly log: Logger;
  /** Something changed on this backend, by the commit that is known now. */
  readonly onWorked: (backendId: number) => void;
}

/**
 * Takes the zone's jobs, does each under a lease, and tells the result until it is committed; only then is the job
 * acknowledged. If this process dies at any point, the queue gives the job to another agent, and doing it again is safe.
 */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #inHand = new Map<Delivery<JobMessage>, InHand>();
  readonly #stopping = new AbortController();
  readonly #served: Served[] = [];
  readonly #leases = new Set<Lease>();

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  get jobsInHand(): number {
    return this.#inHand.size;
  }

  /** Ids of the jobs that are in hand for a while, the oldest first. */
  heldJobs(): string[] {
    const before = this.#options.clock.nowMs() - HELD_AFTER_MS;
    return [...this.#inHand]
      .filter(([, { sinceMs }]) => sinceMs <= before)
      .slice(0, MOST_HELD_JOBS)
      .map(([{ body }]) => body.jobId);
  }

  async start(): Promise<void> {
    const { bus, zone, host } = this.#options;
    bus.onDisconnect(() => {
      for (const lease of this.#leases) lease.doubt();
    });
    await Promise.all([
      this.#openQueue(jobs.consumer(null), `${jobs.anyAgent(zone)}.*`),
      this.#openQueue(jobs.consumer(host), `${jobs.ofHost(zone, host)}.*`),
    ]);
  }

  /** Takes no more; what is in hand may finish until `drainMs`, the rest goes back to the queue for another agent. */
  async stop(drainMs: number): Promise<void> {
    const stopped = Promise.all(this.#served.map((served) => served.stop()));
    const timer = setTimeout(() => this.#stopping.abort(new Error("the agent stops")), drainMs);
    await Promise.all([...this.#inHand.values()].map(({ work }) => work));
    clearTimeout(timer);
    await stopped;
  }

  async #openQueue(durable: string, filter: string): Promise<void> {
    const { bus, zone, ackWaitMs, log } = this.#options;
    while (!this.#stopping.signal.aborted) {
      try {
        const options = { stream: jobs.stream(zone), durable, filter, ackWaitMs };
        this.#served.push(await bus.queues.consume(options, jobMessage, (delivery) => this.#take(delivery)));
        return;
      } catch (error) {
        log.debug({ err: error }, "the job queue is not there yet");
        await new Promise((resolve) => setTimeout(resolve, QUEUE_RETRY_MS));
      }
    }
  }

  #take(delivery: Delivery<JobMessage>): void {
    const { log, clock } = this.#options;
    const { jobId } = delivery.body;
    const lease = this.#leaseOn(delivery);
    const earlier = [...this.#inHand].filter(([other]) => other.body.jobId === jobId).map(([, inHand]) => inHand);
    const work = this.#afterEarlier(earlier, delivery, lease)
      .catch((error) => log.error({ err: error, jobId }, "a job ended unforeseen"))
      .finally(() => this.#inHand.delete(delivery));
    this.#inHand.set(delivery, { work, lease, sinceMs: clock.nowMs() });
  }

  /** The queue gave it away, so it counts no longer as this agent's: that it came back here is chance. One at a time works on it. */
  async #afterEarlier(earlier: readonly InHand[], delivery: Delivery<JobMessage>, lease: Lease): Promise<void> {
    for (const { lease: lost } of earlier) lost.revoke();
    await Promise.all(earlier.map(({ work }) => work));
    await this.#work(delivery, lease);
  }

  #leaseOn(delivery: Delivery<JobMessage>): Lease {
    const { clock, ackWaitMs } = this.#options;
    return new Lease({
      ackWaitMs,
      heldSinceMs: clock.aliveSinceMs,
      nowMs: clock.nowMs,
      renew: (timeoutMs) => delivery.renew(timeoutMs),
    });
  }

  async #work(delivery: Delivery<JobMessage>, lease: Lease): Promise<void> {
    const { clock, link, onWorked } = this.#options;
    const job = delivery.body;
    const log = this.#options.log.child({ jobId: job.jobId, requestId: job.requestId, backendId: job.backendId });
    this.#leases.add(lease);
    crashPoint("job-taken");
    try {
      const startedMs = clock.nowMs();
      const awaited = await this.#isAwaited(delivery);
      if (awaited === "nobody-tells") {
        delivery.handBack(NOT_SERVED_DELAY_MS);
        return;
      }
      if (!awaited) {
        log.warn({ operation: job.operation.kind }, "a job that is over came again; it is not done");
        delivery.done();
        return;
      }
      const result = delivery.count > MAX_DELIVERIES ? givenUp(delivery.count) : await this.#attempt(job, lease, log);
      if ("handBackAfterMs" in result) {
        delivery.handBack(result.handBackAfterMs);
        return;
      }
      crashPoint("driver-done");
      const message = this.#resultMessage(job, result, clock.nowMs() - startedMs);
      log.debug(
        { operation: job.operation.kind, outcome: message.outcome, durationMs: message.durationMs },
        "job done",
      );
      if (!(await link.tellResult(message, () => lease.held))) return;
      crashPoint("result-committed");
      delivery.done();
      onWorked(job.backendId);
    } catch (error) {
      if (!(error instanceof LeaseLost)) throw error;
      log.warn("the lease on a job ran out; it is left to another agent");
    } finally {
      this.#leases.delete(lease);
      lease.release();
    }
  }

  /**
   * A job may come again when it is over: its acknowledgement was lost, or nats-server lost its place in the queue. Doing it
   * again is undone by the scheduler, if it can be undone; mostly the question spares that.
   */
  async #isAwaited({ body: job, count, queuedAtMs }: Delivery<JobMessage>): Promise<boolean | "nobody-tells"> {
    const onceOnly = doneOnceOnly(job.operation);
    const isFresh = count === 1 && Math.abs(Date.now() - queuedAtMs) < FRESH_MS;
    if (isFresh && !onceOnly) return true;
    try {
      return await this.#options.link.isAwaited(job);
    } catch {
      return onceOnly ? "nobody-tells" : true;
    }
  }

  async #attempt(job: JobMessage, lease: Lease, log: Logger): Promise<Attempt | HandedBack> {
    const { backends } = this.#options;
    const givenUp = new AbortController();
    const deadline = new Deadline(job.timeoutMs, [lease.lost, this.#stopping.signal, givenUp.signal]);
    const { signal } = deadline;
    const progress = new JobProgress({
      tell: (step) => this.#options.link.tellProgress(this.#progressMessage(job, step)),
      signal,
      onAdvance: () => deadline.startAnew(),
      onGivenUp: () => givenUp.abort(new Error("the scheduler has given this try up")),
    });
    const context: CallContext = { guard: lease, progress, signal, log };
    try {
      const { driver, gone } = await backends.onSide(job.backendId, job.side ?? null, signal);
      lease.assertHeld();
      const performed = await this.#perform(driver, gone, context, job);
      return { outcome: "done", performed };
    } catch (error) {
      if (error instanceof LeaseLost || lease.lost.aborted) throw new LeaseLost();
      if (this.#stopping.signal.aborted) return { handBackAfterMs: 0 };
      if (error instanceof BackendNotServed) return { handBackAfterMs: NOT_SERVED_DELAY_MS };
      log.warn({ err: error, operation: job.operation.kind }, "a job failed");
      return { outcome: error instanceof DriverError ? error.outcome : "unknown", error };
    } finally {
      progress.end();
      deadline.end();
    }
  }

  #progressMessage({ jobId, attempt }: JobMessage, step: ProgressStep): JobProgressMessage {
    return { version: PROTOCOL_VERSION, jobId, attempt, agentId: this.#options.agentId, ...step };
  }

  /** No longer than this side of the backend is ours to work on. */
  async #perform(driver: Driver, gone: AbortSignal, context: CallContext, job: JobMessage): Promise<Performed> {
    const signal = AbortSignal.any([context.signal, gone]);
    return await withinDeadline(
      perform(driver, { ...context, signal }, job.operation, {
        sealingKey: this.#options.sealingKey,
        driverOf: (backendId) => this.#options.backends.driver(backendId, signal),
      }),
      signal,
    );
  }

  #resultMessage(job: JobMessage, attempt: Attempt, durationMs: number): JobResult {
    const performed = attempt.outcome === "done" ? attempt.performed : null;
    const update = performed?.update;
    return {
      version: PROTOCOL_VERSION,
      jobId: job.jobId,
      attempt: job.attempt,
      agentId: this.#options.agentId,
      backendId: job.backendId,
      operation: job.operation,
      outcome: attempt.outcome,
      error: attempt.outcome === "done" ? null : errorOf(attempt.error),
      providerId: update?.providerId ?? null,
      properties: update?.properties === undefined ? null : { ...update.properties },
      ...(update?.dependsOnSource === undefined ? {} : { dependsOnSource: update.dependsOnSource }),
      ...(performed?.members === undefined ? {} : { objects: performed.members.map(memberResult) }),
      connectionInfo: performed?.connectionInfo ?? null,
      durationMs,
    };
  }
}

type Attempt =
  | { readonly outcome: "done"; readonly performed: Performed }
  | { readonly outcome: "not-done" | "no-space" | "unknown"; readonly error: unknown };

interface InHand {
  readonly work: Promise<void>;
  readonly lease: Lease;
  readonly sinceMs: number;
}

/** Not done here, and nothing to tell of it: another agent does it. */
interface HandedBack {
  readonly handBackAfterMs: number;
}

function memberResult({ snapshotId, providerId, properties }: MemberUpdate) {
  return {
    id: snapshotId,
    providerId: providerId ?? null,
    properties: properties === undefined ? null : { ...properties },
  };
}

function givenUp(deliveries: number): Attempt {
  const error = new DriverError("unknown", `the job came ${deliveries} times without an end`, { code: "E_TIMEOUT" });
  return { outcome: "unknown", error };
}

function errorOf(error: unknown): { code: string; message: string } {
  const code = error instanceof DriverError ? error.code : "E_BACKEND_FAILED";
  return { code, message: fullMessage(error).slice(0, 4000) };
}
