import type { Secret } from "#shared/secret.ts";
import type { CallContext } from "../../drivers/driver.ts";
import { CallLimit, WHOLE_SHARE } from "../call-limit.ts";
import { assertMayChange, assertNotAborted } from "../changing.ts";
import { Circuit } from "../circuit.ts";
import { CommandFailed } from "../command.ts";
import type { Credentials } from "../credentials.ts";
import { withTries } from "../tries.ts";
import type { SshOutput } from "./connection.ts";
import { hostKeys } from "./host-keys.ts";
import { SshPool } from "./pool.ts";
import { type Argument, commandLine, posixQuoting, printableLine, type Quoting } from "./quote.ts";

const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_MAX_OUTPUT_BYTES = 4 * 1024 ** 2;
const DEFAULT_CONNECT_TIMEOUT_MS = 15_000;

/** Where a system's command line is, and how it is spoken to. */
export interface SshSetting {
  readonly host: string;
  readonly port: number;
  readonly credentials: Credentials;
  /** `SHA256:…` or a whole public key; null: the first that is seen is kept. */
  readonly hostKey: string | null;
  /** Of all agents of the zone. */
  readonly maxConcurrentCalls: number;
  /** How often what is safe to repeat is tried (`num_shell_tries`). */
  readonly tries: number;
  /** Default: a POSIX shell. */
  readonly quoting?: Quoting;
  readonly legacyAlgorithms?: boolean;
  readonly connectTimeoutMs?: number;
}

export interface SshOptions {
  /** Does it change anything? Then the job's lease is checked right before it is sent. */
  readonly changes: boolean;
  /** May it be done twice? Default: if it changes nothing. */
  readonly safeToRepeat?: boolean;
  /** Default 60 s. The job's own deadline ends it as well. */
  readonly timeoutMs?: number;
  /** Of each stream, default 4 MiB. */
  readonly maxOutputBytes?: number;
  /** Exit codes that are answers and not failures; default only 0. "all": none at all, too. */
  readonly answers?: readonly number[] | "all";
  /** Goes to its standard input: for secrets, where the system has a list of processes. */
  readonly input?: string | Secret;
}

/** The command line of one storage system. Whoever opens it closes it. */
export interface SshRunner {
  /**
   * @throws CommandFailed when the system ended it with a code that is no answer
   * @throws Unreachable, NotAdmitted: it was not started. AnswerLost: nobody knows
   * @throws DriverError `unknown` when the call was aborted
   * @throws LeaseLost when it would change something and the lease is gone
   */
  run(context: CallContext, args: readonly Argument[], options: SshOptions): Promise<SshOutput>;
  close(): void;
}

export function createSshRunner(setting: SshSetting, hostKeyFolder: string, share = WHOLE_SHARE): SshRunner {
  const { host, port, credentials, maxConcurrentCalls, tries, quoting = posixQuoting } = setting;
  const limit = new CallLimit(maxConcurrentCalls, share);
  const circuit = new Circuit(`${host}:${port}`);
  const place = {
    host,
    port,
    hostKeys: hostKeys(setting.hostKey, hostKeyFolder),
    connectTimeoutMs: setting.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
    legacyAlgorithms: setting.legacyAlgorithms ?? false,
  };
  const pool = new SshPool(place, credentials);

  const once = async (context: CallContext, line: string, options: SshOptions): Promise<SshOutput> => {
    assertNotAborted(context);
    const { signal } = context;
    return await pool.use(signal, async (connection) => {
      if (options.changes) assertMayChange(context);
      return await connection.run({
        line,
        input: options.input ?? null,
        timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        maxOutputBytes: options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES,
        signal,
      });
    });
  };

  return {
    async run(context, args, options) {
      const line = commandLine(args, quoting);
      const safe = options.safeToRepeat ?? !options.changes;
      const startedMs = performance.now();
      const output = await withTries(context, { tries, safe }, () =>
        limit.run(context.signal, () => circuit.run(() => once(context, line, options))),
      );
      const durationMs = Math.round(performance.now() - startedMs);
      const { exitCode } = output;
      context.log.debug({ host, command: printableLine(args), exitCode, durationMs }, "command over SSH ended");
      const answers = options.answers ?? [0];
      if (answers === "all" || (exitCode !== null && answers.includes(exitCode))) return output;
      throw new CommandFailed(`${host}: ${printableLine(args)}`, [], ending(exitCode), exitCode, said(output));
    },
    close: () => pool.close(),
  };
}

function ending(exitCode: number | null): string {
  return exitCode === null ? "ended without an exit code" : `ended with ${exitCode}`;
}

/** Some systems tell what is wrong on their standard output. */
function said({ stdout, stderr }: SshOutput): string {
  return stderr.trim() === "" ? stdout : stderr;
}
