import type { Bus } from "#shared/bus.ts";
import { natsCredentials, type SchedulerConfig } from "#shared/config.ts";
import { BerthError } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import type { Sealing } from "#shared/sealed.ts";
import { BERTH_VERSION } from "#shared/version.ts";
import type { Api } from "./api/dependencies.ts";
import type { ServedCertificate } from "./api/served-certificate.ts";
import { createApi } from "./api/server.ts";
import { BackupMaker, type BackupSources } from "./backup/make.ts";
import type { CatalogueService } from "./catalogue/service.ts";
import { catalogueRefusals } from "./core/catalogue-use.ts";
import type { State } from "./core/state.ts";
import { Dispatch } from "./dispatch/dispatch.ts";
import { followEvacuations } from "./dispatch/evacuator.ts";
import { Engine } from "./engine.ts";
import type { EventLog } from "./event-log.ts";
import type { IdentitySource } from "./identity/identity.ts";
import type { Ledger } from "./ledger/ledger.ts";

export interface ReignOptions {
  readonly config: SchedulerConfig;
  readonly log: Logger;
  /** New for each reign: by it agents see that a scheduler began. */
  readonly schedulerId: string;
  readonly sealingKey: Sealing;
  readonly identities: IdentitySource;
  readonly writeLog: Logger | null;
  /** Of the API that listens by itself; null: plain HTTP, or a front listens. */
  readonly tls: ServedCertificate | null;
  readonly ledger: Pick<Ledger, "commit" | "readDetails"> & BackupSources["ledger"];
  /** As the ledger was at commit `seq`, with the catalogue in it. */
  readonly state: State;
  readonly seq: number;
  readonly events: EventLog;
  readonly catalogue: CatalogueService;
  /** The ledger did not take a commit: the reign is over. */
  readonly onFailure: (error: BerthError) => void;
  /**
   * For one of several schedulers: `guard` throws when it may not lead any more. It hears agents by the connection that it
   * leads by: one that leads nowhere must not look as if all agents were gone.
   */
  readonly shared: { readonly guard: () => void; readonly bus: Bus } | null;
}

/** How the parts of NATS are reached: by each reign anew. */
export function busOptions(config: SchedulerConfig, log: Logger): Parameters<typeof Bus.connect>[0] {
  return {
    url: config.natsUrl,
    name: "berth-scheduler",
    log,
    credentials: natsCredentials(config),
    replicas: config.natsReplicas,
  };
}

/** All that runs while a scheduler decides: the engine, its clock, the agents' desk, the API. */
export class Reign {
  readonly api: Api;
  readonly engine: Engine;
  readonly #dispatch: Dispatch;
  readonly #catalogue: CatalogueService;
  readonly #ticker: NodeJS.Timeout;

  constructor(options: ReignOptions) {
    const { config, log, schedulerId, sealingKey, ledger, state, seq, events, catalogue, onFailure, shared } = options;
    const { identities, writeLog, tls } = options;
    refuseUnfittingCatalogue(state, config.ledger === "nats" ? "the catalogue on nats-server" : config.catalogueFile);
    this.engine = new Engine(state, ledger, seq, log, { events, ...(shared === null ? {} : { guard: shared.guard }) });
    this.engine.onFailure(onFailure);
    this.#catalogue = catalogue;
    catalogue.begin(async (next) => {
      await this.engine.submit("catalogue.changed", next);
      // A catalogue is not in the ledger: a scheduler that was followed by another must not go on to change it.
      if (shared !== null) await this.engine.confirm();
    });
    this.#dispatch = new Dispatch({
      bus: shared?.bus ?? busOptions(config, log),
      engine: this.engine,
      catalogue,
      schedulerId,
      heartbeatIntervalMs: config.heartbeatIntervalMs,
      measureTimeoutMs: config.connectTimeoutMs,
      sweepIntervalMs: config.sweepIntervalMs,
      keepEvents: { maxAgeMs: config.eventsMaxAgeMs, maxBytes: config.eventsMaxBytes },
      log,
    });
    const backups = new BackupMaker({ dataFolder: config.dataFolder, ledger, catalogue });
    followEvacuations(this.engine, sealingKey, log);
    this.api = createApi({
      engine: this.engine,
      catalogue,
      sealingKey,
      identities,
      writeLog,
      tls,
      measureNow: (backendId) => this.#dispatch.measure(backendId),
      storage: this.#dispatch,
      eventsPublished: () => this.#dispatch.eventsPublished(),
      makeBackup: () => backups.make(),
      log,
      settings: {
        connectTimeoutMs: config.connectTimeoutMs,
        publicUrl: config.publicUrl === "" ? null : config.publicUrl,
        leaderUrl: shared === null ? null : config.advertiseUrl,
        ratePerS: config.ratePerS,
        rateBurst: config.rateBurst,
        metricsAccess: config.metricsAccess,
      },
      version: BERTH_VERSION,
      schedulerId,
    });
    this.#ticker = setInterval(() => {
      this.engine.submit("tick", {}).catch((error: unknown) => {
        if (!(error instanceof BerthError && error.code === "E_NOT_LEADER")) log.error({ err: error }, "a tick failed");
      });
    }, config.tickIntervalMs);
    log.info({ seq, volumes: state.table("volume").size, version: BERTH_VERSION }, "ledger loaded");
  }

  /** Hears agents and sends jobs, as soon as nats-server can be reached. */
  async connect(): Promise<void> {
    await this.#dispatch.connect();
  }

  /** Answers what is under way, and lets nothing go that is not durable. A ledger that failed takes nothing any more. */
  async close(): Promise<void> {
    clearInterval(this.#ticker);
    await this.api.close();
    await this.#catalogue.close();
    await this.#dispatch.stopListening();
    await this.engine.drained();
  }

  /** After `close`, and after the ledger is closed: what was sent last must get out. */
  async disconnect(): Promise<void> {
    await this.#dispatch.close();
  }
}

/** A hand edit while nothing ran may have dropped what is in use: then nothing is started, for it could not be served. */
function refuseUnfittingCatalogue(state: State, place: string): void {
  const refusals = catalogueRefusals(state, state.catalogue.catalogue);
  if (refusals.length > 0)
    throw new BerthError("E_CATALOGUE_INVALID", `${place} drops what is in use: ${refusals.join("; ")}`);
}
