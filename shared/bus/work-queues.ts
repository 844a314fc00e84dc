import {
  AckPolicy,
  type ConsumerMessages,
  DiscardPolicy,
  JetStreamApiError,
  type JsMsg,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import { millis, type NatsConnection, nanos } from "nats";
import { asBerthError, type BerthError } from "../errors.ts";
import { isFromNewer, type MessageType, readBody } from "../protocol/message.ts";
import { type Delivery, JetStreamDelivery } from "./delivery.ts";
import type { Served } from "./served.ts";
import { ensureStream, type StreamAccess } from "./stream-access.ts";

/**
 * A process that stands still has asked for messages, and nats-server goes on giving it some, each of which then waits for its
 * ack wait: not for longer than this.
 */
const PULL_EXPIRES_MS = 2_000;
/** How long the queue may take to say that it has a job: after that it is offered again, which is harmless. */
const OFFER_TIMEOUT_MS = 3_000;
/** A job of a newer scheduler is for a newer agent: how long until it is offered again. */
const NEWER_JOB_DELAY_MS = 5_000;
/** The server's word for "this subject has its one message already" (a resend that is not needed). */
const MESSAGE_LIMIT_PER_SUBJECT = /maximum messages per subject exceeded/;

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

export interface WorkQueuesOptions {
  readonly connection: NatsConnection;
  readonly access: Pick<StreamAccess, "client" | "manager" | "watch" | "log"> & { readonly replicas: number };
  /** A job of another protocol version came: it is logged once. */
  readonly tellStranger: (error: BerthError, subject: string) => void;
}

/** The zones' queues of jobs: each message is given to one who takes, and again to another until it is acknowledged. */
export class WorkQueues {
  readonly #connection: NatsConnection;
  readonly #access: WorkQueuesOptions["access"];
  readonly #tellStranger: WorkQueuesOptions["tellStranger"];

  constructor({ connection, access, tellStranger }: WorkQueuesOptions) {
    this.#connection = connection;
    this.#access = access;
    this.#tellStranger = tellStranger;
  }

  /**
   * A zone's jobs: at most one message a subject, and a second is refused while the first is queued or in hand. No
   * message ids: they would swallow a resend for two minutes after the acknowledgement, and double it later.
   */
  async ensure(stream: string, subject: string): Promise<void> {
    await ensureStream(this.#access, stream, {
      subjects: [subject],
      retention: RetentionPolicy.Workqueue,
      storage: StorageType.File,
      discard: DiscardPolicy.New,
      discard_new_per_subject: true,
      max_msgs_per_subject: 1,
      num_replicas: this.#access.replicas,
    });
  }

  /** Puts a job into its zone's queue. `already-there`: it is queued or in hand, nothing was added. */
  async offer<T>(subject: string, _type: MessageType<T>, body: T): Promise<"accepted" | "already-there"> {
    try {
      await this.#access.watch.written(
        this.#access.client.publish(subject, JSON.stringify(body), { timeout: OFFER_TIMEOUT_MS }),
      );
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
  async place(stream: string, durable: string, subject: string): Promise<PlaceInQueue> {
    try {
      // The consumer first: a message that is acknowledged in between is gone from the stream.
      const { ack_floor, delivered, config } = await this.#access.manager.consumers.info(stream, durable);
      const message = await this.#access.manager.streams.getMessage(stream, { last_by_subj: subject });
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
    await this.#access.manager.consumers.delete(stream, durable);
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
        this.#access.log.error({ err: error, subject: message.subject }, "a job was not understood and is dropped");
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
          this.#access.log.warn({ err: error, stream: options.stream }, "lost the job queue, opening it again");
        }
        if (stopped) return;
        await new Promise((resolve) => setTimeout(resolve, options.ackWaitMs));
        try {
          messages = await this.#openConsumer(options);
        } catch (error) {
          this.#access.log.warn({ err: error, stream: options.stream }, "the job queue cannot be opened yet");
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

  async #openConsumer({ stream, durable, filter, ackWaitMs }: WorkQueueOptions): Promise<ConsumerMessages> {
    await this.#access.manager.consumers.add(stream, {
      durable_name: durable,
      filter_subject: filter,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ackWaitMs),
      max_deliver: -1,
      max_ack_pending: 20_000,
    });
    const consumer = await this.#access.client.consumers.get(stream, durable);
    return await consumer.consume({ max_messages: 200, expires: PULL_EXPIRES_MS, abort_on_missing_resource: true });
  }
}
