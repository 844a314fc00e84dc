import { join } from "node:path";
import { type CommandLine, findProgram } from "#shared/die-with-parent.ts";
import { BerthError } from "#shared/errors.ts";
import { dataFiles } from "./data-folder.ts";
import { type LogFormat, natsFormat, pinoFormat, quiet } from "./log-line.ts";
import { LOOPBACK, type Settings } from "./settings.ts";
import { tgtdControlPort, tgtSocketEnvironment } from "./tgtd.ts";

/** The zones of the catalogue that comes with Berth, and how many agents each gets. */
export const DEV_AGENTS = ["north-1", "north-2", "south-1", "south-2"].map((id) => ({
  id,
  zone: id.slice(0, id.lastIndexOf("-")),
}));

/** One process to keep running, and how to end it. */
export interface Program {
  readonly name: string;
  readonly line: CommandLine;
  readonly environment: Readonly<Record<string, string>>;
  /** Programs end stage by stage, the lowest first: who needs something goes before what is needed. */
  readonly endStage: number;
  readonly endSignal: NodeJS.Signals;
  /** After so long it is killed. */
  readonly endDeadlineMs: number;
  /** What of its output people see; all of it is in its log file. */
  readonly format: LogFormat;
}

export function devPrograms(settings: Settings): Program[] {
  const programs = [
    natsServer(settings),
    scheduler(settings),
    ...DEV_AGENTS.map(({ id, zone }) => agent(settings, id, zone)),
    ...settings.simulators.map((name) => simulator(settings, name)),
  ];
  return settings.fake ? programs : [...programs, tgtd(settings)];
}

function natsServer(settings: Settings): Program {
  return {
    name: "nats-server",
    line: { command: installed("nats-server"), args: ["--config", dataFiles(settings.dataPath).natsConfig] },
    environment: {},
    endStage: 4,
    endSignal: "SIGTERM",
    endDeadlineMs: 5000,
    format: natsFormat,
  };
}

function tgtd(settings: Settings): Program {
  const iscsi = settings.ports.BERTH_ISCSI_PORT;
  const control = ["-C", String(tgtdControlPort(iscsi))];
  return {
    name: "tgtd",
    // One thread for each LUN in place of sixteen.
    line: { command: installed("tgtd"), args: ["-f", ...control, "-t", "1", "--iscsi", `portal=${LOOPBACK}:${iscsi}`] },
    environment: tgtSocketEnvironment(settings.dataPath),
    endStage: 3,
    // It ignores SIGTERM as long as it has targets, and keeps nothing that could be lost.
    endSignal: "SIGKILL",
    endDeadlineMs: 5000,
    format: quiet,
  };
}

function scheduler(settings: Settings): Program {
  return {
    name: "scheduler",
    line: typescript(settings, "scheduler/main.ts"),
    environment: {
      ...shared(settings),
      BERTH_API_HOST: LOOPBACK,
      BERTH_API_PORT: String(settings.ports.BERTH_API_PORT),
      BERTH_CATALOGUE: dataFiles(settings.dataPath).catalogue,
    },
    endStage: 2,
    endSignal: "SIGTERM",
    endDeadlineMs: 12_000,
    format: pinoFormat,
  };
}

function agent(settings: Settings, id: string, zone: string): Program {
  const iscsi = settings.ports.BERTH_ISCSI_PORT;
  const target = settings.fake
    ? {}
    : {
        BERTH_ISCSI_PORTAL: `${LOOPBACK}:${iscsi}`,
        BERTH_TGT_CONTROL_PORT: String(tgtdControlPort(iscsi)),
        ...tgtSocketEnvironment(settings.dataPath),
      };
  return {
    name: id,
    line: typescript(settings, "agent/main.ts"),
    environment: {
      ...shared(settings),
      ...target,
      BERTH_ZONE: zone,
      BERTH_AGENT_ID: id,
    },
    endStage: 1,
    endSignal: "SIGTERM",
    // An agent finishes the jobs in hand, or hands them back.
    endDeadlineMs: 20_000,
    format: pinoFormat,
  };
}

function simulator(settings: Settings, name: string): Program {
  const data = join(dataFiles(settings.dataPath).simulators, name);
  return {
    name: simulatorProgram(name),
    line: typescript(settings, "test/simulators/main.ts", [name, "--data", data]),
    environment: {},
    endStage: 3,
    endSignal: "SIGTERM",
    endDeadlineMs: 10_000,
    format: quiet,
  };
}

export function simulatorProgram(name: string): string {
  return `simulator-${name}`;
}

function shared(settings: Settings): Record<string, string> {
  return {
    BERTH_NATS_URL: `nats://${LOOPBACK}:${settings.ports.BERTH_NATS_PORT}`,
    BERTH_DATA: settings.dataPath,
    BERTH_SECRET_KEY_FILE: dataFiles(settings.dataPath).secretKey,
    BERTH_LOG_LEVEL: settings.logLevel,
  };
}

function typescript(settings: Settings, file: string, args: readonly string[] = []): CommandLine {
  return { command: process.execPath, args: [join(settings.root, file), ...args] };
}

function installed(name: string): string {
  const file = findProgram(name);
  if (file === null) throw new BerthError("E_MISSING_TOOL", `${name} is not installed`);
  return file;
}
