import { Bus, type BusOptions } from "#shared/bus.ts";
import { BerthError } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import type { Engine } from "../engine.ts";
import { AgentDesk } from "./agent-desk.ts";
import { followEffects } from "./effects.ts";
import { JobSender } from "./job-sender.ts";

/** What dispatch needs of the catalogue's keeper. */
export interface CatalogueNews {
  readonly revision: string;
  onChange(listener: () => void): void;
}

export interface DispatchOptions {
  readonly bus: BusOptions;
  readonly engine: Engine;
  readonly catalogue: CatalogueNews;
  readonly schedulerId: string;
  readonly heartbeatIntervalMs: number;
  readonly measureTimeoutMs: number;
  readonly log: Logger;
}

/**
 * The scheduler's side of NATS. Reading, and accepting work, need no nats-server: what was accepted before it could be
 * reached is in the ledger, and is sent when it can.
 */
export class Dispatch {
  readonly #options: DispatchOptions;
  #connected: { readonly bus: Bus; readonly sender: JobSender; readonly desk: AgentDesk } | null = null;

  constructor(options: DispatchOptions) {
    this.#options = options;
  }

  /** Waits for nats-server as long as it takes; then hears agents, and sends what is in hand. */
  async connect(): Promise<void> {
    const { engine, catalogue, schedulerId, heartbeatIntervalMs, log } = this.#options;
    const { state } = engine;
    const bus = await Bus.connect(this.#options.bus);
    const sender = new JobSender(bus, log, (job) => {
      const now = state.get("job", job.id);
      return now?.attempt === job.attempt && now.dispatched;
    });
    const desk = new AgentDesk({
      bus,
      engine,
      schedulerId,
      heartbeatIntervalMs,
      catalogueRevision: () => catalogue.revision,
    });
    this.#connected = { bus, sender, desk };
    followEffects(engine, sender, desk, log);
    desk.open();
    const greetZones = async (): Promise<void> => {
      const zones = state.catalogue.catalogue.zones.map((zone) => zone.name);
      await sender.prepare(zones);
      desk.nudge(zones);
    };
    await greetZones();
    catalogue.onChange(() => void greetZones());
    await engine.submit("resume", {});
  }

  /** Has an agent measure the backend now, and takes in its report. */
  async measure(backendId: number): Promise<void> {
    if (this.#connected === null) throw new BerthError("E_UNAVAILABLE", "nats-server cannot be reached yet");
    await this.#connected.desk.measure(backendId, this.#options.measureTimeoutMs);
  }

  /** Hears no more; what is decided from here on is sent at the next start. */
  async stopListening(): Promise<void> {
    await this.#connected?.desk.close();
    this.#connected?.sender.stop();
  }

  async close(): Promise<void> {
    await this.#connected?.bus.close();
  }
}
