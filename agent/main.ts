import { Bus } from "#shared/bus.ts";
import { agentConfig, natsCredentials } from "#shared/config.ts";
import { KeyRing } from "#shared/key-ring.ts";
import { createLog } from "#shared/log.ts";
import { runMain, stopOnSignals } from "#shared/signals.ts";
import { BERTH_VERSION } from "#shared/version.ts";
import { Backends } from "./backends.ts";
import { CallShares } from "./call-shares.ts";
import type { DriverTools } from "./drivers/tools.ts";
import { tgtSocketPath } from "./export/tgt/management.ts";
import { TgtExport } from "./export/tgt.ts";
import { ExportKeeper } from "./export-keeper.ts";
import { PulseClock } from "./lease.ts";
import { ListDesk } from "./list-desk.ts";
import { Reporter } from "./reporter.ts";
import { SchedulerLink } from "./scheduler-link.ts";
import { resolveSecret, resolveSecretText } from "./secrets.ts";
import { createCommandRunner } from "./transport/command.ts";
import { remoteTransports } from "./transport/remote.ts";
import { Worker } from "./worker.ts";

const PULSE_INTERVAL_MS = 100;
/** Beside the jobs' own time to drain: saying good-bye, closing backends and connections. */
const LEAVE_MS = 5_000;

await runMain(async () => {
  const config = agentConfig(process.env);
  const { agentId, zone, host } = config;
  const log = createLog("agent", config.logLevel, { agentId, zone });
  const sealingKey = KeyRing.open(config);
  const clock = new PulseClock(PULSE_INTERVAL_MS);
  const bus = await Bus.connect({
    url: config.natsUrl,
    name: `berth-agent ${agentId}`,
    log,
    credentials: natsCredentials(config),
    replicas: 1,
  });

  const shares = new CallShares({
    bus,
    agentId,
    zone,
    intervalMs: config.heartbeatIntervalMs,
    nowMs: () => performance.now(),
    log,
  });
  const tools: DriverTools = {
    command: createCommandRunner(),
    ...remoteTransports(config.dataFolder, shares),
    iscsi:
      config.iscsiPortal === ""
        ? null
        : new TgtExport({ socketPath: tgtSocketPath(config.tgtControlPort), portals: config.iscsiPortal.split(",") }),
    resolveSecret,
    resolveSecretText,
    stateFolder: config.dataFolder,
    log,
  };
  const backends = new Backends({
    host,
    tools,
    openTimeoutMs: config.openTimeoutMs,
    log,
    onOpen: (backend) => {
      reporter.opened(backend);
      exports.look();
      void link.beat();
    },
    onFailed: (backend, code, message) => {
      reporter.failed(backend, code, message);
      void link.beat();
    },
    onClosed: (backendId) => reporter.closed(backendId),
  });
  const link = new SchedulerLink(
    bus,
    { agentId, zone, host, program: `berth ${BERTH_VERSION}`, startedAtMs: Date.now() },
    {
      onBackends: (found, sides, settings) => {
        backends.follow(found, sides, settings);
        // Who waits for a side to be left need not wait for the next beat.
        if (sides.length > 0) link.beatAgain();
      },
      onNewScheduler: () => reporter.reportAll(),
      status: () => ({ backends: backends.status(), jobsInHand: worker.jobsInHand, heldJobs: worker.heldJobs() }),
    },
    config.heartbeatIntervalMs,
    log,
  );
  const reporter = new Reporter({
    bus,
    backends,
    knownSeq: () => link.knownSeq,
    agentId,
    zone,
    host,
    intervalMs: config.reportIntervalMs,
    afterWorkMs: config.reportAfterWorkMs,
    measureTimeoutMs: config.measureTimeoutMs,
    log,
  });
  const lists = new ListDesk({ bus, backends, zone, host, timeoutMs: config.measureTimeoutMs, log });
  const worker = new Worker({
    bus,
    link,
    backends,
    sealingKey,
    clock,
    agentId,
    zone,
    host,
    ackWaitMs: config.ackWaitMs,
    log,
    onWorked: (backendId) => reporter.worked(backendId),
  });
  const exports = new ExportKeeper({
    backends,
    expectedExports: (backendId, side) => link.expectedExports(backendId, side),
    sealingKey,
    intervalMs: config.exportLookMs,
    timeoutMs: config.openTimeoutMs,
    log,
  });

  stopOnSignals(log, config.drainMs + LEAVE_MS, async () => {
    await worker.stop(config.drainMs);
    await Promise.all([reporter.stop(), lists.stop(), exports.stop()]);
    await link.stop();
    await backends.close();
    await shares.stop();
    clock.stop();
    await bus.close();
  });
  log.info({ host, version: BERTH_VERSION }, "agent started");
  shares.start();
  reporter.start();
  lists.start();
  link.start();
  // Jobs are taken only by who knows the zone's backends.
  await link.introduced;
  await worker.start();
});
