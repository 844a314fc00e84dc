import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { ownUrl, type SchedulerConfig, schedulerConfig } from "#shared/config.ts";
import { KeyRing } from "#shared/key-ring.ts";
import { createLog, type Logger } from "#shared/log.ts";
import { runMain, stopOnSignals } from "#shared/signals.ts";
import { Front } from "./api/front.ts";
import { ServedCertificate } from "./api/served-certificate.ts";
import { CatalogueService } from "./catalogue/service.ts";
import { DEFAULT_CORE_SETTINGS } from "./core/settings.ts";
import { State } from "./core/state.ts";
import { EventLog } from "./event-log.ts";
import { openIdentities } from "./identity/open.ts";
import { Member } from "./leadership/member.ts";
import { LEDGER_FILE, openSqliteLedger } from "./ledger/sqlite.ts";
import { listen } from "./listen.ts";
import { Reign } from "./reign.ts";
import { openWriteLog } from "./write-log-file.ts";

const STOP_LIMIT_MS = 10_000;
const LEAVE_LIMIT_MS = 7_000;

await runMain(async () => {
  const config = schedulerConfig({ ...process.env, ...flags(process.argv.slice(2)) });
  const log = createLog("scheduler", config.logLevel);
  mkdirSync(config.dataFolder, { recursive: true, mode: 0o700 });
  await (config.ledger === "nats" ? runMember(config, log) : runAlone(config, log));
});

/** What is the same for every reign of this process: who may ask, and by which certificate they are answered. */
function openAccess(config: SchedulerConfig, log: Logger) {
  const { tlsCertFile: certFile, tlsKeyFile: keyFile, tlsCaFile } = config;
  const caFile = tlsCaFile === "" ? null : tlsCaFile;
  const tls = certFile === "" ? null : new ServedCertificate({ certFile, keyFile, caFile }, log);
  const identities = openIdentities(config, log);
  const close = async (): Promise<void> => {
    tls?.close();
    await identities.close();
  };
  return { tls, identities, writeLog: openWriteLog(config, log), close };
}

/** `--ledger nats` says the same as BERTH_LEDGER=nats. */
function flags(args: string[]): Record<string, string> {
  const { values } = parseArgs({ args, options: { ledger: { type: "string" } } });
  return values.ledger === undefined ? {} : { BERTH_LEDGER: values.ledger };
}

/** The only scheduler, with its records and catalogue in files. */
async function runAlone(config: SchedulerConfig, log: Logger): Promise<void> {
  const schedulerId = randomUUID();
  const sealingKey = KeyRing.open(config);
  const { tls, identities, writeLog, close } = openAccess(config, log);
  // First, for it is only read: of a newer Berth it ends the start before the ledger is made or brought up to date.
  const catalogue = await CatalogueService.open(config.catalogueFile, log);
  const ledger = await openSqliteLedger(join(config.dataFolder, LEDGER_FILE), {
    onUpgrade: (sentence) => log.info(sentence),
  });
  const { seq, changes } = await ledger.load();
  const state = new State({ ...DEFAULT_CORE_SETTINGS, ...config }, catalogue.current());
  state.load(changes);
  const onFailure = (): void => void setImmediate(() => process.exit(1));
  const reign = new Reign({
    config,
    log,
    schedulerId,
    sealingKey,
    identities,
    writeLog,
    tls,
    ledger,
    state,
    seq,
    events: await EventLog.open(ledger, config.eventsKept),
    catalogue,
    onFailure,
    shared: null,
  });
  stopOnSignals(log, STOP_LIMIT_MS, async () => {
    await reign.close();
    await ledger.close();
    await reign.disconnect();
    await close();
  });
  await listen(reign.api, config.apiHost, config.apiPort);
  log.info({ url: `${ownUrl(config)}/v3`, schedulerId }, "scheduler ready");
  await reign.connect();
}

/** One of several schedulers, which share records and catalogue on nats-server. */
async function runMember(config: SchedulerConfig, log: Logger): Promise<void> {
  const schedulerId = randomUUID();
  const { tls, identities, writeLog, close } = openAccess(config, log);
  const member = new Member({ config, schedulerId, sealingKey: KeyRing.open(config), identities, writeLog, log });
  const front = new Front({ schedulerId, standing: () => member.standing, tls, log });
  let running: Promise<void> = Promise.resolve();
  stopOnSignals(log, STOP_LIMIT_MS, async () => {
    member.stop();
    // Without nats-server nothing can be brought to an end; and nothing is lost by leaving it.
    await Promise.race([running.catch(() => undefined), pause(LEAVE_LIMIT_MS)]);
    await front.close();
    await close();
  });
  await listen(front, config.apiHost, config.apiPort);
  log.info({ url: `${ownUrl(config)}/v3`, schedulerId }, "scheduler ready");
  running = member.run();
  await running;
}
