import type { JsMsg } from "@nats-io/jetstream";
import type { NatsConnection } from "nats";
import { BerthError } from "../errors.ts";

/** A job as an agent holds it. Ack and renewal go to the server that delivered it. */
export interface Delivery<T> {
  readonly body: T;
  /** 1 the first time. A queue that had to be made anew counts from 1 again. */
  readonly count: number;
  /** When the queue took it, by the server's clock: compared with another machine's it is a hint and no proof. */
  readonly queuedAtMs: number;
  /** Asks for another `ack_wait`; resolves when the server has confirmed it, and rejects if it could not be reached. */
  renew(timeoutMs: number): Promise<void>;
  /** Through with it: the queue may forget it. Should this get lost, the job comes again, and doing it twice is harmless. */
  done(): void;
  /** Gives it back, for another agent, at once or after a delay. */
  handBack(delayMs: number): void;
}

export class JetStreamDelivery<T> implements Delivery<T> {
  readonly body: T;
  readonly count: number;
  readonly queuedAtMs: number;
  readonly #connection: NatsConnection;
  readonly #message: JsMsg;

  constructor(connection: NatsConnection, message: JsMsg, body: T) {
    this.#connection = connection;
    this.#message = message;
    this.body = body;
    this.count = message.info.deliveryCount;
    this.queuedAtMs = message.time.getTime();
  }

  async renew(timeoutMs: number): Promise<void> {
    // `working()` does not wait for the server; a renewal that never arrived must not lengthen the lease.
    const reply = "reply" in this.#message && typeof this.#message.reply === "string" ? this.#message.reply : "";
    if (reply === "") throw new BerthError("E_INTERNAL", "a job came without an address to answer to");
    await this.#connection.request(reply, "+WPI", { timeout: timeoutMs });
  }

  done(): void {
    this.#message.ack();
  }

  handBack(delayMs: number): void {
    this.#message.nak(delayMs);
  }
}
