import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { findProgram } from "#shared/die-with-parent.ts";
import { dataFiles } from "./data-folder.ts";
import { LOOPBACK, type Settings } from "./settings.ts";

/** Writes nats-server's configuration anew: it follows from the settings. */
export async function writeNatsConfig(settings: Settings): Promise<void> {
  const text = natsConfig(settings, await natsVersion());
  writeFileSync(dataFiles(settings.dataPath).natsConfig, text, { mode: 0o600 });
}

export function natsConfig(settings: Settings, version: string): string {
  // Older servers refuse to start with this setting. Without it they write to disk once a minute, which costs Berth
  // time after a power failure and no data, for the ledger is the truth.
  const sync = atLeast(version, 2, 10) ? "\n  sync_interval: always" : "";
  return `# Written by \`npm start\` at each start: changes made here do not last.
server_name: berth
listen: "${LOOPBACK}:${settings.ports.BERTH_NATS_PORT}"
logtime: false
jetstream {
  store_dir: ${JSON.stringify(dataFiles(settings.dataPath).natsStore)}${sync}
}
`;
}

/** "2.9.10", or "0" when it cannot be told. */
async function natsVersion(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(findProgram("nats-server") ?? "nats-server", ["--version"], {
      timeout: 5000,
    });
    return /v?(\d+(\.\d+)*)/.exec(stdout)?.[1] ?? "0";
  } catch {
    return "0";
  }
}

function atLeast(version: string, major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split(".").map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
