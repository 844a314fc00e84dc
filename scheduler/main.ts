import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { natsCredentials, readSealingKey, type SchedulerConfig, schedulerConfig } from "#shared/config.ts";
import { BerthError } from "#shared/errors.ts";
import { createLog, type Logger } from "#shared/log.ts";
import { runMain, stopOnSignals } from "#shared/signals.ts";
import { BERTH_VERSION } from "#shared/version.ts";
import { createApi } from "./api/server.ts";
import { BackupMaker } from "./backup/make.ts";
import { CatalogueService } from "./catalogue/service.ts";
import { catalogueRefusals } from "./core/catalogue-use.ts";
import { DEFAULT_CORE_SETTINGS } from "./core/settings.ts";
import { State } from "./core/state.ts";
import { Dispatch } from "./dispatch/dispatch.ts";
import { Engine } from "./engine.ts";
import type { Ledger } from "./ledger/ledger.ts";
import { LEDGER_FILE, openSqliteLedger } from "./ledger/sqlite.ts";
import { listen } from "./listen.ts";

const STOP_LIMIT_MS = 10_000;

await runMain(async () => {
  const config = schedulerConfig(process.env);
  const log = createLog("scheduler", config.logLevel);
  const schedulerId = randomUUID();
  mkdirSync(config.dataFolder, { recursive: true, mode: 0o700 });
  const sealingKey = readSealingKey(config.secretKeyFile);
  // First, for it is only read: of a newer Berth it ends the start before the ledger is made or brought up to date.
  const catalogue = await CatalogueService.open(config.catalogueFile, log);
  const ledger = await openSqliteLedger(join(config.dataFolder, LEDGER_FILE), {
    onUpgrade: (sentence) => log.info(sentence),
  });
  const engine = await openEngine(config, ledger, catalogue, log);

  const dispatch = new Dispatch({
    bus: {
      url: config.natsUrl,
      name: "berth-scheduler",
      log,
      credentials: natsCredentials(config),
      replicas: config.natsReplicas,
    },
    engine,
    catalogue,
    schedulerId,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    measureTimeoutMs: config.connectTimeoutMs,
    sweepIntervalMs: config.sweepIntervalMs,
    log,
  });
  const backups = new BackupMaker({ dataFolder: config.dataFolder, ledger, catalogue });
  const api = await createApi({
    engine,
    catalogue,
    sealingKey,
    measureNow: (backendId) => dispatch.measure(backendId),
    makeBackup: () => backups.make(),
    storage: dispatch,
    log,
    settings: {
      connectTimeoutMs: config.connectTimeoutMs,
      publicUrl: config.publicUrl === "" ? null : config.publicUrl,
    },
    version: BERTH_VERSION,
    schedulerId,
  });
  const ticker = setInterval(() => {
    engine.submit("tick", {}).catch((error) => log.error({ err: error }, "a tick failed"));
  }, config.tickIntervalMs);
  stopOnSignals(log, STOP_LIMIT_MS, async () => {
    clearInterval(ticker);
    await api.close();
    await catalogue.close();
    await dispatch.stopListening();
    await engine.drained();
    await ledger.close();
    await dispatch.close();
  });
  await listen(api, config.apiHost, config.apiPort);
  log.info({ url: `http://${config.apiHost}:${config.apiPort}/v3`, schedulerId }, "scheduler ready");
  await dispatch.connect();
});

async function openEngine(
  config: SchedulerConfig,
  ledger: Ledger,
  catalogue: CatalogueService,
  log: Logger,
): Promise<Engine> {
  const loaded = await ledger.load();
  const state = new State({ ...DEFAULT_CORE_SETTINGS, ...config }, catalogue.current());
  state.load(loaded.changes);
  refuseUnfittingCatalogue(state, config.catalogueFile);
  const engine = new Engine(state, ledger, loaded.seq, log);
  engine.onFailure(() => setImmediate(() => process.exit(1)));
  catalogue.begin(async (next) => {
    await engine.submit("catalogue.changed", next);
  });
  log.info({ seq: loaded.seq, volumes: state.table("volume").size, version: BERTH_VERSION }, "ledger loaded");
  return engine;
}

/** A hand edit while nothing ran may have dropped what is in use: then nothing is started, for it could not be served. */
function refuseUnfittingCatalogue(state: State, file: string): void {
  const refusals = catalogueRefusals(state, state.catalogue.catalogue);
  if (refusals.length > 0)
    throw new BerthError("E_CATALOGUE_INVALID", `${file} drops what is in use: ${refusals.join("; ")}`);
}
