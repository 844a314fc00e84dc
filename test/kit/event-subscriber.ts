import { connect, type NatsConnection } from "nats";
import { BerthEvent } from "#shared/events/event.ts";
import { parser } from "#shared/schema.ts";

const events = parser(BerthEvent, "the event");

/** A program that subscribed to events on NATS, as others write it: with the client alone, and none of ours. */
export class EventSubscriber implements AsyncDisposable {
  readonly heard: BerthEvent[] = [];
  readonly subjects: string[] = [];
  readonly #connection: NatsConnection;

  private constructor(connection: NatsConnection, subject: string) {
    this.#connection = connection;
    connection.subscribe(subject, {
      callback: (_error, message) => {
        this.heard.push(events.parse(message.json()));
        this.subjects.push(message.subject);
      },
    });
  }

  /** It hears what is told once this resolves. */
  static async start(url: string, subject: string): Promise<EventSubscriber> {
    const connection = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
    const subscriber = new EventSubscriber(connection, subject);
    await connection.flush();
    return subscriber;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }
}
