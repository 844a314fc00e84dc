import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Bus } from "#shared/bus.ts";
import { natsCredentials, readSealingKey, schedulerConfig } from "#shared/config.ts";
import { BerthError } from "#shared/errors.ts";
import { createLog } from "#shared/log.ts";
import { runMain, stopOnSignals } from "#shared/signals.ts";
import { BERTH_VERSION } from "#shared/version.ts";
import { createApi } from "./api/server.ts";
import { CatalogueService } from "./catalogue/service.ts";
import { catalogueRefusals } from "./core/catalogue-use.ts";
import { DEFAULT_CORE_SETTINGS } from "./core/settings.ts";
import { State } from "./core/state.ts";
import { AgentDesk } from "./dispatch/agent-desk.ts";
import { followEffects } from "./dispatch/effects.ts";
import { JobSender } from "./dispatch/job-sender.ts";
import { Engine } from "./engine.ts";
import { openSqliteLedger } from "./ledger/sqlite.ts";
import { listen } from "./listen.ts";

const STOP_LIMIT_MS = 10_000;

await runMain(null, async () => {
  const config = schedulerConfig(process.env);
  const log = createLog("scheduler", config.logLevel);
  const schedulerId = randomUUID();
  mkdirSync(config.dataFolder, { recursive: true, mode: 0o700 });
  const sealingKey = readSealingKey(config.secretKeyFile);

  const ledger = await openSqliteLedger(join(config.dataFolder, "ledger.sqlite"));
  const catalogue = await CatalogueService.open(config.catalogueFile, log);
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

  const bus = await Bus.connect({
    url: config.natsUrl,
    name: "berth-scheduler",
    log,
    credentials: natsCredentials(config),
    replicas: config.natsReplicas,
  });
  const sender = new JobSender(bus, log, (job) => {
    const now = state.get("job", job.id);
    return now?.attempt === job.attempt && now.dispatched;
  });
  const desk = new AgentDesk({
    bus,
    engine,
    schedulerId,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    catalogueRevision: () => catalogue.revision,
  });
  followEffects(engine, sender, desk, log);
  const api = await createApi({
    engine,
    catalogue,
    sealingKey,
    measureNow: (backendId) => desk.measure(backendId, config.connectTimeoutMs),
    log,
    settings: {
      connectTimeoutMs: config.connectTimeoutMs,
      publicUrl: config.publicUrl === "" ? null : config.publicUrl,
    },
    version: BERTH_VERSION,
    schedulerId,
  });

  desk.open();
  await sender.prepare(zoneNames(state));
  await engine.submit("resume", {});
  const zonesChanged = (): void => {
    const zones = zoneNames(state);
    void sender.prepare(zones).finally(() => desk.nudge(zones));
  };
  catalogue.onChange(zonesChanged);
  desk.nudge(zoneNames(state));
  const ticker = setInterval(() => {
    engine.submit("tick", {}).catch((error) => log.error({ err: error }, "a tick failed"));
  }, config.tickIntervalMs);
  stopOnSignals(log, STOP_LIMIT_MS, async () => {
    clearInterval(ticker);
    await api.close();
    await catalogue.close();
    await desk.close();
    sender.stop();
    await engine.drained();
    await ledger.close();
    await bus.close();
  });
  await listen(api, config.apiHost, config.apiPort);
  log.info({ url: `http://${config.apiHost}:${config.apiPort}/v3`, schedulerId }, "scheduler ready");
});

/** A hand edit while nothing ran may have dropped what is in use: then nothing is started, for it could not be served. */
function refuseUnfittingCatalogue(state: State, file: string): void {
  const refusals = catalogueRefusals(state, state.catalogue.catalogue);
  if (refusals.length > 0)
    throw new BerthError("E_CATALOGUE_INVALID", `${file} drops what is in use: ${refusals.join("; ")}`);
}

function zoneNames(state: State): string[] {
  return state.catalogue.catalogue.zones.map((zone) => zone.name);
}
