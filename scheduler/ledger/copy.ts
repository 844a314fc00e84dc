import type { DatabaseSync } from "node:sqlite";
import { BerthError } from "#shared/errors.ts";
import type { Change, DetailKind, RecordTypes } from "#shared/model/records.ts";
import { RecordTables } from "./record-tables.ts";
import { copyLedger } from "./sqlite-copy.ts";
import { openLedgerFile } from "./sqlite-file.ts";

/** Up to where of which log a copy has come. */
export interface Origin {
  /** The log's own mark: another log, even under the same name, has another. */
  readonly log: string;
  readonly position: number;
  /** Of the message at that position: a log that lost its end and was written on has another one there. */
  readonly message: string;
}

const NOTHING: Origin = { log: "", position: 0, message: "" };
const SLICE_ROWS = 500;

/**
 * One scheduler's own copy of the records of a shared ledger, in an SQLite file: what explains placements and tells histories, what a restart
 * begins with, and what snapshots are made from. It is never the truth: where it does not fit it is made anew. A power
 * cut may take its last commits, which come again from the log.
 */
export class LedgerCopy {
  readonly #database: DatabaseSync;
  readonly #tables: RecordTables;
  #seq: number;
  #origin: Origin;

  /** Throws E_NEWER_DATA, E_LEDGER_LOCKED (another process has it) or E_LEDGER. */
  static async open(path: string): Promise<LedgerCopy> {
    const database = await openLedgerFile(path, { durable: false });
    try {
      return new LedgerCopy(database, path);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  private constructor(database: DatabaseSync, path: string) {
    database.exec("CREATE TABLE IF NOT EXISTS origin (log TEXT, position INTEGER, message TEXT) STRICT");
    this.#database = database;
    this.#tables = new RecordTables(database, path);
    this.#seq = this.#tables.seq;
    const row = database.prepare("SELECT log, position, message FROM origin").get();
    this.#origin =
      row === undefined
        ? NOTHING
        : { log: String(row.log), position: Number(row.position), message: String(row.message) };
  }

  /** The last commit that it holds. */
  get seq(): number {
    return this.#seq;
  }

  get origin(): Origin {
    return this.#origin;
  }

  records(): Iterable<Change> {
    return this.#tables.records();
  }

  details<K extends DetailKind>(kind: K, ownerId: string): RecordTypes[K][] {
    return this.#tables.details(kind, ownerId);
  }

  /** Takes in commit `seq`, which ends at `origin`. */
  apply(seq: number, changes: readonly Change[], origin: Origin): void {
    this.#tables.transact(() => {
      this.#tables.commit(seq, changes);
      this.#keep(origin);
    });
    this.#seq = seq;
    this.#origin = origin;
  }

  /** Nothing but the place in the log has changed. */
  moveTo(origin: Origin): void {
    this.#tables.transact(() => this.#keep(origin));
    this.#origin = origin;
  }

  /** Forgets all, and holds what is given instead. */
  async rebuild(seq: number, origin: Origin, batches: AsyncIterable<readonly Change[]>): Promise<void> {
    this.#database.exec("BEGIN IMMEDIATE; DELETE FROM records; DELETE FROM details");
    try {
      for await (const batch of batches) for (const change of batch) this.#tables.write(change);
      this.#database.prepare("UPDATE meta SET seq = ?").run(seq);
      this.#keep(origin);
      this.#database.exec("COMMIT");
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
    this.#seq = seq;
    this.#origin = origin;
  }

  /**
   * All records and details as the JSON of changes, in slices: between two of them commits may go on. What a slice holds
   * is then newer than the first one, which does no harm to who applies the commits since then once more.
   */
  *slices(): Iterable<readonly string[]> {
    yield* this.#slicesOf(
      "SELECT ordinal, kind, json_quote(id) AS name, body FROM records WHERE ordinal > ? ORDER BY ordinal LIMIT ?",
    );
    yield* this.#slicesOf(
      "SELECT ordinal, kind, json_quote(owner_id || '/' || n) AS name, body FROM details WHERE ordinal > ? ORDER BY ordinal LIMIT ?",
    );
  }

  /** Copies it, as of one commit, into a new file while commits go on; returns that commit. The file is an embedded ledger. */
  async copyTo(path: string): Promise<number> {
    return await copyLedger(this.#database, path);
  }

  close(): void {
    this.#database.close();
  }

  *#slicesOf(query: string): Iterable<readonly string[]> {
    const statement = this.#database.prepare(query);
    for (let after = 0; ; ) {
      const rows = statement.all(after, SLICE_ROWS);
      const last = rows.at(-1)?.ordinal;
      if (last === undefined) return;
      if (typeof last !== "number") throw new BerthError("E_LEDGER", "the ledger's copy has no order");
      yield rows.map(
        ({ kind, name, body }) => `{"kind":"${String(kind)}","id":${String(name)},"record":${String(body)}}`,
      );
      after = last;
    }
  }

  #keep({ log, position, message }: Origin): void {
    this.#database.exec("DELETE FROM origin");
    this.#database.prepare("INSERT INTO origin VALUES (?, ?, ?)").run(log, position, message);
  }
}
