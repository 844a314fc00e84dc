import { Pool } from "undici";
import { Deadline } from "../../deadline.ts";
import { type CallContext, DriverError, LeaseLost } from "../../drivers/driver.ts";
import { CallLimit, type CallShare, WHOLE_SHARE } from "../call-limit.ts";
import { abortedError, assertMayChange, assertNotAborted } from "../changing.ts";
import { Circuit } from "../circuit.ts";
import type { Credentials, Login } from "../credentials.ts";
import { AnswerLost, NotAdmitted, Unreachable } from "../failures.ts";
import { withTries } from "../tries.ts";
import { createConnector, type TlsTrust } from "./connector.ts";
import { exchange, type HttpsAnswer } from "./exchange.ts";

export type { HttpsAnswer } from "./exchange.ts";

const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_MAX_ANSWER_BYTES = 64 * 1024 ** 2;
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 30_000;
const UNAUTHORIZED = 401;

/** Where a system's web service is, and how it is spoken to. */
export interface HttpsSetting {
  /** `https://host:port`, without a path. Plain `http:` only where the system has nothing else. */
  readonly origin: string;
  readonly trust: TlsTrust;
  /** Shown with each request (HTTP basic); null: the driver logs in by itself. */
  readonly basic: Credentials | null;
  /** Of all agents of the zone. */
  readonly maxConcurrentCalls: number;
  /** How often what is safe to repeat is tried. */
  readonly tries: number;
  readonly connectTimeoutMs?: number;
}

export interface HttpsRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE" | "HEAD" | "PATCH";
  /** From the first slash on. */
  readonly path: string;
  /** The call's name, for logs: many systems have one path for all. */
  readonly name: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Does it change anything? Then the job's lease is checked right before it is sent. */
  readonly changes: boolean;
  /** May it be done twice? Default: if it changes nothing. */
  readonly safeToRepeat?: boolean;
  /** Default 60 s. The job's own deadline ends it as well. */
  readonly timeoutMs?: number;
  /** Default 64 MiB. */
  readonly maxAnswerBytes?: number;
}

/** The web service of one storage system. Whoever opens it closes it. */
export interface HttpsClient {
  /**
   * @throws Unreachable, NotAdmitted: nothing was done. AnswerLost: nobody knows
   * @throws DriverError `unknown` when the call was aborted
   * @throws LeaseLost when it would change something and the lease is gone
   */
  request(context: CallContext, request: HttpsRequest): Promise<HttpsAnswer>;
  close(): Promise<void>;
}

export function createHttpsClient(setting: HttpsSetting, share = WHOLE_SHARE): HttpsClient {
  return new PooledClient(setting, share);
}

class PooledClient implements HttpsClient {
  readonly #setting: HttpsSetting;
  readonly #limit: CallLimit;
  readonly #circuit: Circuit;
  #pool: Promise<Pool> | null = null;
  #closed = false;

  constructor(setting: HttpsSetting, share: CallShare) {
    this.#setting = setting;
    this.#limit = new CallLimit(setting.maxConcurrentCalls, share);
    this.#circuit = new Circuit(setting.origin);
  }

  async request(context: CallContext, request: HttpsRequest): Promise<HttpsAnswer> {
    const { tries, origin } = this.#setting;
    const safe = request.safeToRepeat ?? !request.changes;
    const startedMs = performance.now();
    const answer = await withTries(context, { tries, safe }, () =>
      this.#limit.run(context.signal, () => this.#circuit.run(() => this.#admitted(context, request))),
    );
    const durationMs = Math.round(performance.now() - startedMs);
    context.log.debug({ origin, call: request.name, status: answer.status, durationMs }, "call over HTTPS ended");
    return answer;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const pool = await this.#pool?.catch(() => null);
    await pool?.destroy();
  }

  /** Refused credentials were not used for anything, so the call may be made again with new ones. */
  async #admitted(context: CallContext, request: HttpsRequest): Promise<HttpsAnswer> {
    const { basic, origin } = this.#setting;
    if (basic === null) return await this.#once(context, request, null);
    const login = await basic.current();
    const answer = await this.#once(context, request, login);
    if (answer.status !== UNAUTHORIZED) return answer;
    const other = await basic.insteadOf(login);
    const second = other === null ? answer : await this.#once(context, request, other);
    if (second.status !== UNAUTHORIZED) return second;
    throw new NotAdmitted(`${origin} does not take the login`);
  }

  async #once(context: CallContext, request: HttpsRequest, login: Login | null): Promise<HttpsAnswer> {
    assertNotAborted(context);
    const timeoutMs = request.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const pool = await this.#open();
    const deadline = new Deadline(timeoutMs, [context.signal]);
    let sent = false;
    const beforeSending = (): void => {
      if (request.changes) assertMayChange(context);
      sent = true;
    };
    try {
      return await exchange(pool, {
        request: {
          method: request.method,
          path: request.path,
          headers: { ...(login === null ? {} : { authorization: basicHeader(login) }), ...request.headers },
          body: request.body ?? null,
          headersTimeout: 0,
          bodyTimeout: 0,
        },
        signal: deadline.signal,
        maxAnswerBytes: request.maxAnswerBytes ?? DEFAULT_MAX_ANSWER_BYTES,
        beforeSending,
      });
    } catch (error) {
      if (context.signal.aborted) throw abortedError(context.signal);
      throw this.#failure(error, sent, deadline.signal.aborted ? timeoutMs : null);
    } finally {
      deadline.end();
    }
  }

  async #open(): Promise<Pool> {
    if (this.#closed) throw new Unreachable("the backend is closed");
    const { origin, trust, maxConcurrentCalls, connectTimeoutMs = DEFAULT_CONNECT_TIMEOUT_MS } = this.#setting;
    this.#pool ??= createConnector(origin, trust, connectTimeoutMs).then(
      (connect) => new Pool(origin, { connections: maxConcurrentCalls, connect, keepAliveTimeout: KEEP_ALIVE_MS }),
    );
    try {
      return await this.#pool;
    } catch (error) {
      this.#pool = null;
      throw error;
    }
  }

  #failure(error: unknown, sent: boolean, endedAfterMs: number | null): Error {
    const { origin } = this.#setting;
    if (error instanceof DriverError || error instanceof LeaseLost) return error;
    if (!sent) return new Unreachable(`${origin} cannot be reached`, { cause: error });
    if (endedAfterMs !== null) return new AnswerLost(`${origin} gave no answer within ${endedAfterMs} ms`);
    return new AnswerLost(`the connection to ${origin} was lost before the answer`, { cause: error });
  }
}

function basicHeader({ login, password }: Login): string {
  return `Basic ${Buffer.from(`${login}:${password?.reveal() ?? ""}`).toString("base64")}`;
}
