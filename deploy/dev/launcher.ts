import { join } from "node:path";
import { asBerthError } from "#shared/errors.ts";
import { provideCatalogue } from "./catalogue.ts";
import { claimDataFolder, dataFiles, prepareDataFolder } from "./data-folder.ts";
import { LogFile } from "./log-file.ts";
import { launcherLine } from "./log-line.ts";
import { howToGoOn, logPlace, notHealthy, whatIsMissing } from "./messages.ts";
import { writeNatsConfig } from "./nats.ts";
import { assertPortsFree } from "./ports.ts";
import { DEV_AGENTS, devPrograms, type Program, simulatorProgram } from "./programs.ts";
import { isReady, waitUntilReady } from "./ready.ts";
import { LOOPBACK, type Settings } from "./settings.ts";
import { assertSimulators, introduce, parseReadyLine, type ReadyLine } from "./simulators.ts";
import type { ProcessObserver } from "./supervised-process.ts";
import { Supervisor } from "./supervisor.ts";

/** Where the backends on simulators are: one of the zones that the catalogue comes with. */
const SIMULATOR_ZONE = "north";
const READY_DEADLINE_MS = 60_000;
const BACKENDS_DEADLINE_MS = 10_000;
/** npm hands a Ctrl-C on, so the launcher gets it twice at once; a second one that a person sent comes later. */
const SECOND_SIGNAL_MS = 1000;
const END_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs everything until a signal or a failure; when it resolves, no process is left. Gives the exit code: 0 when it was
 * told to end. Throws a `BerthError` for what keeps it from starting.
 */
export async function runUntilEnded(settings: Settings, startedMs: number): Promise<number> {
  assertSimulators(settings.root, settings.simulators);
  prepareDataFolder(settings.dataPath);
  const claim = claimDataFolder(settings.dataPath);
  try {
    await assertPortsFree(settings);
    provideCatalogue(settings.dataPath, settings.fake);
    await writeNatsConfig(settings);
    return await supervise(settings, startedMs);
  } finally {
    claim.release();
  }
}

async function supervise(settings: Settings, startedMs: number): Promise<number> {
  const ended = Promise.withResolvers<number>();
  const ending = new AbortController();
  const simulators = new Map(settings.simulators.map((name) => [name, Promise.withResolvers<ReadyLine>()]));
  const supervisor = new Supervisor(
    devPrograms(settings),
    observer(
      settings,
      () => ended.resolve(1),
      (line) => simulators.get(line.name)?.resolve(line),
    ),
  );
  onSignal(
    () => ended.resolve(0),
    () => supervisor.kill(),
  );
  supervisor.start();
  const lines = [...simulators.values()].map(({ promise }) => promise);
  const ready = reportWhenReady(settings, startedMs, ending.signal, lines).then((failed) => {
    if (failed) ended.resolve(1);
  });
  const exitCode = await ended.promise;
  ending.abort();
  say("ending the agents, then the scheduler and the servers");
  await supervisor.end();
  await ready;
  say("all ended");
  return exitCode;
}

/** Resolves to true when it cannot go on: nothing of use has come up. */
async function reportWhenReady(
  settings: Settings,
  startedMs: number,
  signal: AbortSignal,
  simulators: readonly Promise<ReadyLine>[],
): Promise<boolean> {
  const expectation = {
    operatorUrl: `http://${LOOPBACK}:${settings.ports.BERTH_API_PORT}/berth/v1`,
    agentIds: DEV_AGENTS.map(({ id }) => id),
    deadlineMs: READY_DEADLINE_MS,
    backendsDeadlineMs: BACKENDS_DEADLINE_MS,
  };
  const missing = await waitUntilReady(expectation, signal);
  if (signal.aborted) return false;
  if (missing.scheduler) {
    say(`not ready after ${READY_DEADLINE_MS / 1000} s: ${whatIsMissing(missing)}; see ${logsOf(settings)}`);
    return true;
  }
  if (!isReady(missing)) say(notHealthy(missing));
  for (const simulator of simulators) await introduceWhenReady(expectation.operatorUrl, simulator, signal);
  if (signal.aborted) return false;
  process.stdout.write(`${howToGoOn(settings, performance.now() - startedMs)}\n`);
  return false;
}

/** A simulator that cannot be used must not end what can. */
async function introduceWhenReady(operatorUrl: string, ready: Promise<ReadyLine>, signal: AbortSignal): Promise<void> {
  const ended = new Promise<null>((resolve) => signal.addEventListener("abort", () => resolve(null), { once: true }));
  const line = await Promise.race([ready, ended]);
  if (line === null) return;
  try {
    await introduce(operatorUrl, SIMULATOR_ZONE, line);
    say(`the simulator ${line.name} is at ${line.address}; faults are switched at ${line.control}/faults`);
  } catch (error) {
    say(`the simulator ${line.name} runs at ${line.address}, and has no backend: ${asBerthError(error).message}`);
  }
}

function observer(settings: Settings, giveUp: () => void, simulatorReady: (line: ReadyLine) => void): ProcessObserver {
  const files = new Map<string, LogFile>();
  const fileOf = ({ name }: Program): LogFile => {
    const file = files.get(name) ?? new LogFile(join(dataFiles(settings.dataPath).logs, `${name}.log`));
    files.set(name, file);
    return file;
  };
  return {
    line(program, line) {
      fileOf(program).append(`${line}\n`);
      const ready = parseReadyLine(line);
      if (ready !== null && program.name === simulatorProgram(ready.name)) simulatorReady(ready);
      const shown = program.format(program.name, line);
      if (shown !== null) process.stdout.write(`${shown}\n`);
    },
    died(program, how, restartMs) {
      say(`${program.name} ended unexpectedly (${how}); it starts again in ${restartMs / 1000} s`);
    },
    gaveUp(program, how, lastLines) {
      const unseen = lastLines.filter((line) => program.format(program.name, line) === null);
      for (const line of unseen) say(`${program.name}: ${line}`);
      say(
        `${program.name} does not stay up (${how}): giving up; its log is ${logPlace(settings, fileOf(program).path)}`,
      );
      giveUp();
    },
  };
}

function onSignal(first: () => void, second: () => void): void {
  let firstMs: number | null = null;
  for (const signal of END_SIGNALS) {
    process.on(signal, () => {
      if (firstMs === null) {
        firstMs = performance.now();
        first();
      } else if (performance.now() - firstMs > SECOND_SIGNAL_MS) second();
    });
  }
}

function logsOf(settings: Settings): string {
  return logPlace(settings, dataFiles(settings.dataPath).logs);
}

function say(text: string): void {
  process.stdout.write(`${launcherLine(text)}\n`);
}
