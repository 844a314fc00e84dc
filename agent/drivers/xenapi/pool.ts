import { Type } from "typebox";
import { parser } from "#shared/schema.ts";
import type { Secret } from "#shared/secret.ts";
import { AnswerLost, NotAdmitted, Unreachable } from "../../transport/failures.ts";
import type { HttpsClient, HttpsSetting } from "../../transport/https/client.ts";
import type { CallContext } from "../driver.ts";
import { isFailure, XenFailure } from "./failure.ts";

const ANSWER = parser(
  Type.Union([
    Type.Object({ result: Type.Unknown(), error: Type.Optional(Type.Null()) }),
    Type.Object({ error: Type.Object({ message: Type.String(), data: Type.Array(Type.String()) }) }),
  ]),
  "an answer of XenAPI",
);
const TEXT = parser(Type.String(), "a session");
const HOSTS = parser(Type.Record(Type.String(), Type.Object({ address: Type.String() })), "hosts of the pool");

/** From one host to another, until one is the master. */
const MAX_HOPS = 8;
const REFUSED_LOGIN_MS = 30_000;

export interface PoolSetting {
  /** Of any host of the pool. */
  readonly url: string;
  readonly user: string;
  /** Read anew at each login. */
  readonly password: () => Promise<Secret>;
  /** Tells this client's sessions from others'. */
  readonly originator: string;
  readonly trust: HttpsSetting["trust"];
  readonly maxConcurrentCalls: number;
  readonly connect: (setting: HttpsSetting) => HttpsClient;
}

export interface CallOptions {
  /** Does it change anything? Then the lease is asked, and it is sent once. */
  readonly changes: boolean;
  readonly timeoutMs?: number;
}

interface Session {
  readonly origin: string;
  readonly ref: string;
}

/**
 * A Xen pool: one session with whoever is its master. A session that expired is opened anew, another master is followed,
 * and when the master is gone the other hosts are asked who it is; the call that met it had not been done, and is made
 * again there.
 */
export class XenPool {
  readonly #setting: PoolSetting;
  readonly #clients = new Map<string, HttpsClient>();
  readonly #origins: string[];
  #session: Promise<Session> | null = null;
  #refused: { readonly password: string; readonly untilMs: number } | null = null;
  #id = 0;

  constructor(setting: PoolSetting) {
    this.#setting = setting;
    this.#origins = [new URL(setting.url).origin];
  }

  /** @throws XenFailure what the pool answered; DriverError, LeaseLost as transports throw them */
  async call(context: CallContext, method: string, params: readonly unknown[], options: CallOptions): Promise<unknown> {
    for (let hop = 1; ; hop++) {
      const others = this.#session;
      const pending = others ?? this.#open(context);
      const session = await pending.catch((error) => {
        // Whose login it was may have been ended with its job: that is not this one's failure.
        if (others === null || context.signal.aborted || hop >= MAX_HOPS) throw error;
        return null;
      });
      if (session === null) continue;
      try {
        return await this.#send(context, session.origin, method, [session.ref, ...params], options);
      } catch (error) {
        const elsewhere = isFailure(error, "HOST_IS_SLAVE") || error instanceof Unreachable;
        if (hop >= MAX_HOPS || !(elsewhere || isFailure(error, "SESSION_INVALID"))) throw error;
        if (isFailure(error, "HOST_IS_SLAVE")) this.#prefer(this.#originAt(error.parameters[0] ?? ""));
        else if (error instanceof Unreachable) this.#avoid(session.origin);
        // Others may have opened another one meanwhile.
        if (this.#session === pending) this.#session = null;
      }
    }
  }

  async close(context: CallContext): Promise<void> {
    const session = await this.#session?.catch(() => null);
    this.#session = null;
    if (session !== undefined && session !== null)
      await this.#send(context, session.origin, "session.logout", [session.ref], { changes: false }).catch(
        () => undefined,
      );
    for (const client of this.#clients.values()) await client.close();
  }

  /** One login for all who wait for it. */
  #open(context: CallContext): Promise<Session> {
    const opening = this.#login(context);
    this.#session = opening;
    opening.catch(() => {
      if (this.#session === opening) this.#session = null;
    });
    return opening;
  }

  async #login(context: CallContext): Promise<Session> {
    const { user, originator } = this.#setting;
    const password = (await this.#setting.password()).reveal();
    this.#assertNotRefused(password);
    let last: unknown;
    for (let hop = 1; hop <= MAX_HOPS; hop++) {
      const origin = this.#origins[0] ?? this.#setting.url;
      try {
        const params = [user, password, "1.0", originator];
        const answer = await this.#send(context, origin, "session.login_with_password", params, { changes: false });
        const session = { origin, ref: TEXT.parse(answer) };
        await this.#learnHosts(context, session);
        return session;
      } catch (error) {
        last = error;
        if (isFailure(error, "SESSION_AUTHENTICATION_FAILED")) {
          this.#refused = { password, untilMs: performance.now() + REFUSED_LOGIN_MS };
          throw new NotAdmitted(`${origin} does not take the login of ${user}`, { cause: error });
        }
        if (isFailure(error, "HOST_IS_SLAVE")) this.#prefer(this.#originAt(error.parameters[0] ?? ""));
        else if (error instanceof Unreachable && this.#origins.length > 1) this.#avoid(origin);
        else throw error;
      }
    }
    throw last;
  }

  /** Accounts that are tried too often are locked. */
  #assertNotRefused(password: string): void {
    if (this.#refused?.password !== password || performance.now() > this.#refused.untilMs) return;
    throw new NotAdmitted(`${this.#setting.url} did not take the login of ${this.#setting.user} a moment ago`);
  }

  /** Whoever of them is master when this one is gone. */
  async #learnHosts(context: CallContext, { origin, ref }: Session): Promise<void> {
    if (this.#origins.length > 1) return;
    const hosts = await this.#send(context, origin, "host.get_all_records", [ref], { changes: false });
    for (const { address } of Object.values(HOSTS.parse(hosts))) {
      const other = address === "" ? origin : this.#originAt(address);
      if (!this.#origins.includes(other)) this.#origins.push(other);
    }
  }

  async #send(
    context: CallContext,
    origin: string,
    method: string,
    params: readonly unknown[],
    { changes, timeoutMs }: CallOptions,
  ): Promise<unknown> {
    const answer = await this.#client(origin).request(context, {
      method: "POST",
      path: "/jsonrpc",
      name: method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", method, params, id: ++this.#id }),
      changes,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    if (answer.status !== 200) throw new AnswerLost(`${origin} answered ${method} with HTTP ${answer.status}`);
    const parsed = ANSWER.parse(parsedJson(answer.body, method));
    if ("result" in parsed) return parsed.result;
    const { message, data } = parsed.error;
    throw new XenFailure(method, message, data);
  }

  #client(origin: string): HttpsClient {
    const known = this.#clients.get(origin);
    if (known !== undefined) return known;
    const { trust, maxConcurrentCalls, connect } = this.#setting;
    const made = connect({ origin, trust, basic: null, maxConcurrentCalls, tries: 2 });
    this.#clients.set(origin, made);
    return made;
  }

  #prefer(origin: string): void {
    const others = this.#origins.filter((known) => known !== origin);
    this.#origins.splice(0, this.#origins.length, origin, ...others);
  }

  #avoid(origin: string): void {
    const others = this.#origins.filter((known) => known !== origin);
    this.#origins.splice(0, this.#origins.length, ...others, origin);
  }

  /** A pool tells addresses alone: scheme and port are those of the URL. */
  #originAt(address: string): string {
    const { protocol, port } = new URL(this.#setting.url);
    const host = address.includes(":") && !address.startsWith("[") ? `[${address}]` : address;
    return new URL(`${protocol}//${host}${port === "" ? "" : `:${port}`}`).origin;
  }
}

function parsedJson(body: string, method: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new AnswerLost(`the answer to ${method} is not JSON`, { cause });
  }
}
