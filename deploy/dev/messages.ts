import { join, relative } from "node:path";
import { styleText } from "node:util";
import type { Missing } from "./ready.ts";
import { DEFAULT_PORTS, LOOPBACK, type Settings } from "./settings.ts";

/** How to go on, once all is up. */
export function howToGoOn(settings: Settings, startedInMs: number): string {
  const berth = `${environmentPrefix(settings)}bin/berth`;
  const commands = [
    `${berth} volume create --flavor gold --size 1 --zone north --name first --wait`,
    `${berth} volume explain first`,
    ...settings.simulators.map((name) => `${berth} volume create --flavor ${name} --size 1 --zone north --wait`),
    `${berth} volume list`,
  ];
  return [
    "",
    `${styleText("green", "Berth is ready")} after ${(startedInMs / 1000).toFixed(1)} s: zones north and south, two agents each${settings.fake ? ", fake backends" : ""}.`,
    "Try, in another terminal in this folder:",
    "",
    ...commands.map((command) => `    ${styleText("bold", command)}`),
    "",
    `API:   http://${LOOPBACK}:${settings.ports.BERTH_API_PORT}/v3 (OpenStack), http://${LOOPBACK}:${settings.ports.BERTH_API_PORT} (EC2; ${berth} ec2-key create makes a key)`,
    `Data:  ${settings.dataPath} (catalogue.json, logs)`,
    "Ctrl-C ends everything; what was made is there again at the next start.",
    "",
  ].join("\n");
}

/** The command line asks the API at the usual port unless it is told another. */
function environmentPrefix(settings: Settings): string {
  const port = settings.ports.BERTH_API_PORT;
  return port === DEFAULT_PORTS.BERTH_API_PORT ? "" : `BERTH_API_PORT=${port} `;
}

export function notHealthy(missing: Missing): string {
  return `not everything is healthy: ${whatIsMissing(missing)}; see 'bin/berth agent list' and 'bin/berth backend list'`;
}

export function whatIsMissing(missing: Missing): string {
  if (missing.scheduler) return "the scheduler does not answer";
  const parts = [
    ...missing.agents.map((id) => `agent ${id} is not up`),
    ...missing.backends.map((name) => `backend ${name} is not up`),
  ];
  return parts.join(", ");
}

export function logPlace(settings: Settings, logPath: string): string {
  return relative(settings.root, logPath).startsWith("..") ? logPath : join(relative(settings.root, logPath));
}
