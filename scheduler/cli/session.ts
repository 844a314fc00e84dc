import { Client } from "./client.ts";
import { Output } from "./output/output.ts";
import type { Terminal } from "./terminal.ts";

/** The options that every command has. */
export interface Everywhere {
  readonly json: boolean | undefined;
  readonly quiet: boolean | undefined;
  readonly project: string | undefined;
  readonly api: string | undefined;
  readonly "no-color": boolean | undefined;
}

/** What a command works with. */
export interface Session {
  readonly client: Client;
  readonly output: Output;
  readonly terminal: Terminal;
}

const DEFAULT_PORT = "8776";

export function createSession(options: Everywhere, terminal: Terminal): Session {
  const { env } = terminal;
  const port = env.BERTH_API_PORT || DEFAULT_PORT;
  const address = options.api ?? (env.BERTH_API_URL || `http://127.0.0.1:${port}`);
  return {
    client: new Client(address, options.project ?? (env.BERTH_PROJECT || "default")),
    output: new Output(
      terminal,
      options.json ? "json" : options.quiet ? "ids" : "people",
      options["no-color"] === true,
    ),
    terminal,
  };
}
