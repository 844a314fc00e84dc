import {
  type ConsumerMessages,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import { headers, type MsgHdrs, nanos } from "nats";
import { BerthError } from "../errors.ts";
import { ensureStream, maxBodyBytes, type StreamAccess } from "./stream-access.ts";

/** One try of a publish; the election of a stream's leader takes 7 to 8 s, in which several fail. */
const TRY_TIMEOUT_MS = 2_000;
const RETRY_MS = 200;
/** How long to wait for the message that stands where ours should, once the server has said that there is one. */
const LOOK_TIMEOUT_MS = 10_000;
/**
 * Where ids are of those who write and may come again, the place says what is a repetition. The server wants a window all
 * the same.
 */
const SHORTEST_DUPLICATE_WINDOW_MS = 100;
const PART_HEADER = "Berth-Part";
/** A missed heartbeat of the server makes the client ask anew: the shorter, the sooner a standby goes on after a crash. */
const READ_EXPIRES_MS = 5_000;
/** How often a reader to whom nothing comes is compared with the log. */
const STUCK_LOOK_MS = 2_000;

/** A message of a log. A large body is written as several, `part` of `parts`, and belongs to the log only when the last is there. */
export interface LogMessage {
  /** Counts from 1 over the whole log. */
  readonly position: number;
  /** The writer's own, unique. */
  readonly id: string;
  readonly part: number;
  readonly parts: number;
  readonly body: Uint8Array;
}

export interface NewLogMessage {
  readonly id: string;
  readonly part: number;
  readonly parts: number;
  readonly body: Uint8Array;
}

export interface AppendLogOptions {
  readonly stream: string;
  /** One subject, or a pattern when the log holds several rows of messages. */
  readonly subject: string;
  readonly replicas: number;
  /** Absent: all is kept until it is purged. Else the oldest messages go by themselves. */
  readonly keep?: { readonly maxAgeMs: number; readonly maxBytes: number };
}

export interface LogEnds {
  /** When it was made: another time is another log. */
  readonly created: string;
  readonly first: number;
  readonly last: number;
}

/** What was to be read was purged meanwhile: whoever reads must begin again from what is there now. */
export class MessagesPurged extends BerthError {
  constructor(message: string) {
    super("E_LEDGER", message);
  }
}

/** Messages that are only added at the end, and purged at the beginning or forgotten there: a JetStream stream. */
export class AppendLog {
  readonly maxBodyBytes: number;
  readonly #access: StreamAccess;
  readonly #options: AppendLogOptions;

  constructor(access: StreamAccess, options: AppendLogOptions) {
    this.#access = access;
    this.#options = options;
    this.maxBodyBytes = maxBodyBytes(access);
  }

  /** Makes it, or brings its settings up to date. What it holds stays. */
  async ensure(): Promise<void> {
    const { stream, subject, replicas, keep } = this.#options;
    await ensureStream(this.#access, stream, {
      subjects: [subject],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      num_replicas: replicas,
      ...(keep === undefined
        ? { discard: DiscardPolicy.New }
        : {
            discard: DiscardPolicy.Old,
            max_age: nanos(keep.maxAgeMs),
            max_bytes: keep.maxBytes,
            duplicate_window: nanos(SHORTEST_DUPLICATE_WINDOW_MS),
          }),
    });
  }

  async ends(): Promise<LogEnds> {
    const { created, state } = await this.#access.quick.streams.info(this.#options.stream);
    return { created: String(created), first: state.first_seq, last: state.last_seq };
  }

  /** null: it is not there, or not any more. */
  async at(position: number): Promise<LogMessage | null> {
    const found = await this.#access.quick.streams.getMessage(this.#options.stream, { seq: position });
    return found === null ? null : messageOf(found.seq, found.header, found.data);
  }

  /**
   * Adds a message behind position `after`, or not at all; returns its position. Repeated under the same id until the server
   * has said yes or no. Throws E_NOT_LEADER when somebody else has written there, E_TIMEOUT when that is not known in time.
   */
  async append(
    message: NewLogMessage,
    after: number,
    limitMs: number,
    subject = this.#options.subject,
  ): Promise<number> {
    return await this.#publish(subject, message, limitMs, after);
  }

  /** Adds a message wherever the end is. */
  async add(message: NewLogMessage, limitMs: number, subject = this.#options.subject): Promise<number> {
    return await this.#publish(subject, message, limitMs, null);
  }

  async #publish(subject: string, message: NewLogMessage, limitMs: number, after: number | null): Promise<number> {
    const fields = headers();
    fields.set(PART_HEADER, `${message.part}/${message.parts}`);
    const endMs = performance.now() + limitMs;
    for (;;) {
      try {
        const ack = await this.#access.watch.written(
          this.#access.client.publish(subject, message.body, {
            msgID: message.id,
            headers: fields,
            timeout: TRY_TIMEOUT_MS,
            ...(after === null ? {} : { expect: { lastSequence: after } }),
          }),
        );
        return ack.seq;
      } catch (cause) {
        if (after !== null && isWrongLast(cause)) return await this.#ourPlace(message.id, after + 1, cause);
        if (performance.now() > endMs)
          throw new BerthError("E_TIMEOUT", `the log did not say in ${limitMs} ms whether it took a message`, {
            cause,
          });
        this.#access.log.debug(
          { err: cause, stream: this.#options.stream },
          "a message was not confirmed, sending it again",
        );
        await pause(RETRY_MS);
      }
    }
  }

  /** The server says that something stands behind `after` already: an earlier try of ours, or somebody else's message. */
  async #ourPlace(id: string, position: number, cause: unknown): Promise<number> {
    const endMs = performance.now() + LOOK_TIMEOUT_MS;
    while (performance.now() < endMs) {
      const found = await this.at(position).catch(() => null);
      if (found?.id === id) return position;
      if (found !== null)
        throw new BerthError("E_NOT_LEADER", "another scheduler has written to the ledger", { cause });
      // Purged by whoever came after us, or not there yet.
      const { first } = await this.ends().catch(() => ({ first: 0 }));
      if (first > position)
        throw new BerthError("E_NOT_LEADER", "another scheduler has written to the ledger", { cause });
      await pause(RETRY_MS);
    }
    throw new BerthError("E_TIMEOUT", "the log does not show what stands at its end", { cause });
  }

  /**
   * Messages from `position` on, live, until `signal`. Connections that are lost are made again; there is no gap and no
   * repetition. Throws MessagesPurged when messages that were to come are.
   */
  async *read(position: number, signal: AbortSignal): AsyncIterable<LogMessage> {
    let next = position;
    while (!signal.aborted) {
      let messages: ConsumerMessages | null = null;
      const stop = (): void => messages?.stop();
      signal.addEventListener("abort", stop);
      const looking = this.#watchReader(() => next, stop);
      try {
        messages = await this.#open(next);
        // Nobody closes what came only after the signal.
        if (signal.aborted) return;
        for await (const message of messages) {
          if (signal.aborted) return;
          if (message.seq < next) continue;
          if (message.seq > next)
            throw new MessagesPurged(`messages ${next} to ${message.seq - 1} of the log are purged`);
          next = message.seq + 1;
          yield messageOf(message.seq, message.headers, message.data);
        }
      } catch (error) {
        if (error instanceof BerthError) throw error;
        if (!signal.aborted)
          this.#access.log.warn({ err: error, stream: this.#options.stream }, "reading the log again");
      } finally {
        clearInterval(looking);
        signal.removeEventListener("abort", stop);
        // Not `close`: that would wait for what nobody reads any more.
        messages?.stop();
      }
      if (!signal.aborted) await pause(RETRY_MS);
    }
  }

  /**
   * A consumer that lived on a nats-server that was killed may go on without ever giving anything again (seen with three
   * servers 2.9.10): what is there for two looks and does not come is read by another one.
   */
  #watchReader(next: () => number, stop: () => void): NodeJS.Timeout {
    let overdue: number | null = null;
    const look = async (): Promise<void> => {
      const wanted = next();
      const { last } = await this.ends();
      if (wanted > last || wanted !== next()) overdue = null;
      else if (overdue !== wanted) overdue = wanted;
      else {
        this.#access.log.warn({ stream: this.#options.stream, wanted, last }, "the log does not come, reading it anew");
        stop();
      }
    };
    return setInterval(() => void look().catch(() => undefined), STUCK_LOOK_MS);
  }

  async #open(position: number): Promise<ConsumerMessages> {
    const consumer = await this.#access.client.consumers.get(this.#options.stream, {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: position,
    });
    return await consumer.consume({ max_messages: 500, expires: READ_EXPIRES_MS, idle_heartbeat: 1_000 });
  }

  /** The log's subjects that match the pattern, with how many messages each has. */
  async subjects(pattern: string): Promise<ReadonlyMap<string, number>> {
    const { state } = await this.#access.quick.streams.info(this.#options.stream, { subjects_filter: pattern });
    return new Map(Object.entries(state.subjects ?? {}));
  }

  /** The first `count` messages of one subject, each asked for. Throws MessagesPurged when one is not there any more. */
  async *readOf(subject: string, count: number): AsyncIterable<LogMessage> {
    for (let read = 0, position = 1; read < count; read++) {
      const query = { seq: position, next_by_subj: subject };
      const found = await this.#access.quick.streams.getMessage(this.#options.stream, query);
      if (found === null) throw new MessagesPurged(`${subject} was purged while it was read`);
      position = found.seq + 1;
      yield messageOf(found.seq, found.header, found.data);
    }
  }

  async lastOf(subject: string): Promise<LogMessage | null> {
    const found = await this.#access.quick.streams.getMessage(this.#options.stream, { last_by_subj: subject });
    return found === null ? null : messageOf(found.seq, found.header, found.data);
  }

  /** Forgets all messages before `position`. */
  async purgeBefore(position: number): Promise<void> {
    await this.#access.quick.streams.purge(this.#options.stream, { seq: position });
  }

  async purgeSubject(subject: string): Promise<void> {
    await this.#access.quick.streams.purge(this.#options.stream, { filter: subject });
  }
}

function messageOf(position: number, fields: MsgHdrs | undefined, body: Uint8Array): LogMessage {
  const [part = 1, parts = 1] = (fields?.get(PART_HEADER) ?? "").split("/").map((text) => Number(text) || 1);
  return { position, id: fields?.get("Nats-Msg-Id") ?? "", part, parts, body };
}

function isWrongLast(error: unknown): boolean {
  if (!(error instanceof JetStreamApiError)) return false;
  const codes: readonly number[] = [
    JetStreamApiCodes.StreamWrongLastSequence,
    JetStreamApiCodes.StreamWrongLastSequenceUnknown,
  ];
  return codes.includes(error.code);
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
