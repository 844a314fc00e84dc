import {
  AckPolicy,
  type ConsumerMessages,
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import { connect, type Msg, millis, type NatsConnection, nanos, type Subscription } from "nats";
import { Type } from "typebox";
import { AppendLog, type AppendLogOptions } from "./bus/append-log.ts";
import { Cell, type CellOptions } from "./bus/cell.ts";
import { type Delivery, JetStreamDelivery } from "./bus/delivery.ts";
import { ServerWatch } from "./bus/server-watch.ts";
import type { StreamAccess } from "./bus/stream-access.ts";
import { asBerthError, BerthError, type ErrorRecord, isErrorCode } from "./errors.ts";
import type { Logger } from "./log.ts";
import { type CallType, isFromNewer, type MessageType, readBody } from "./protocol/message.ts";
import { parser } from "./schema.ts";

/**
 * A link that was cut without a word is noticed after three of these, and what it takes to reach a server that is not
 * there has a bound: both within the time in which another agent or scheduler takes over.
 */
const PING_INTERVAL_MS = 1_500;
const UNANSWERED_PINGS = 2;
const DIAL_TIMEOUT_MS = 3_000;
/**
 * A process that stands still has asked for messages, and nats-server goes on giving it some, each of which then waits for its
 * ack wait: not for longer than this.
 */
const PULL_EXPIRES_MS = 2_000;
/** How long a question about a stream or consumer may take. An election of a replicated one takes 8 s: callers ask again. */
const STREAM_TIMEOUT_MS = 5_000;
const QUESTION_TIMEOUT_MS = 2_000;
/** How long the queue may take to say that it has a job: after that it is offered again, which is harmless. */
const OFFER_TIMEOUT_MS = 3_000;
/** A job of a newer scheduler is for a newer agent: how long until it is offered again. */
const NEWER_JOB_DELAY_MS = 5_000;
/** What nats-server has unless told otherwise. */
const DEFAULT_MAX_PAYLOAD_BYTES = 1024 * 1024;
/** The server's word for "this subject has its one message already" (a resend that is not needed). */
const MESSAGE_LIMIT_PER_SUBJECT = /maximum messages per subject exceeded/;

export interface BusOptions {
  readonly url: string;
  readonly name: string;
  readonly log: Logger;
  /** A NATS user of the zone (deploy/nats); null: the server asks for none. */
  readonly credentials: { readonly user: string; readonly password: string } | null;
  readonly replicas: number;
}

export interface Served {
  stop(): Promise<void>;
}

export type { Delivery } from "./bus/delivery.ts";

/** Of a message: nobody had it yet; somebody has it, or had it and will get it again; it counts as done, and is not. */
export type PlaceInQueue =
  | { readonly kind: "waiting" | "passed-over" }
  | { readonly kind: "given-out"; readonly ackWaitMs: number };

export interface WorkQueueOptions {
  readonly stream: string;
  readonly durable: string;
  readonly filter: string;
  readonly ackWaitMs: number;
}

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

  /**
   * A zone's jobs: at most one message a subject, and a second is refused while the first is queued or in hand. No
   * message ids: they would swallow a resend for two minutes after the acknowledgement, and double it later.
   */
  async ensureWorkQueue(stream: string, subject: string): Promise<void> {
    const config = {
      subjects: [subject],
      retention: RetentionPolicy.Workqueue,
      storage: StorageType.File,
      discard: DiscardPolicy.New,
      discard_new_per_subject: true,
      max_msgs_per_subject: 1,
      num_replicas: this.#replicas,
    };
    try {
      await this.#manager.streams.add({ name: stream, ...config });
    } catch (error) {
      if (!(error instanceof JetStreamApiError)) throw error;
      await this.#manager.streams.update(stream, config);
    }
  }

  /** Puts a job into its zone's queue. `already-there`: it is queued or in hand, nothing was added. */
  async offer<T>(subject: string, _type: MessageType<T>, body: T): Promise<"accepted" | "already-there"> {
    try {
      await this.#watch.written(this.#stream.publish(subject, JSON.stringify(body), { timeout: OFFER_TIMEOUT_MS }));
      return "accepted";
    } catch (error) {
      if (error instanceof Error && MESSAGE_LIMIT_PER_SUBJECT.test(error.message)) return "already-there";
      throw error;
    }
  }

  /**
   * Where this subject's message is. A nats-server that was killed may come back with a stream that ends before the place
   * its consumer remembers. What is stored at those places next counts as acknowledged already: it lies in the stream,
   * and nobody ever gets it. Or it counts as given out, and is not given to anybody again (both seen with 2.9.10).
   */
  async placeInQueue(stream: string, durable: string, subject: string): Promise<PlaceInQueue> {
    try {
      // The consumer first: a message that is acknowledged in between is gone from the stream.
      const { ack_floor, delivered, config } = await this.#manager.consumers.info(stream, durable);
      const message = await this.#manager.streams.getMessage(stream, { last_by_subj: subject });
      if (message === null || message.seq > delivered.stream_seq) return { kind: "waiting" };
      if (message.seq <= ack_floor.stream_seq) return { kind: "passed-over" };
      return { kind: "given-out", ackWaitMs: millis(config.ack_wait ?? 0) };
    } catch (error) {
      if (error instanceof JetStreamApiError) return { kind: "waiting" };
      throw error;
    }
  }

  /** Makes the queue forget what it believes to have given out: who takes jobs notices, and all of them come again. */
  async forgetDeliveries(stream: string, durable: string): Promise<void> {
    await this.#manager.consumers.delete(stream, durable);
  }

  /**
   * Takes jobs until stopped. A consumer or stream that vanished is made again, after the ack wait: by then whoever had
   * a job of it in hand has lost the lease, for nothing can be renewed there any more.
   */
  async consume<T>(
    options: WorkQueueOptions,
    type: MessageType<T>,
    handler: (delivery: Delivery<T>) => void,
  ): Promise<Served> {
    let messages: ConsumerMessages = await this.#openConsumer(options);
    let stopped = false;
    const take = (message: JsMsg): void => {
      let body: T;
      try {
        body = readBody(type.name, type.body, message.json());
      } catch (error) {
        if (isFromNewer(error)) {
          this.#tellStranger(asBerthError(error), message.subject);
          message.nak(NEWER_JOB_DELAY_MS);
          return;
        }
        // It would come again for ever. The scheduler sends it anew in a form that its agents know.
        this.#log.error({ err: error, subject: message.subject }, "a job was not understood and is dropped");
        message.term();
        return;
      }
      handler(new JetStreamDelivery(this.#connection, message, body));
    };
    const run = async (): Promise<void> => {
      while (!stopped) {
        try {
          for await (const message of messages) take(message);
        } catch (error) {
          this.#log.warn({ err: error, stream: options.stream }, "lost the job queue, opening it again");
        }
        if (stopped) return;
        await new Promise((resolve) => setTimeout(resolve, options.ackWaitMs));
        try {
          messages = await this.#openConsumer(options);
        } catch (error) {
          this.#log.warn({ err: error, stream: options.stream }, "the job queue cannot be opened yet");
        }
      }
    };
    const running = run();
    return {
      async stop() {
        stopped = true;
        await messages.close();
        await running;
      },
    };
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

  async #openConsumer({ stream, durable, filter, ackWaitMs }: WorkQueueOptions): Promise<ConsumerMessages> {
    await this.#manager.consumers.add(stream, {
      durable_name: durable,
      filter_subject: filter,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ackWaitMs),
      max_deliver: -1,
      max_ack_pending: 20_000,
    });
    const consumer = await this.#stream.consumers.get(stream, durable);
    return await consumer.consume({ max_messages: 200, expires: PULL_EXPIRES_MS, abort_on_missing_resource: true });
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
