import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Bus } from "#shared/bus.ts";
import type { SchedulerConfig } from "#shared/config.ts";
import { BerthError, type ErrorCode } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import { EMPTY_CATALOGUE } from "#shared/model/catalogue.ts";
import type { Sealing } from "#shared/sealed.ts";
import type { Standing } from "../api/front.ts";
import type { CatalogueService } from "../catalogue/service.ts";
import { CatalogueIndex } from "../core/catalogue-index.ts";
import { DEFAULT_CORE_SETTINGS } from "../core/settings.ts";
import { State } from "../core/state.ts";
import { EventLog } from "../event-log.ts";
import type { IdentitySource } from "../identity/identity.ts";
import { JetStreamLedger } from "../ledger/jetstream.ts";
import { busOptions, Reign } from "../reign.ts";
import { Lease } from "./lease.ts";
import { catalogueCell, leaseCell, openSharedCatalogue } from "./shared-cells.ts";

const AGAIN_MS = 500;

/** Nothing gets better by trying again: a person must see it. */
const FATAL: readonly ErrorCode[] = [
  "E_NEWER_DATA",
  "E_LEDGER_LOCKED",
  "E_LEDGER_MOVED",
  "E_CATALOGUE_INVALID",
  "E_CONFIG",
];

export interface MemberOptions {
  readonly config: SchedulerConfig;
  readonly schedulerId: string;
  readonly sealingKey: Sealing;
  readonly identities: IdentitySource;
  readonly writeLog: Logger | null;
  readonly log: Logger;
}

interface Leading {
  readonly bus: Bus;
  readonly ledger: JetStreamLedger;
  readonly state: State;
  readonly lease: Lease;
  readonly catalogue: CatalogueService;
  /** Resolves when the lease is lost, or at `over`. */
  readonly holding: Promise<void>;
  readonly over: AbortController;
}

/**
 * One of several schedulers. It follows the ledger with all its records in memory until it gets the lease; then it leads,
 * until another has it or the ledger refuses it. Then it forgets what it had in mind, and follows again from what is
 * durable, in the same process: nothing of a reign outlives it.
 */
export class Member {
  readonly #options: MemberOptions;
  readonly #stop = new AbortController();
  #reign: Reign | null = null;
  #lease: Lease | null = null;
  #ledger: JetStreamLedger | null = null;

  constructor(options: MemberOptions) {
    this.#options = options;
  }

  /** What the front goes by. */
  get standing(): Standing {
    const ledgerSeq = this.#ledger?.seq ?? 0;
    if (this.#reign !== null)
      return { role: "leader", api: this.#reign.api, isCurrent: this.#lease?.isCurrent ?? false, ledgerSeq };
    const leader = this.#lease?.leader ?? null;
    const leaderUrl = leader === null || leader.schedulerId === this.#options.schedulerId ? null : leader.apiUrl;
    return { role: "standby", leaderUrl, ledgerSeq };
  }

  /** Follows and leads by turns until `stop`. Throws what only a person can mend. */
  async run(): Promise<void> {
    const { config, log } = this.#options;
    const bus = await Bus.connect(busOptions(config, log));
    try {
      while (!this.#stop.signal.aborted) {
        try {
          await this.#turn(bus);
        } catch (error) {
          if (error instanceof BerthError && FATAL.includes(error.code)) throw error;
          log.error({ err: error }, "beginning again as a standby");
        }
        if (!this.#stop.signal.aborted) await pause(AGAIN_MS);
      }
    } finally {
      await bus.close();
    }
  }

  /** Resolves soon; `run` resolves when all is closed. A leader gives its lease back, so that another follows at once. */
  stop(): void {
    this.#stop.abort();
  }

  async #turn(bus: Bus): Promise<void> {
    const { config, schedulerId, log } = this.#options;
    const cells = [leaseCell(bus), catalogueCell(bus)] as const;
    // Both are of one stream.
    await cells[0].ensure();
    const [cell, shared] = cells;
    const holder = { schedulerId, apiUrl: config.advertiseUrl };
    const lease = new Lease({ cell, leaseMs: config.leaseMs, holder, log });
    const copyPath = join(config.dataFolder, "ledger-copy.sqlite");
    await using closing = new AsyncDisposableStack();
    const ledger = await JetStreamLedger.open({ bus, copyPath, schedulerId, log });
    closing.defer(() => ledger.close());
    this.#lease = lease;
    this.#ledger = ledger;

    const state = new State({ ...DEFAULT_CORE_SETTINGS, ...config }, EMPTY_CATALOGUE);
    state.load((await ledger.load()).changes);
    log.info({ seq: ledger.seq }, "standing by");
    const over = new AbortController();
    const held = await this.#follow(ledger, state, lease, over.signal);
    if (held === null) return;
    const { holding } = held;
    closing.defer(async () => {
      over.abort();
      await holding;
      await lease.release();
    });

    await ledger.lead((_seq, changes) => state.follow(changes));
    const catalogue = await openSharedCatalogue(shared, config.catalogueFile, log);
    state.catalogue = new CatalogueIndex(catalogue.current());
    await this.#lead({ bus, ledger, state, lease, catalogue, holding, over });
  }

  /**
   * Follows the ledger until the lease is got, which is then held from the first moment on, for taking over may take longer
   * than it lasts; null: `stop` came first. Throws when the ledger cannot be followed.
   */
  async #follow(
    ledger: JetStreamLedger,
    state: State,
    lease: Lease,
    over: AbortSignal,
  ): Promise<{ readonly holding: Promise<void> } | null> {
    const enough = new AbortController();
    const signal = AbortSignal.any([enough.signal, this.#stop.signal]);
    const following = ledger.follow((_seq, changes) => state.follow(changes), signal).finally(() => enough.abort());
    const acquired = await lease.acquire(signal).finally(() => enough.abort());
    const holding = acquired ? lease.hold(AbortSignal.any([over, this.#stop.signal])) : null;
    await following;
    return holding === null ? null : { holding };
  }

  /** Leads until the lease is lost, the ledger fails (which ends the holding) or `stop`. */
  async #lead({ bus, ledger, state, lease, catalogue, holding, over }: Leading): Promise<void> {
    const { config, log, sealingKey, identities, writeLog } = this.#options;
    const reign = new Reign({
      config,
      log,
      schedulerId: randomUUID(),
      sealingKey,
      identities,
      writeLog,
      tls: null,
      ledger,
      state,
      seq: ledger.seq,
      events: await EventLog.open(ledger, config.eventsKept),
      catalogue,
      onFailure: () => over.abort(),
      shared: {
        bus,
        guard: () => {
          if (!lease.isCurrent)
            throw new BerthError("E_NOT_LEADER", "this scheduler cannot tell whether it leads still");
        },
      },
    });
    await reign.api.ready();
    this.#reign = reign;
    log.info({ seq: ledger.seq, url: config.advertiseUrl }, "leading");
    const connecting = reign.connect().catch((error: unknown) => {
      if (!over.signal.aborted) log.error({ err: error }, "the agents' desk could not be opened");
      over.abort();
    });
    // Who asked this one while it was cut off would wait for an answer that another could give by now.
    const looking = setInterval(() => {
      if (lease.overdueMs < config.leaseMs) return;
      const why = "this scheduler cannot tell whether it leads still; what was asked for may have been done";
      reign.engine.sendAway(new BerthError("E_NOT_LEADER", why));
    }, config.leaseMs / 3);
    await holding;
    clearInterval(looking);
    const stopping = this.#stop.signal.aborted;
    log.warn({ seq: ledger.seq }, stopping ? "stopping to lead" : "not leading any more");
    this.#reign = null;
    over.abort();
    await reign.close().catch((error: unknown) => log.debug({ err: error }, "the reign ended with work under way"));
    await connecting;
    await reign.disconnect();
  }
}
