import ssh2, { type Algorithms, type ClientChannel, type ConnectConfig } from "ssh2";
import type { Secret } from "#shared/secret.ts";
import { abortedError } from "../changing.ts";
import type { Login } from "../credentials.ts";
import { AnswerLost, NotAdmitted, Unreachable } from "../failures.ts";
import type { HostKeys } from "./host-keys.ts";

const KEEP_ALIVE_MS = 10_000;
const KEEP_ALIVES_UNANSWERED = 3;

/** What appliances of another age still speak, behind all that is better. */
const LEGACY: Algorithms = {
  kex: behind(["diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1", "diffie-hellman-group1-sha1"]),
  serverHostKey: behind(["ssh-rsa", "ssh-dss"]),
  cipher: behind(["aes256-cbc", "aes128-cbc", "3des-cbc"]),
  hmac: behind(["hmac-sha1"]),
};

function behind<T>(append: T[]): Record<"append" | "prepend" | "remove", T[]> {
  return { append, prepend: [], remove: [] };
}

export interface SshPlace {
  readonly host: string;
  readonly port: number;
  readonly hostKeys: HostKeys;
  readonly connectTimeoutMs: number;
  readonly legacyAlgorithms: boolean;
}

export interface SshCommand {
  readonly line: string;
  readonly input: string | Secret | null;
  readonly timeoutMs: number;
  /** Of each stream. */
  readonly maxOutputBytes: number;
  readonly signal: AbortSignal;
}

export interface SshOutput {
  /** null: the system told none, as some appliances do not. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The system did not take the login. */
export class LoginRefused extends NotAdmitted {}

/** One connection, on which one command runs at a time. */
export class SshConnection {
  readonly #client: ssh2.Client;
  readonly #where: string;
  #closed = false;

  private constructor(client: ssh2.Client, where: string) {
    this.#client = client;
    this.#where = where;
    client.on("error", () => undefined);
    client.on("close", () => {
      this.#closed = true;
    });
  }

  /**
   * @throws Unreachable, NotAdmitted (its key is not the known one), LoginRefused
   * @throws DriverError `unknown` when the call was aborted
   */
  static connect(place: SshPlace, login: Login, signal: AbortSignal): Promise<SshConnection> {
    const { host, port } = place;
    const where = `${host}:${port}`;
    const client = new ssh2.Client();
    let wrongKey: string | null = null;
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        signal.removeEventListener("abort", abort);
        client.removeAllListeners();
        act();
      };
      const fail = (error: Error): void =>
        settle(() => {
          client.on("error", () => undefined);
          client.destroy();
          reject(error);
        });
      const abort = (): void => fail(abortedError(signal));
      signal.addEventListener("abort", abort, { once: true });
      client.on("ready", () => {
        // A command is several small packets, and each would wait 40 ms for the one before to be acknowledged.
        client.setNoDelay(true);
        settle(() => resolve(new SshConnection(client, where)));
      });
      client.on("error", (error) => fail(connectFailure(where, error, wrongKey)));
      client.on("close", () => fail(new Unreachable(`${where} closed the connection before it was open`)));
      client.on("keyboard-interactive", (_name, _instructions, _language, prompts, finish) =>
        finish(prompts.map(() => login.password?.reveal() ?? "")),
      );
      client.connect({
        ...connectConfig(place, login),
        hostVerifier: (key: Buffer, verify: (right: boolean) => void) => {
          place.hostKeys.judge(host, port, key).then(
            (wrong) => {
              wrongKey = wrong;
              verify(wrong === null);
            },
            (error: Error) => fail(new NotAdmitted(`the host key of ${where} cannot be compared`, { cause: error })),
          );
        },
      });
    });
  }

  /** Can another command be run on it? */
  get usable(): boolean {
    return !this.#closed;
  }

  /**
   * @throws Unreachable when the command was not started
   * @throws AnswerLost when the connection, the time or the patience for output ended before the command
   * @throws DriverError `unknown` when the call was aborted
   */
  run(command: SshCommand): Promise<SshOutput> {
    const { signal, timeoutMs, maxOutputBytes } = command;
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
        this.#client.removeListener("close", lost);
        act();
      };
      const breakOff = (error: Error): void =>
        settle(() => {
          this.end();
          reject(error);
        });
      const abort = (): void => breakOff(abortedError(signal));
      const lost = (): void => breakOff(new AnswerLost(`${this.#where} closed the connection before its answer`));
      const timer = setTimeout(
        () => breakOff(new AnswerLost(`${this.#where} gave no answer within ${timeoutMs} ms`)),
        timeoutMs,
      );
      signal.addEventListener("abort", abort, { once: true });
      this.#client.once("close", lost);
      try {
        this.#client.exec(command.line, (error, channel) => {
          if (error) breakOff(new Unreachable(`${this.#where} did not start the command`, { cause: error }));
          else
            follow(channel, command, {
              done: (output) => settle(() => resolve(output)),
              tooMuch: () => breakOff(new AnswerLost(`${this.#where} answered more than ${maxOutputBytes} bytes`)),
            });
        });
      } catch (cause) {
        breakOff(new Unreachable(`the connection to ${this.#where} is closed`, { cause }));
      }
    });
  }

  end(): void {
    this.#closed = true;
    this.#client.destroy();
  }
}

interface Follower {
  done(output: SshOutput): void;
  tooMuch(): void;
}

function follow(channel: ClientChannel, { input, maxOutputBytes }: SshCommand, follower: Follower): void {
  const texts = [channel, channel.stderr].map((stream) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    stream.on("data", (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes > maxOutputBytes) follower.tooMuch();
      else chunks.push(chunk);
    });
    return () => Buffer.concat(chunks).toString("utf8");
  });
  let exitCode: number | null = null;
  channel.on("exit", (code: number | null) => {
    exitCode = code;
  });
  // A connection that is lost closes its channels first and then says so: only after that a missing code is an answer.
  channel.on("close", () =>
    setImmediate(() => follower.done({ exitCode, stdout: texts[0]?.() ?? "", stderr: texts[1]?.() ?? "" })),
  );
  channel.on("error", () => undefined);
  channel.end(typeof input === "string" ? input : (input?.reveal() ?? ""));
}

function connectConfig(place: SshPlace, login: Login): ConnectConfig {
  return {
    host: place.host,
    port: place.port,
    username: login.login,
    ...(login.privateKey === null ? {} : { privateKey: login.privateKey.reveal() }),
    ...(login.password === null ? {} : { password: login.password.reveal(), tryKeyboard: true }),
    readyTimeout: place.connectTimeoutMs,
    keepaliveInterval: KEEP_ALIVE_MS,
    keepaliveCountMax: KEEP_ALIVES_UNANSWERED,
    ...(place.legacyAlgorithms ? { algorithms: LEGACY } : {}),
  };
}

function connectFailure(where: string, error: Error, wrongKey: string | null): Error {
  if (wrongKey !== null) return new NotAdmitted(`${where} is not who it was: ${wrongKey}`);
  if ("level" in error && error.level === "client-authentication")
    return new LoginRefused(`${where} does not take the login`, { cause: error });
  return new Unreachable(`${where} cannot be reached over SSH`, { cause: error });
}
