import type { DatabaseSync, StatementSync } from "node:sqlite";
import { BerthError } from "#shared/errors.ts";
import type { PlacementRecord } from "#shared/model/placement.ts";
import {
  type Change,
  changeOf,
  type RecordKind,
  type RecordTypes,
  recordParsers,
  STATE_KINDS,
  type StateKind,
} from "#shared/model/records.ts";
import type { Parser } from "#shared/schema.ts";
import type { Ledger, LoadedLedger } from "./ledger.ts";
import { copyLedger } from "./sqlite-copy.ts";
import { type LedgerFileOptions, openLedgerFile } from "./sqlite-file.ts";

/** Its name in the data folder. */
export const LEDGER_FILE = "ledger.sqlite";

const PARSERS: { readonly [K in RecordKind]: Parser<RecordTypes[K]> } = recordParsers;

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
  readonly #begin: StatementSync;
  readonly #end: StatementSync;
  readonly #advance: StatementSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #putPlacement: StatementSync;
  readonly #removePlacement: StatementSync;
  readonly #placements: StatementSync;

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#end = database.prepare("COMMIT");
    this.#advance = database.prepare("UPDATE meta SET seq = ?1 WHERE seq = ?1 - 1");
    this.#put = database.prepare(
      "INSERT INTO records (kind, id, body) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
    );
    this.#remove = database.prepare("DELETE FROM records WHERE kind = ? AND id = ?");
    this.#putPlacement = database.prepare(
      "INSERT INTO placements (volume_id, round, body) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
    );
    this.#removePlacement = database.prepare("DELETE FROM placements WHERE volume_id = ? AND round = ?");
    this.#placements = database.prepare("SELECT round, body FROM placements WHERE volume_id = ? ORDER BY round");
  }

  async load(): Promise<LoadedLedger> {
    const seq = this.#database.prepare("SELECT seq FROM meta").get()?.seq;
    if (typeof seq !== "number") throw this.#broken("has no number of its last commit");
    return { seq, changes: this.#records() };
  }

  async commit(seq: number, changes: readonly Change[]): Promise<void> {
    try {
      this.#begin.run();
      if (this.#advance.run(seq).changes !== 1)
        throw new BerthError("E_LEDGER", `commit ${seq} does not follow the ledger's last one`);
      for (const change of changes) this.#write(change);
      this.#end.run();
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      if (error instanceof BerthError) throw error;
      throw new BerthError("E_LEDGER", `the ledger ${this.#path} did not take commit ${seq}`, { cause: error });
    }
  }

  async readPlacements(volumeId: string): Promise<PlacementRecord[]> {
    return this.#placements
      .all(volumeId)
      .map(({ round, body }) => this.#parse("placement", `${volumeId}/${round}`, body));
  }

  copyTo(path: string): Promise<number> {
    return copyLedger(this.#database, path);
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  #write({ kind, id, record }: Change): void {
    if (kind === "placement") {
      const { volumeId, round } = placementKey(id);
      if (record === null) this.#removePlacement.run(volumeId, round);
      else this.#putPlacement.run(volumeId, round, JSON.stringify(record));
    } else if (record === null) this.#remove.run(kind, id);
    else this.#put.run(kind, id, JSON.stringify(record));
  }

  /** One record at a time, so that loading never holds the texts of all of them. */
  *#records(): Iterable<Change> {
    const rows = this.#database.prepare("SELECT kind, id, body FROM records ORDER BY ordinal");
    for (const { kind: name, id, body } of rows.iterate()) {
      const kind = STATE_KINDS.find((known) => known === name);
      if (kind === undefined) throw this.#broken(`holds a record ${id} of the unknown kind ${name}`);
      yield this.#change(kind, String(id), body);
    }
  }

  #change<K extends StateKind>(kind: K, id: string, body: unknown): Change {
    return changeOf(kind, id, this.#parse(kind, id, body));
  }

  #parse<K extends RecordKind>(kind: K, id: string, body: unknown): RecordTypes[K] {
    try {
      return PARSERS[kind].parse(JSON.parse(String(body)), "it");
    } catch (error) {
      throw this.#broken(`holds a broken record: ${kind} ${id}`, error);
    }
  }

  #broken(what: string, cause?: unknown): BerthError {
    return new BerthError("E_LEDGER", `the ledger ${this.#path} ${what}`, cause === undefined ? {} : { cause });
  }
}

/** The parts of what `placementId` made. */
function placementKey(id: string): { readonly volumeId: string; readonly round: number } {
  const slash = id.lastIndexOf("/");
  return { volumeId: id.slice(0, slash), round: Number(id.slice(slash + 1)) };
}
