import { randomUUID } from "node:crypto";
import type { AppendLog } from "#shared/bus/append-log.ts";
import type { Change } from "#shared/model/records.ts";
import type { Origin } from "./copy.ts";
import { decodeChunk, decodeEnd, encodeChunk, encodeEnd, type SnapshotEnd } from "./messages.ts";

/** Well below what a message may have, and few enough changes to be parsed in one go. */
const CHUNK_BYTES = 256 * 1024;
const WRITE_LIMIT_MS = 30_000;

export interface FoundSnapshot {
  readonly subject: string;
  readonly end: SnapshotEnd;
}

/**
 * Snapshots of the records, each under a subject of its own: chunks, and an end that says where in the ledger to go on.
 * One without an end counts for nothing. Two schedulers may write at a time: each is whole and true by itself.
 */
export class Snapshots {
  readonly #log: AppendLog;
  readonly #prefix: string;

  constructor(log: AppendLog, prefix: string) {
    this.#log = log;
    this.#prefix = prefix;
  }

  /**
   * Writes one, then forgets all but the one before it, which somebody may be reading; `only`: all others. Returns the
   * position in the ledger from which on messages are still needed.
   */
  async write(seq: number, origin: Origin, slices: Iterable<readonly string[]>, only = false): Promise<number> {
    const id = `${seq}-${randomUUID()}`;
    const subject = `${this.#prefix}.${id}`;
    let chunks = 0;
    const add = async (body: Uint8Array): Promise<void> => {
      await this.#log.add({ id: `${id}.${chunks}`, part: 1, parts: 1, body }, WRITE_LIMIT_MS, subject);
    };
    for (const chunk of packed(slices, Math.min(CHUNK_BYTES, this.#log.maxBodyBytes))) {
      await add(encodeChunk(chunk));
      chunks += 1;
    }
    await add(encodeEnd({ ...origin, seq, chunks }));
    const others = (await this.#subjects()).filter((other) => other !== subject && (only || this.#seqOf(other) <= seq));
    return await this.#forget(others, only ? null : origin.log);
  }

  /** Forgets all but the first whole one of this log, and what may be still written before it; returns its position. */
  async #forget(subjects: readonly string[], log: string | null): Promise<number> {
    let kept: SnapshotEnd | null = null;
    for (const subject of subjects) {
      if (kept !== null || log === null) await this.#log.purgeSubject(subject);
      else {
        const end = await this.#endOf(subject);
        if (end?.log === log) kept = end;
      }
    }
    return kept?.position ?? 0;
  }

  /** The newest whole one of this log. */
  async latest(log: string): Promise<FoundSnapshot | null> {
    for (const subject of await this.#subjects()) {
      const end = await this.#endOf(subject);
      if (end !== null && end.log === log) return { subject, end };
    }
    return null;
  }

  /** Throws MessagesPurged when a newer one has taken its place meanwhile. */
  async *read({ subject, end }: FoundSnapshot): AsyncIterable<Change[]> {
    for await (const { body } of this.#log.readOf(subject, end.chunks))
      yield decodeChunk(body, "the ledger's snapshot");
  }

  /** Of all, the newest first. */
  async #subjects(): Promise<string[]> {
    const subjects = [...(await this.#log.subjects(`${this.#prefix}.*`)).keys()];
    return subjects.sort((one, other) => this.#seqOf(other) - this.#seqOf(one));
  }

  /** null: it is not whole, or gone. */
  async #endOf(subject: string): Promise<SnapshotEnd | null> {
    const last = await this.#log.lastOf(subject);
    return last === null ? null : decodeEnd(last.body, "the ledger's snapshot");
  }

  #seqOf(subject: string): number {
    return Number.parseInt(subject.slice(this.#prefix.length + 1), 10) || 0;
  }
}

function* packed(slices: Iterable<readonly string[]>, limitBytes: number): Iterable<string[]> {
  let chunk: string[] = [];
  let bytes = 0;
  for (const slice of slices)
    for (const change of slice) {
      const size = Buffer.byteLength(change) + 1;
      if (bytes + size > limitBytes && chunk.length > 0) {
        yield chunk;
        chunk = [];
        bytes = 0;
      }
      chunk.push(change);
      bytes += size;
    }
  if (chunk.length > 0) yield chunk;
}
