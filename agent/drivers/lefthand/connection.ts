import { join } from "node:path";
import type { LeftHandParameters } from "#shared/drivers/lefthand.ts";
import { Credentials } from "../../transport/credentials.ts";
import { createSshRunner, type SshRunner } from "../../transport/ssh/runner.ts";
import type { DriverTools } from "../tools.ts";
import { cliqQuoting } from "./cliq.ts";

const CLIQ_PORT = 16_022;
const DEFAULT_TRIES = 3;
/** Each command is a program of its own on the node. */
const DEFAULT_CALLS = 4;

export function cliqOverSsh(parameters: LeftHandParameters, tools: DriverTools): SshRunner {
  const { san_login, san_password, san_private_key } = parameters;
  const secret = async (reference: string | undefined) =>
    reference === undefined ? null : await tools.resolveSecret(reference);
  const credentials = new Credentials(async () => ({
    login: san_login,
    password: await secret(san_password),
    privateKey: await secret(san_private_key),
  }));
  return createSshRunner(
    {
      host: parameters.san_ip,
      port: parameters.san_ssh_port ?? CLIQ_PORT,
      credentials,
      hostKey: parameters.san_ssh_host_key ?? null,
      maxConcurrentCalls: parameters.max_concurrent_calls ?? DEFAULT_CALLS,
      tries: parameters.num_shell_tries ?? DEFAULT_TRIES,
      quoting: cliqQuoting,
      legacyAlgorithms: true,
    },
    join(tools.stateFolder, "ssh-host-keys"),
  );
}
