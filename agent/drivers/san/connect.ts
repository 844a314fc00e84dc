import {
  DEFAULT_CALLS_AT_ONCE,
  DEFAULT_TRIES,
  type SanHttpsParameters,
  type SanSshParameters,
} from "#shared/drivers/san.ts";
import { Credentials } from "../../transport/credentials.ts";
import type { HttpsClient } from "../../transport/https/client.ts";
import type { Quoting } from "../../transport/ssh/quote.ts";
import type { SshRunner } from "../../transport/ssh/runner.ts";
import { DriverError } from "../driver.ts";
import type { DriverTools } from "../tools.ts";

/** What the system has of its own; absent: a POSIX shell behind port 22. */
export interface SanShell {
  readonly defaultPort: number;
  readonly quoting?: Quoting;
}

/**
 * The command line of a SAN by its parameters. Nothing is connected yet.
 * @throws DriverError `not-done` when it has neither a password nor a key
 */
export function sanShell(parameters: SanSshParameters, tools: DriverTools, shell: SanShell): SshRunner {
  const { san_password: password = null, san_private_key: privateKey = null } = parameters;
  if (password === null && privateKey === null)
    throw new DriverError("not-done", "san_password or san_private_key is needed", { code: "E_CONFIG" });
  return tools.ssh({
    host: parameters.san_ip,
    port: parameters.san_ssh_port ?? shell.defaultPort,
    credentials: credentials(parameters.san_login, password, privateKey, tools),
    hostKey: parameters.san_ssh_host_key ?? null,
    maxConcurrentCalls: parameters.max_concurrent_calls ?? DEFAULT_CALLS_AT_ONCE,
    tries: parameters.num_shell_tries ?? DEFAULT_TRIES,
    legacyAlgorithms: parameters.san_ssh_legacy ?? false,
    ...(shell.quoting === undefined ? {} : { quoting: shell.quoting }),
  });
}

/** How a web service is logged in to: with each request, or by a call of its own (then the driver takes `sanLogin`). */
export interface SanService {
  readonly defaultPort: number;
  readonly login: "basic" | "own";
}

/** The web service of a SAN by its parameters. Nothing is connected yet. */
export function sanService(parameters: SanHttpsParameters, tools: DriverTools, service: SanService): HttpsClient {
  const { san_ip: host, san_api_port: port = service.defaultPort } = parameters;
  return tools.https({
    origin: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    trust: {
      caFile: parameters.san_ca_file ?? null,
      certificateFingerprint: parameters.san_certificate_fingerprint ?? null,
      verify: parameters.san_tls_verify ?? true,
    },
    basic: service.login === "basic" ? sanLogin(parameters, tools) : null,
    maxConcurrentCalls: parameters.max_concurrent_calls ?? DEFAULT_CALLS_AT_ONCE,
    tries: parameters.num_shell_tries ?? DEFAULT_TRIES,
  });
}

/** @throws DriverError `not-done` when it has no password */
export function sanLogin(parameters: SanHttpsParameters, tools: DriverTools): Credentials {
  const { san_password: password = null } = parameters;
  if (password === null) throw new DriverError("not-done", "san_password is needed", { code: "E_CONFIG" });
  return credentials(parameters.san_login, password, null, tools);
}

function credentials(login: string, password: string | null, privateKey: string | null, tools: DriverTools) {
  return new Credentials(async () => ({
    login,
    password: password === null ? null : await tools.resolveSecret(password),
    privateKey: privateKey === null ? null : await tools.resolveSecretText(privateKey),
  }));
}
