import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { type AppendLog, type LogMessage, MessagesPurged } from "#shared/bus/append-log.ts";
import type { Bus } from "#shared/bus.ts";
import { asBerthError, BerthError } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import type { Change, DetailKind, RecordTypes } from "#shared/model/records.ts";
import { LedgerCopy, type Origin } from "./copy.ts";
import type { Ledger, LoadedLedger } from "./ledger.ts";
import { decodeMessage, encodeMessage, type LedgerMessage } from "./messages.ts";
import { type FoundSnapshot, Snapshots } from "./snapshots.ts";

/** Longer than the election of a stream's leader takes (7 to 8 s). */
const WRITE_LIMIT_MS = 25_000;
const SNAPSHOT_EVERY_BYTES = 64 * 1024 * 1024;
/** How often a new leader may find that the old one has written once more. */
const LEAD_TRIES = 20;
/** How often a reader may be overtaken by snapshots. */
const READ_TRIES = 10;

export interface JetStreamLedgerOptions {
  readonly bus: Bus;
  /** Of the copy, this scheduler's alone. */
  readonly copyPath: string;
  /** Who writes, for people who look into the log. */
  readonly schedulerId: string;
  readonly log: Logger;
  /** Of the streams and subjects; for tests, which share a server. */
  readonly name?: string;
  /** Open it though all was moved elsewhere: for who fills it anew. */
  readonly evenIfMoved?: boolean;
  /** After so much has been written a snapshot is made, and what is older is purged. */
  readonly snapshotEveryBytes?: number;
}

/** Told each commit of the leader, once it is in the copy. */
export type CommitListener = (seq: number, changes: readonly Change[]) => void;

/**
 * The ledger of several schedulers: a JetStream stream with one message a commit. Each writer says behind which message
 * its own must stand, and only one is under way at a time, so that two schedulers can never both write on: the first
 * message of a new leader fences the old one off. A commit larger than a message is written in parts, and counts when the
 * last is there. From time to time a snapshot is made, and older messages are purged.
 */
export class JetStreamLedger implements Ledger {
  readonly #log: AppendLog;
  readonly #snapshots: Snapshots;
  readonly #copy: LedgerCopy;
  readonly #logger: Logger;
  readonly #by: string;
  readonly #snapshotEveryBytes: number;
  readonly #evenIfMoved: boolean;
  #isMoved = false;
  #created = "";
  /** The last message seen, be it a part of an unfinished commit. */
  #end = 0;
  #parts: Uint8Array[] = [];
  #bytesSinceSnapshot = 0;
  #snapshot: Promise<void> | null = null;
  #failure: BerthError | null = null;
  #closed = false;

  /**
   * Opens it as a follower, with all there is. Throws E_NEWER_DATA, E_LEDGER_LOCKED (another process has the copy), E_LEDGER;
   * what nats-server cannot answer now is thrown as it comes.
   */
  static async open(options: JetStreamLedgerOptions): Promise<JetStreamLedger> {
    const { bus, name = "BERTH" } = options;
    const log = bus.appendLog({ stream: `${name}_LEDGER`, subject: `berth.ledger.${name}` });
    const snapshotPrefix = `berth.snapshot.${name}`;
    const snapshotLog = bus.appendLog({ stream: `${name}_SNAPSHOT`, subject: `${snapshotPrefix}.*` });
    await Promise.all([log.ensure(), snapshotLog.ensure()]);
    const copy = await LedgerCopy.open(options.copyPath);
    const ledger = new JetStreamLedger(options, log, new Snapshots(snapshotLog, snapshotPrefix), copy);
    try {
      await ledger.#readAll();
      return ledger;
    } catch (error) {
      copy.close();
      throw error;
    }
  }

  private constructor(options: JetStreamLedgerOptions, log: AppendLog, snapshots: Snapshots, copy: LedgerCopy) {
    this.#log = log;
    this.#snapshots = snapshots;
    this.#copy = copy;
    this.#logger = options.log;
    this.#by = options.schedulerId;
    this.#evenIfMoved = options.evenIfMoved ?? false;
    this.#snapshotEveryBytes = options.snapshotEveryBytes ?? SNAPSHOT_EVERY_BYTES;
  }

  /** The last commit that is known here. */
  get seq(): number {
    return this.#copy.seq;
  }

  async load(): Promise<LoadedLedger> {
    return { seq: this.#copy.seq, changes: this.#copy.records() };
  }

  async readDetails<K extends DetailKind>(kind: K, ownerId: string): Promise<RecordTypes[K][]> {
    return this.#copy.details(kind, ownerId);
  }

  /** Takes in commits as they are written, until `signal`. Throws when it cannot go on: then it must be opened anew. */
  async follow(listener: CommitListener, signal: AbortSignal): Promise<void> {
    for await (const message of this.#log.read(this.#end + 1, signal)) this.#take(message, listener);
  }

  /** Takes in what has been written up to now. */
  async catchUp(listener: CommitListener): Promise<void> {
    const { last } = await this.#log.ends();
    if (this.#end >= last) return;
    const stop = new AbortController();
    for await (const message of this.#log.read(this.#end + 1, stop.signal)) {
      this.#take(message, listener);
      if (this.#end >= last) break;
    }
    stop.abort();
  }

  /** From here on this scheduler writes, and whoever did before cannot any more. */
  async lead(listener: CommitListener = () => undefined): Promise<void> {
    for (let tries = 1; ; tries++) {
      await this.catchUp(listener);
      try {
        await this.#append({ kind: "lead", seq: this.seq, by: this.#by, changes: [] });
        return;
      } catch (error) {
        const { code } = asBerthError(error);
        if (code !== "E_NOT_LEADER" || tries === LEAD_TRIES) throw error;
        await pause(50);
      }
    }
  }

  /** E_NOT_LEADER: another scheduler writes now, or will: nobody knows then whether this was written. E_LEDGER: it cannot be. */
  async commit(seq: number, changes: readonly Change[]): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    if (seq !== this.seq + 1) throw new BerthError("E_LEDGER", `commit ${seq} does not follow the ledger's last one`);
    try {
      const origin = await this.#append({ kind: "commit", seq, by: this.#by, changes });
      this.#copy.apply(seq, changes, origin);
    } catch (cause) {
      const { code } = asBerthError(cause);
      if (code === "E_TIMEOUT")
        throw new BerthError("E_NOT_LEADER", `nats-server did not say whether it took commit ${seq}`, { cause });
      throw code === "E_NOT_LEADER"
        ? cause
        : new BerthError("E_LEDGER", `the ledger did not take commit ${seq}`, { cause });
    }
    this.#snapshotWhenDue();
  }

  /** Makes a snapshot, and purges what is older than the one before it. */
  async snapshot(): Promise<void> {
    const { seq, origin } = this.#copy;
    this.#bytesSinceSnapshot = 0;
    const needed = await this.#snapshots.write(seq, origin, this.#whileOpen());
    if (needed > 1) await this.#log.purgeBefore(needed);
    this.#logger.info({ seq, position: origin.position }, "ledger snapshot made");
  }

  /** Holds from here on what another ledger held as of its commit `seq`. Throws E_CONFLICT unless it is empty or was moved away. */
  async fill(seq: number, slices: Iterable<readonly string[]>): Promise<void> {
    if (this.seq > 0 && !this.#isMoved)
      throw new BerthError("E_CONFLICT", `the ledger on nats-server holds records already (commit ${this.seq})`);
    const position = this.#end;
    const message = position === 0 ? "" : ((await this.#log.at(position))?.id ?? "");
    await this.#snapshots.write(seq, { log: this.#created, position, message }, slices, true);
    // What was before must not be read again: not the old records, and not that they were moved away.
    if (this.#isMoved) await this.#log.purgeBefore(position + 1);
    this.#isMoved = false;
    await this.#fitCopy();
  }

  /** Ends it: whoever opens it is told that all was moved elsewhere. Only after `lead`. */
  async endAsMoved(): Promise<void> {
    await this.#append({ kind: "moved", seq: this.seq, by: this.#by, changes: [] });
  }

  /** Copies what is committed, as of one commit, into a new file while commits go on; returns that commit. */
  async copyTo(path: string): Promise<number> {
    return await this.#copy.copyTo(path);
  }

  /** The records and details as JSON, for whoever takes them elsewhere. */
  slices(): Iterable<readonly string[]> {
    return this.#copy.slices();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#snapshot?.catch(() => undefined);
    this.#copy.close();
  }

  /** What is read may be purged meanwhile, for there is a newer snapshot: then once more. */
  async #readAll(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#fitCopy();
        await this.catchUp(() => undefined);
        return;
      } catch (error) {
        if (!(error instanceof MessagesPurged) || tries === READ_TRIES) throw error;
      }
    }
  }

  /** Takes the copy as it is if it fits to the log, else makes it anew: from the last snapshot, or empty. */
  async #fitCopy(): Promise<void> {
    const { created, first, last } = await this.#log.ends();
    this.#created = created;
    const { origin } = this.#copy;
    const found = await this.#snapshots.latest(created);
    if (await this.#fits(origin, first, last, found)) {
      this.#end = origin.position;
      return;
    }
    if (origin.position > 0)
      this.#logger.warn({ ...origin, first, last }, "the copy of the ledger does not fit any more and is made anew");
    if (found === null && first > 1)
      throw new BerthError("E_LEDGER", `the ledger begins at message ${first} and has no snapshot of what was before`);
    const { seq = 0, position = 0, message = "" } = found?.end ?? {};
    const batches = found === null ? none() : this.#snapshots.read(found);
    await this.#copy.rebuild(seq, { log: created, position, message }, batches);
    this.#end = position;
  }

  async #fits(
    { log, position, message }: Origin,
    first: number,
    last: number,
    snapshot: FoundSnapshot | null,
  ): Promise<boolean> {
    if (log !== this.#created || position > last) return false;
    // The ledger was filled from elsewhere, with nothing written meanwhile.
    if (snapshot !== null && snapshot.end.position <= position && snapshot.end.seq > this.seq) return false;
    if (position === 0) return first <= 1;
    return position >= first && (await this.#log.at(position))?.id === message;
  }

  #take(message: LogMessage, listener: CommitListener): void {
    this.#end = message.position;
    if (message.part === 1) this.#parts = [];
    this.#parts.push(message.body);
    if (message.part < message.parts) return;
    const parts = this.#parts;
    this.#parts = [];
    // The beginning of a commit whose writer was fenced off in the midst of it.
    if (parts.length !== message.parts) return;
    const { kind, seq, changes } = decodeMessage(Buffer.concat(parts), `message ${message.position} of the ledger`);
    const origin = { log: this.#created, position: message.position, message: message.id };
    if (kind === "moved" && !this.#evenIfMoved)
      throw new BerthError("E_LEDGER_MOVED", `the ledger on nats-server was moved elsewhere at commit ${seq}`);
    if (kind !== "commit") {
      if (seq !== this.seq) throw new BerthError("E_LEDGER", `commits ${this.seq + 1} to ${seq} are not in the log`);
      // That all was moved is read again by whoever opens it, with whatever copy.
      this.#isMoved = kind === "moved";
      if (kind === "lead") this.#copy.moveTo(origin);
      return;
    }
    this.#copy.apply(seq, changes, origin);
    listener(seq, changes);
  }

  async #append(message: LedgerMessage): Promise<Origin> {
    const body = encodeMessage(message);
    const id = randomUUID();
    const limit = this.#log.maxBodyBytes;
    const parts = Math.max(1, Math.ceil(body.length / limit));
    try {
      for (let part = 1; part <= parts; part++) {
        const slice = body.subarray((part - 1) * limit, part * limit);
        const own = { id: `${id}.${part}`, part, parts, body: slice };
        this.#end = await this.#log.append(own, this.#end, WRITE_LIMIT_MS);
      }
    } catch (error) {
      // A new leader's mark may be tried again; after a commit nobody knows what stands there.
      if (message.kind === "commit") this.#failure = asBerthError(error);
      throw error;
    }
    this.#bytesSinceSnapshot += body.length;
    const origin = { log: this.#created, position: this.#end, message: `${id}.${parts}` };
    if (message.kind === "lead") this.#copy.moveTo(origin);
    return origin;
  }

  #snapshotWhenDue(): void {
    if (this.#bytesSinceSnapshot < this.#snapshotEveryBytes || this.#snapshot !== null) return;
    this.#snapshot = this.snapshot()
      .catch((error) => this.#logger.warn({ err: error }, "a snapshot of the ledger failed; the next will be tried"))
      .finally(() => {
        this.#snapshot = null;
      });
  }

  /** A snapshot that is under way when the ledger is closed is given up. */
  *#whileOpen(): Iterable<readonly string[]> {
    for (const slice of this.#copy.slices()) {
      yield slice;
      if (this.#closed) throw new BerthError("E_UNAVAILABLE", "the ledger is being closed");
    }
  }
}

async function* none(): AsyncIterable<readonly Change[]> {}
