import type { Bus, Served } from "#shared/bus.ts";
import { BerthError } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import type { Backend, Zone } from "#shared/model/catalogue.ts";
import type { Side } from "#shared/model/replication.ts";
import { type Heartbeat, heartbeatCall, type OpenBackend } from "#shared/protocol/heartbeat.ts";
import { awaitedCall, type JobMessage } from "#shared/protocol/job.ts";
import { PROTOCOL_VERSION } from "#shared/protocol/message.ts";
import { type JobProgress, type JobProgressAnswer, progressCall } from "#shared/protocol/progress.ts";
import { type JobResult, resultCall } from "#shared/protocol/result.ts";
import { subjects } from "#shared/protocol/subjects.ts";
import {
  type BackendSide,
  backendsCall,
  type ExpectedExport,
  exportsCall,
  nudgeMessage,
} from "#shared/protocol/zone.ts";

const CALL_TIMEOUT_MS = 5_000;
const RESULT_RETRY_MS = 500;
const RESULT_RETRY_LAST_MS = 5_000;

export interface AgentIdentity {
  readonly agentId: string;
  readonly zone: string;
  readonly host: string;
  readonly program: string;
  readonly startedAtMs: number;
}

export interface LinkListeners {
  /** The zone's backends, at first and whenever the catalogue changed. */
  readonly onBackends: (
    backends: readonly Backend[],
    sides: readonly BackendSide[],
    settings: Zone["settings"],
  ) => void;
  /** A scheduler that knows nothing of this zone yet: it needs reports. */
  readonly onNewScheduler: () => void;
  readonly status: () => {
    readonly backends: readonly OpenBackend[];
    readonly jobsInHand: number;
    readonly heldJobs: string[];
  };
}

/** The agent's side of the talk with the scheduler: heartbeats, what they answer, and results. */
export class SchedulerLink {
  readonly #bus: Bus;
  readonly #identity: AgentIdentity;
  readonly #listeners: LinkListeners;
  readonly #log: Logger;
  #intervalMs: number;
  #timer: NodeJS.Timeout | null = null;
  #served: Served | null = null;
  #knownSeq = 0;
  #schedulerId: string | null = null;
  #revision: string | null = null;
  #refusal: string | null = null;
  #stopped = false;
  #beating = false;
  /** Whoever waits for an answer of the scheduler that is known, to be told when there is another. */
  readonly #waiting = new Set<() => void>();
  readonly #introduced = Promise.withResolvers<void>();

  constructor(bus: Bus, identity: AgentIdentity, listeners: LinkListeners, intervalMs: number, log: Logger) {
    this.#bus = bus;
    this.#identity = identity;
    this.#listeners = listeners;
    this.#intervalMs = intervalMs;
    this.#log = log;
  }

  /** The last commit that is known to be durable: what a measurement begun now will have seen. */
  get knownSeq(): number {
    return this.#knownSeq;
  }

  /** Resolves when a scheduler has accepted this agent and told it its backends for the first time. */
  get introduced(): Promise<void> {
    return this.#introduced.promise;
  }

  start(): void {
    this.#served = this.#bus.subscribe(subjects.nudge(this.#identity.zone), nudgeMessage, () => void this.beat());
    this.#bus.onReconnect(() => void this.beat());
    void this.beat();
  }

  async beat(): Promise<void> {
    if (this.#stopped || this.#beating) return;
    this.#beating = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    try {
      await this.#exchange();
    } catch (error) {
      if (error instanceof BerthError && error.code === "E_PROTOCOL") this.#tellRefusal(error.message);
      else this.#log.debug({ err: error }, "no scheduler answers the heartbeat");
    } finally {
      this.#beating = false;
      if (!this.#stopped) this.#timer = setTimeout(() => void this.beat(), this.#intervalMs);
    }
  }

  /** Beats once more as soon as the beat under way is over. */
  beatAgain(): void {
    setImmediate(() => void this.beat());
  }

  /** Says good-bye, so that the zone does not wait for three silent heartbeats. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#served?.stop();
    await this.#bus
      .request(subjects.heartbeat(this.#identity.zone), heartbeatCall, this.#heartbeat(true), 1_000)
      .catch(() => undefined);
  }

  /** Repeats a result until the scheduler has committed it, or `goOn` says that it is no longer ours to tell. */
  async tellResult(result: JobResult, goOn: () => boolean): Promise<boolean> {
    for (let delayMs = RESULT_RETRY_MS; goOn(); delayMs = Math.min(delayMs * 2, RESULT_RETRY_LAST_MS)) {
      try {
        const answer = await this.#askUnlessNew(result);
        // Whoever was asked is gone with the question.
        if (answer === "new-scheduler") continue;
        if (answer.committed) {
          this.#learnSeq(answer.ledgerSeq);
          return true;
        }
      } catch (error) {
        this.#log.debug({ err: error, jobId: result.jobId }, "the result is not committed yet");
      }
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
    return false;
  }

  async #askUnlessNew(result: JobResult) {
    const asked = this.#bus.request(subjects.result(this.#identity.zone), resultCall, result, CALL_TIMEOUT_MS);
    const { promise, resolve } = Promise.withResolvers<"new-scheduler">();
    const tell = (): void => resolve("new-scheduler");
    this.#waiting.add(tell);
    return await Promise.race([asked, promise]).finally(() => this.#waiting.delete(tell));
  }

  /** Says how far a job is, and hears whether to go on with it. */
  async tellProgress(progress: JobProgress): Promise<JobProgressAnswer> {
    const subject = subjects.progress(this.#identity.zone);
    return await this.#bus.request(subject, progressCall, progress, CALL_TIMEOUT_MS);
  }

  /** Does the scheduler await this attempt of the job? Throws when nobody answers. */
  async isAwaited({ jobId, attempt }: JobMessage): Promise<boolean> {
    const subject = subjects.awaited(this.#identity.zone);
    return (await this.#bus.request(subject, awaitedCall, { jobId, attempt }, CALL_TIMEOUT_MS)).awaited;
  }

  /** All exports that must stand on a backend. */
  async expectedExports(backendId: number, side: Side): Promise<ExpectedExport[]> {
    const all: ExpectedExport[] = [];
    for (let more = true, after = ""; more; after = all.at(-1)?.attachmentId ?? "") {
      const subject = subjects.exports(this.#identity.zone);
      const page = await this.#bus.request(subject, exportsCall, { backendId, after, side }, CALL_TIMEOUT_MS);
      all.push(...page.exports);
      more = page.more;
    }
    return all;
  }

  async #exchange(): Promise<void> {
    const { zone } = this.#identity;
    const answer = await this.#bus.request(
      subjects.heartbeat(zone),
      heartbeatCall,
      this.#heartbeat(false),
      // One that is lost must not be taken for three.
      Math.min(CALL_TIMEOUT_MS, this.#intervalMs),
    );
    this.#tellRefusal(answer.refusal);
    if (!answer.accepted) return;
    this.#intervalMs = answer.intervalMs;
    const isNew = answer.schedulerId !== this.#schedulerId;
    if (isNew) {
      // Another ledger may count from elsewhere (a restored backup): what was known of the old one is no longer true.
      this.#knownSeq = 0;
      this.#schedulerId = answer.schedulerId;
      this.#revision = null;
      this.#log.info({ schedulerId: answer.schedulerId }, "found the scheduler");
    }
    this.#learnSeq(answer.ledgerSeq);
    if (answer.catalogueRevision !== this.#revision) {
      const found = await this.#bus.request(subjects.backends(zone), backendsCall, { zone }, CALL_TIMEOUT_MS);
      this.#revision = found.catalogueRevision;
      this.#listeners.onBackends(found.backends, found.sides ?? [], found.settings);
    }
    if (isNew) {
      for (const tell of this.#waiting) tell();
      this.#listeners.onNewScheduler();
    }
    this.#introduced.resolve();
  }

  /** Logged once, however often it is heard. null: it is accepted. */
  #tellRefusal(refusal: string | null): void {
    if (refusal !== this.#refusal && refusal !== null) this.#log.error({ refusal }, "the scheduler refuses this agent");
    this.#refusal = refusal;
  }

  #learnSeq(seq: number): void {
    if (seq > this.#knownSeq) this.#knownSeq = seq;
  }

  #heartbeat(leaving: boolean): Heartbeat {
    return {
      version: PROTOCOL_VERSION,
      ...this.#identity,
      pid: process.pid,
      ...this.#listeners.status(),
      backends: [...this.#listeners.status().backends],
      leaving,
    };
  }
}
