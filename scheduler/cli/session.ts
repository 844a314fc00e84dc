import { Client } from "./client.ts";
import { credentialsOf, trustAuthorities } from "./credentials.ts";
import { Output } from "./output/output.ts";
import type { Terminal } from "./terminal.ts";

/** The options that every command has. */
export interface Everywhere {
  readonly json: boolean | undefined;
  readonly quiet: boolean | undefined;
  readonly project: string | undefined;
  readonly api: string | undefined;
  readonly token: string | undefined;
  readonly "no-color": boolean | undefined;
}

/** What a command works with. */
export interface Session {
  readonly client: Client;
  readonly output: Output;
  readonly terminal: Terminal;
}

const DEFAULT_PORT = "8776";
const DEFAULT_PROJECT = "default";

export function createSession(options: Everywhere, terminal: Terminal): Session {
  const { env } = terminal;
  const port = env.BERTH_API_PORT || DEFAULT_PORT;
  const address = options.api ?? (env.BERTH_API_URL || `http://127.0.0.1:${port}`);
  const credentials = credentialsOf(options.token, env);
  // A token says itself which project it is for.
  const project = options.project ?? (env.BERTH_PROJECT || (credentials === null ? DEFAULT_PROJECT : null));
  return {
    client: new Client(address, project, credentials, () => trustAuthorities(env)),
    output: new Output(
      terminal,
      options.json ? "json" : options.quiet ? "ids" : "people",
      options["no-color"] === true,
    ),
    terminal,
  };
}
