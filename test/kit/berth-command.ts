import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import type { Installation } from "./installation.ts";

const COMMAND = resolve(import.meta.dirname, "../../bin/berth");
const DEADLINE_MS = 30_000;

export interface Outcome {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** The `berth` command as a person starts it, talking to this installation. */
export function berthCommand(installation: Installation, ...argv: readonly string[]): Promise<Outcome> {
  return berthCommandWith({ BERTH_PROJECT: installation.client.project }, installation, ...argv);
}

/** With these settings in the person's environment. */
export function berthCommandWith(
  settings: Readonly<Record<string, string>>,
  { client, folder }: Installation,
  ...argv: readonly string[]
): Promise<Outcome> {
  return new Promise((done) => {
    const env = {
      PATH: process.env.PATH,
      BERTH_API_URL: client.url,
      XDG_CACHE_HOME: join(folder, "cache"),
      ...settings,
    };
    const child = execFile(COMMAND, [...argv], { timeout: DEADLINE_MS, env }, (_error, out, err) =>
      done({ exitCode: child.exitCode ?? -1, out, err }),
    );
  });
}
