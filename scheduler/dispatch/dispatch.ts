import { Bus, type BusOptions } from "#shared/bus.ts";
import { BerthError } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import type { ForeignObject } from "#shared/model/foreign.ts";
import type { Listing } from "#shared/model/listing.ts";
import type { BackendAudit } from "../core/audit.ts";
import { AuditMemory, type AuditSummary } from "../core/audit-memory.ts";
import type { Engine } from "../engine.ts";
import { AgentDesk } from "./agent-desk.ts";
import { Auditor } from "./auditor.ts";
import { followEffects } from "./effects.ts";
import { EventPublisher, type PublishedEvents } from "./event-publisher.ts";
import { Foreigners } from "./foreigners.ts";
import { JobSender } from "./job-sender.ts";
import { SideLookout } from "./side-lookout.ts";
import { Sweeper } from "./sweeper.ts";

/** What dispatch needs of the catalogue's keeper. */
export interface CatalogueNews {
  readonly revision: string;
  onChange(listener: () => void): void;
}

export interface DispatchOptions {
  /** A connection that is there already, and stays; or how to make one of its own. */
  readonly bus: BusOptions | Bus;
  readonly engine: Engine;
  readonly catalogue: CatalogueNews;
  readonly schedulerId: string;
  readonly heartbeatIntervalMs: number;
  readonly measureTimeoutMs: number;
  readonly sweepIntervalMs: number;
  /** What nats-server keeps of events. */
  readonly keepEvents: { readonly maxAgeMs: number; readonly maxBytes: number };
  readonly log: Logger;
}

interface Connected {
  readonly bus: Bus;
  readonly sender: JobSender;
  readonly desk: AgentDesk;
  readonly auditor: Auditor;
  readonly foreigners: Foreigners;
  readonly sweeper: Sweeper;
  readonly publisher: EventPublisher;
}

/**
 * The scheduler's side of NATS. Reading, and accepting work, need no nats-server: what was accepted before it could be
 * reached is in the ledger, and is sent when it can.
 */
export class Dispatch {
  readonly #options: DispatchOptions;
  readonly #audits = new AuditMemory();
  #connected: Connected | null = null;

  constructor(options: DispatchOptions) {
    this.#options = options;
  }

  /** Waits for nats-server as long as it takes; then hears agents, and sends what is in hand. */
  async connect(): Promise<void> {
    const { engine, catalogue, schedulerId, heartbeatIntervalMs, measureTimeoutMs, sweepIntervalMs, log } =
      this.#options;
    const { state } = engine;
    const bus = this.#options.bus instanceof Bus ? this.#options.bus : await Bus.connect(this.#options.bus);
    const sender = new JobSender({
      bus,
      log,
      isCurrent: (job) => {
        const now = state.get("job", job.id);
        return now?.attempt === job.attempt && now.dispatched;
      },
      isHeld: ({ zone, id }) => state.fleet.holds(zone, id),
    });
    const desk = new AgentDesk({
      bus,
      engine,
      schedulerId,
      heartbeatIntervalMs,
      catalogueRevision: () => catalogue.revision,
    });
    const auditor = new Auditor(bus, engine, measureTimeoutMs, this.#audits);
    const foreigners = new Foreigners(bus, engine, measureTimeoutMs);
    const sweeper = new Sweeper({ engine, auditor, intervalMs: sweepIntervalMs, log });
    const publisher = new EventPublisher({ bus, events: engine.events, log, ...this.#options.keepEvents });
    this.#connected = { bus, sender, desk, auditor, foreigners, sweeper, publisher };
    const lookout = new SideLookout(engine, auditor, log);
    followEffects(engine, sender, desk, lookout, log);
    desk.open();
    publisher.start();
    const greetZones = async (): Promise<void> => {
      const zones = state.catalogue.catalogue.zones.map((zone) => zone.name);
      await sender.prepare(zones);
      desk.nudge(zones);
    };
    await greetZones();
    catalogue.onChange(() => void greetZones());
    await engine.submit("resume", {});
    sweeper.start();
  }

  /** Compares what stands on a backend with the ledger. Changes nothing. */
  async audit(backendId: number): Promise<BackendAudit> {
    return await this.#reached().auditor.audit(backendId);
  }

  /** What the last audit of each backend found. */
  lastAudits(): ReadonlyMap<number, AuditSummary> {
    return this.#audits.lastAudits(this.#options.engine.state.catalogue.catalogue.backends);
  }

  /** What stands on a backend, as one of its agents tells it. */
  async list(backendId: number): Promise<Listing> {
    return await this.#reached().auditor.list(backendId);
  }

  /** What others made there; see `StorageLooker`. */
  async foreign(backendId: number): Promise<readonly ForeignObject[]> {
    return await this.#reached().foreigners.list(backendId);
  }

  async foreignObject(backendId: number, reference: string): Promise<ForeignObject | null> {
    return await this.#reached().foreigners.find(backendId, reference);
  }

  /** Has an agent measure the backend now, and takes in its report. */
  async measure(backendId: number): Promise<void> {
    await this.#reached().desk.measure(backendId, this.#options.measureTimeoutMs);
  }

  /** What of the events is told on NATS since the start. */
  eventsPublished(): PublishedEvents {
    return this.#connected?.publisher.counts ?? { published: 0, missed: 0 };
  }

  /** Hears no more; what is decided from here on is sent at the next start. */
  async stopListening(): Promise<void> {
    this.#connected?.sweeper.stop();
    this.#connected?.publisher.stop();
    await this.#connected?.desk.close();
    this.#connected?.sender.stop();
  }

  async close(): Promise<void> {
    if (!(this.#options.bus instanceof Bus)) await this.#connected?.bus.close();
  }

  #reached(): Connected {
    if (this.#connected === null) throw new BerthError("E_UNAVAILABLE", "nats-server cannot be reached yet");
    return this.#connected;
  }
}
