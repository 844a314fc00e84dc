import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type Msg, type NatsConnection, type Subscription } from "nats";
import { Type } from "typebox";
import { AppendLog, type AppendLogOptions } from "./bus/append-log.ts";
import { Cell, type CellOptions } from "./bus/cell.ts";
import type { Served } from "./bus/served.ts";
import { ServerWatch } from "./bus/server-watch.ts";
import type { StreamAccess } from "./bus/stream-access.ts";
import { WorkQueues } from "./bus/work-queues.ts";
import { asBerthError, BerthError, type ErrorRecord, isErrorCode } from "./errors.ts";
import type { Logger } from "./log.ts";
import { type CallType, type MessageType, readBody } from "./protocol/message.ts";
import { parser } from "./schema.ts";

/**
 * A link that was cut without a word is noticed after three of these, and what it takes to reach a server that is not
 * there has a bound: both within the time in which another agent or scheduler takes over.
 */
const PING_INTERVAL_MS = 1_500;
const UNANSWERED_PINGS = 2;
const DIAL_TIMEOUT_MS = 3_000;
/** How long a question about a stream or consumer may take. An election of a replicated one takes 8 s: callers ask again. */
const STREAM_TIMEOUT_MS = 5_000;
const QUESTION_TIMEOUT_MS = 2_000;
/** What nats-server has unless told otherwise. */
const DEFAULT_MAX_PAYLOAD_BYTES = 1024 * 1024;
export interface BusOptions {
  readonly url: string;
  readonly name: string;
  readonly log: Logger;
  /** A NATS user of the zone (deploy/nats); null: the server asks for none. */
  readonly credentials: { readonly user: string; readonly password: string } | null;
  readonly replicas: number;
}

export type { Delivery } from "./bus/delivery.ts";
export type { Served } from "./bus/served.ts";
export type { PlaceInQueue } from "./bus/work-queues.ts";

/** How answers travel: the answer itself is parsed by its call's schema. */
const answerParser = parser(
  Type.Object({
    ok: Type.Optional(Type.Unknown()),
    error: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() })),
  }),
  "answer",
);

/** The NATS connection. With `bus/` the only place that knows its client. Everything that comes in is parsed here. */
export class Bus {
  readonly queues: WorkQueues;
  readonly #connection: NatsConnection;
  readonly #stream: JetStreamClient;
  readonly #manager: JetStreamManager;
  readonly #quick: JetStreamManager;
  readonly #log: Logger;
  readonly #replicas: number;
  readonly #disconnectListeners: (() => void)[] = [];
  readonly #reconnectListeners = new Set<() => void>();
  readonly #watch: ServerWatch;
  readonly #toldStrangers = new Set<string>();

  private constructor(
    connection: NatsConnection,
    managers: { readonly manager: JetStreamManager; readonly quick: JetStreamManager },
    options: BusOptions,
  ) {
    this.#connection = connection;
    this.#stream = jetstream(connection, { timeout: STREAM_TIMEOUT_MS });
    this.#manager = managers.manager;
    this.#quick = managers.quick;
    this.#log = options.log;
    this.#replicas = options.replicas;
    const hasOthers = options.url.includes(",");
    this.#watch = new ServerWatch(() => {
      if (!hasOthers || connection.isClosed()) return;
      this.#log.warn("nats-server does not answer, trying another");
      void connection.reconnect();
    });
    this.queues = new WorkQueues({
      connection,
      access: { ...managers, client: this.#stream, watch: this.#watch, log: this.#log, replicas: this.#replicas },
      tellStranger: (error, subject) => this.#tellStranger(error, subject),
    });
  }

  /** Waits for a server as long as it takes, and reconnects for ever. */
  static async connect(options: BusOptions): Promise<Bus> {
    const connection = await connect({
      servers: options.url.split(","),
      name: options.name,
      waitOnFirstConnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
      reconnectJitter: 100,
      timeout: DIAL_TIMEOUT_MS,
      pingInterval: PING_INTERVAL_MS,
      maxPingOut: UNANSWERED_PINGS,
      // The client would take a stack with every request, in case it fails; our errors name the call, and work on jobs is a tenth cheaper.
      noAsyncTraces: true,
      ...(options.credentials === null ? {} : login(options.credentials)),
    });
    const manager = await jetstreamManager(connection, { timeout: STREAM_TIMEOUT_MS, checkAPI: false });
    const quick = await jetstreamManager(connection, { timeout: QUESTION_TIMEOUT_MS, checkAPI: false });
    const bus = new Bus(connection, { manager, quick }, options);
    void bus.#followStatus();
    return bus;
  }

  /** At once when the connection is lost: the server was perhaps killed. */
  onDisconnect(listener: () => void): void {
    this.#disconnectListeners.push(listener);
  }

  /** What was under way when the connection was lost has no answer: who waits should ask again now. Ended by what it returns. */
  onReconnect(listener: () => void): () => void {
    this.#reconnectListeners.add(listener);
    return () => void this.#reconnectListeners.delete(listener);
  }

  /**
   * Answers calls. Several servers of one `queue` share them. A thrown BerthError travels to the caller with its code,
   * as does E_PROTOCOL when the caller speaks another version.
   */
  serve<Q, A>(
    subject: string,
    call: CallType<Q, A>,
    handler: (question: Q, subject: string) => Promise<A>,
    queue?: string,
  ): Served {
    const answer = async (message: Msg): Promise<void> => {
      let reply: { ok: unknown } | { error: ErrorRecord };
      try {
        const question = readBody(call.name, call.question, decode(message));
        reply = { ok: await handler(question, message.subject) };
      } catch (thrown) {
        const error = asBerthError(thrown);
        if (error.code === "E_PROTOCOL") this.#tellStranger(error, message.subject);
        if (error.code === "E_INTERNAL") this.#log.error({ err: thrown, subject: message.subject }, "a call failed");
        reply = { error: { code: error.code, message: error.message } };
      }
      if (!this.#connection.isClosed()) message.respond(JSON.stringify(reply));
    };
    return this.#listen(
      subject,
      (message) =>
        void answer(message).catch((error) => this.#log.error({ err: error, subject }, "an answer could not be sent")),
      queue,
    );
  }

  /** Asks, and waits for the one answer. Nobody there: E_UNAVAILABLE at once; no answer in time: E_TIMEOUT. */
  async request<Q, A>(subject: string, call: CallType<Q, A>, question: Q, timeoutMs: number): Promise<A> {
    let message: Msg;
    try {
      message = await this.#watch.asked(
        this.#connection.request(subject, JSON.stringify(question), { timeout: timeoutMs }),
      );
    } catch (cause) {
      const silent = cause instanceof Error && cause.name === "TimeoutError";
      throw new BerthError(
        silent ? "E_TIMEOUT" : "E_UNAVAILABLE",
        silent ? `${call.name}: no answer within ${timeoutMs} ms` : `${call.name}: nobody answers on ${subject}`,
        { cause },
      );
    }
    const answer = answerParser.parse(decode(message));
    if (answer.error === undefined) return call.answer.parse(answer.ok);
    const { code } = answer.error;
    throw new BerthError(isErrorCode(code) ? code : "E_INTERNAL", answer.error.message);
  }

  publish<T>(subject: string, _type: MessageType<T>, body: T): void {
    this.#connection.publish(subject, JSON.stringify(body));
  }

  /** Hears messages; one that is not of the type is logged and dropped. */
  subscribe<T>(subject: string, type: MessageType<T>, handler: (body: T, subject: string) => void): Served {
    return this.#listen(subject, (message) => {
      let body: T;
      try {
        body = readBody(type.name, type.body, decode(message));
      } catch (error) {
        if (error instanceof BerthError && error.code === "E_PROTOCOL") this.#tellStranger(error, message.subject);
        else this.#log.warn({ err: error, subject: message.subject }, "a message was not understood");
        return;
      }
      handler(body, message.subject);
    });
  }

  /** Messages in a row, as in `bus/append-log.ts`. Call its `ensure` first. */
  appendLog(options: Omit<AppendLogOptions, "replicas">): AppendLog {
    return new AppendLog(this.#access(), { ...options, replicas: this.#replicas });
  }

  /** A value with compare-and-set, as in `bus/cell.ts`. Call its `ensure` first. */
  cell(options: Omit<CellOptions, "replicas">): Cell {
    return new Cell(this.#access(), { ...options, replicas: this.#replicas });
  }

  /** Sends what is buffered and closes. */
  async close(): Promise<void> {
    if (this.#connection.isClosed()) return;
    await this.#connection.flush().catch(() => undefined);
    await this.#connection.close();
  }

  #access(): StreamAccess {
    return {
      client: this.#stream,
      manager: this.#manager,
      quick: this.#quick,
      watch: this.#watch,
      maxPayloadBytes: this.#connection.info?.max_payload ?? DEFAULT_MAX_PAYLOAD_BYTES,
      log: this.#log,
    };
  }

  /** Who speaks another version does so every second or two: it is logged once. */
  #tellStranger({ message }: BerthError, subject: string): void {
    const key = `${subject} ${message}`;
    if (this.#toldStrangers.has(key)) return;
    this.#toldStrangers.add(key);
    this.#log.error({ subject }, message);
  }

  async #followStatus(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type === "disconnect") {
        for (const listener of this.#disconnectListeners) listener();
        this.#log.warn("lost the connection to nats-server");
      } else if (status.type === "error") this.#log.error({ err: status.error }, "nats-server reported an error");
      else if (status.type === "reconnect") {
        this.#log.info("connected to nats-server again");
        this.#watch.connected();
        for (const listener of this.#reconnectListeners) listener();
      }
    }
  }

  #listen(subject: string, onMessage: (message: Msg) => void, queue?: string): Served {
    const subscription: Subscription = this.#connection.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (error === null) onMessage(message);
        else this.#log.error({ err: error, subject }, "a subscription failed");
      },
    });
    return {
      async stop() {
        await subscription.drain();
      },
    };
  }
}

/** Answers come to inboxes that carry the user's name, so that permissions can keep users from hearing each other's. */
function login({ user, password }: { readonly user: string; readonly password: string }) {
  return { user, pass: password, inboxPrefix: `_INBOX.${user}` };
}

function decode(message: Msg): unknown {
  try {
    return message.json();
  } catch (cause) {
    throw new BerthError("E_BAD_REQUEST", "the message is not JSON", { cause });
  }
}
