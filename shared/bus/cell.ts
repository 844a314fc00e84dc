import { DiscardPolicy, JetStreamApiCodes, JetStreamApiError, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import { BerthError } from "../errors.ts";
import { ensureStream, maxBodyBytes, type StreamAccess } from "./stream-access.ts";

export interface CellOptions {
  readonly stream: string;
  /** All cells of the stream. */
  readonly subjects: string;
  readonly subject: string;
  readonly replicas: number;
}

export interface CellValue {
  readonly body: Uint8Array;
  /** Changes with each write. */
  readonly revision: number;
}

/**
 * One value that several write by compare-and-set: a key of a KV bucket, made of a stream that keeps one message a
 * subject.
 */
export class Cell {
  readonly maxBodyBytes: number;
  readonly #access: StreamAccess;
  readonly #options: CellOptions;

  constructor(access: StreamAccess, options: CellOptions) {
    this.#access = access;
    this.#options = options;
    this.maxBodyBytes = maxBodyBytes(access);
  }

  /** Makes the stream behind it, or brings its settings up to date. */
  async ensure(): Promise<void> {
    const { stream, subjects, replicas } = this.#options;
    await ensureStream(this.#access, stream, {
      subjects: [subjects],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      discard: DiscardPolicy.Old,
      max_msgs_per_subject: 1,
      num_replicas: replicas,
    });
  }

  /** null: never written. */
  async read(): Promise<CellValue | null> {
    const { stream, subject } = this.#options;
    const { quick, watch } = this.#access;
    const found = await watch.asked(quick.streams.getMessage(stream, { last_by_subj: subject }));
    return found === null ? null : { body: found.data, revision: found.seq };
  }

  /**
   * Writes over the value of that revision (0: none) and returns the new one; null: somebody else was first. What throws
   * may have been written.
   */
  async write(body: Uint8Array, over: number, timeoutMs: number): Promise<number | null> {
    if (body.length > this.maxBodyBytes)
      throw new BerthError(
        "E_TOO_LARGE",
        `${body.length} bytes are more than nats-server takes (${this.maxBodyBytes})`,
      );
    try {
      const { client, watch } = this.#access;
      const ack = await watch.written(
        client.publish(this.#options.subject, body, { timeout: timeoutMs, expect: { lastSubjectSequence: over } }),
      );
      return ack.seq;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamWrongLastSequence) return null;
      throw error;
    }
  }
}
