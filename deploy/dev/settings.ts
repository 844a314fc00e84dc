import { join, resolve } from "node:path";
import { BerthError } from "#shared/errors.ts";

/** The three ports, by the settings that change them. */
export const DEFAULT_PORTS = { BERTH_API_PORT: 8776, BERTH_NATS_PORT: 4222, BERTH_ISCSI_PORT: 3260 } as const;
export type PortSetting = keyof typeof DEFAULT_PORTS;

export const LOOPBACK = "127.0.0.1";

export interface Settings {
  /** The project's folder. */
  readonly root: string;
  /** Absolute; with `--fake` a folder inside BERTH_DATA, so that the two worlds never mix. */
  readonly dataPath: string;
  readonly fake: boolean;
  /** Simulated storage systems that run beside, by name. */
  readonly simulators: readonly string[];
  readonly ports: Readonly<Record<PortSetting, number>>;
  readonly logLevel: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the settings. Throws `E_CONFIG` with a sentence that names the wrong one. */
export function readSettings(
  environment: Environment,
  root: string,
  fake: boolean,
  simulators: readonly string[] = [],
): Settings {
  const base = resolve(root, environment.BERTH_DATA || ".berth");
  const ports = {
    BERTH_API_PORT: readPort(environment, "BERTH_API_PORT"),
    BERTH_NATS_PORT: readPort(environment, "BERTH_NATS_PORT"),
    BERTH_ISCSI_PORT: readPort(environment, "BERTH_ISCSI_PORT"),
  };
  if (new Set(Object.values(ports)).size < Object.keys(ports).length)
    throw new BerthError("E_CONFIG", `${Object.keys(ports).join(", ")} must be three different ports`);
  return {
    root,
    dataPath: fake ? join(base, "fake") : base,
    fake,
    simulators: [...new Set(simulators)],
    ports,
    logLevel: environment.BERTH_LOG_LEVEL || "info",
  };
}

function readPort(environment: Environment, name: PortSetting): number {
  const text = environment[name];
  if (text === undefined || text === "") return DEFAULT_PORTS[name];
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535)
    throw new BerthError("E_CONFIG", `${name} must be a port, 1 to 65535, not ${JSON.stringify(text)}`);
  return port;
}
