import type { DatabaseSync } from "node:sqlite";
import { BerthError } from "#shared/errors.ts";
import type { Change, DetailKind, RecordTypes } from "#shared/model/records.ts";
import type { Ledger, LoadedLedger } from "./ledger.ts";
import { RecordTables } from "./record-tables.ts";
import { copyLedger } from "./sqlite-copy.ts";
import { type LedgerFileOptions, openLedgerFile } from "./sqlite-file.ts";

/** Its name in the data folder. */
export const LEDGER_FILE = "ledger.sqlite";

/**
 * The ledger of one scheduler: an SQLite file (WAL, synchronous=FULL), one transaction a commit. SQLite in Node is
 * synchronous: a commit holds the event loop for one write to the disk, which is why the engine gathers its changes.
 * Throws E_NEWER_DATA, E_LEDGER_LOCKED (another process has it) or E_LEDGER.
 */
export async function openSqliteLedger(path: string, options: LedgerFileOptions = {}): Promise<EmbeddedLedger> {
  return new SqliteLedger(await openLedgerFile(path, options), path);
}

export interface EmbeddedLedger extends Ledger {
  /** Copies it, as of one commit, into a new file while commits go on; returns that commit. */
  copyTo(path: string): Promise<number>;
}

class SqliteLedger implements EmbeddedLedger {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #tables: RecordTables;

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
    this.#tables = new RecordTables(database, path);
  }

  async load(): Promise<LoadedLedger> {
    return { seq: this.#tables.seq, changes: this.#tables.records() };
  }

  async commit(seq: number, changes: readonly Change[]): Promise<void> {
    try {
      this.#tables.transact(() => this.#tables.commit(seq, changes));
    } catch (error) {
      if (error instanceof BerthError) throw error;
      throw new BerthError("E_LEDGER", `the ledger ${this.#path} did not take commit ${seq}`, { cause: error });
    }
  }

  async readDetails<K extends DetailKind>(kind: K, ownerId: string): Promise<RecordTypes[K][]> {
    return this.#tables.details(kind, ownerId);
  }

  copyTo(path: string): Promise<number> {
    return copyLedger(this.#database, path);
  }

  async close(): Promise<void> {
    this.#database.close();
  }
}
