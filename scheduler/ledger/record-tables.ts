import type { DatabaseSync, StatementSync } from "node:sqlite";
import { BerthError } from "#shared/errors.ts";
import {
  type Change,
  changeOf,
  type DetailKind,
  detailId,
  isDetail,
  type RecordKind,
  type RecordTypes,
  recordParsers,
  STATE_KINDS,
  type StateKind,
} from "#shared/model/records.ts";
import type { Parser } from "#shared/schema.ts";

const PARSERS: { readonly [K in RecordKind]: Parser<RecordTypes[K]> } = recordParsers;

/** The records in an SQLite file of `sqlite-file.ts`, read and written. Nothing here begins or ends a transaction by itself. */
export class RecordTables {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #begin: StatementSync;
  readonly #end: StatementSync;
  readonly #advance: StatementSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #putDetail: StatementSync;
  readonly #removeDetail: StatementSync;
  readonly #details: StatementSync;

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
    this.#putDetail = database.prepare(
      "INSERT INTO details (kind, owner_id, n, body) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
    );
    this.#removeDetail = database.prepare("DELETE FROM details WHERE kind = ? AND owner_id = ? AND n = ?");
    this.#details = database.prepare("SELECT n, body FROM details WHERE owner_id = ? AND kind = ? ORDER BY n");
  }

  get seq(): number {
    const seq = this.#database.prepare("SELECT seq FROM meta").get()?.seq;
    if (typeof seq !== "number") throw this.broken("has no number of its last commit");
    return seq;
  }

  /** One transaction: all of `write`, or nothing. */
  transact(write: () => void): void {
    this.#begin.run();
    try {
      write();
      this.#end.run();
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  /** Writes a commit, in a transaction of the caller's. Throws E_LEDGER when it does not follow the last one. */
  commit(seq: number, changes: readonly Change[]): void {
    if (this.#advance.run(seq).changes !== 1)
      throw new BerthError("E_LEDGER", `commit ${seq} does not follow the ledger's last one`);
    for (const change of changes) this.write(change);
  }

  write({ kind, id, record }: Change): void {
    if (isDetail(kind)) {
      const { ownerId, n } = detailKey(id);
      if (record === null) this.#removeDetail.run(kind, ownerId, n);
      else this.#putDetail.run(kind, ownerId, n, JSON.stringify(record));
    } else if (record === null) this.#remove.run(kind, id);
    else this.#put.run(kind, id, JSON.stringify(record));
  }

  /** All but the details, one record at a time, so that loading never holds the texts of all of them. */
  *records(): Iterable<Change> {
    const rows = this.#database.prepare("SELECT kind, id, body FROM records ORDER BY ordinal");
    for (const { kind: name, id, body } of rows.iterate()) {
      const kind = STATE_KINDS.find((known) => known === name);
      if (kind === undefined) throw this.broken(`holds a record ${id} of the unknown kind ${name}`);
      yield this.#change(kind, String(id), body);
    }
  }

  details<K extends DetailKind>(kind: K, ownerId: string): RecordTypes[K][] {
    return this.#details.all(ownerId, kind).map(({ n, body }) => this.#parse(kind, detailId(ownerId, Number(n)), body));
  }

  broken(what: string, cause?: unknown): BerthError {
    return new BerthError("E_LEDGER", `the ledger ${this.#path} ${what}`, cause === undefined ? {} : { cause });
  }

  #change<K extends StateKind>(kind: K, id: string, body: unknown): Change {
    return changeOf(kind, id, this.#parse(kind, id, body));
  }

  #parse<K extends RecordKind>(kind: K, id: string, body: unknown): RecordTypes[K] {
    try {
      return PARSERS[kind].parse(JSON.parse(String(body)), "it");
    } catch (error) {
      throw this.broken(`holds a broken record: ${kind} ${id}`, error);
    }
  }
}

/** The parts of what `detailId` made. */
function detailKey(id: string): { readonly ownerId: string; readonly n: number } {
  const slash = id.lastIndexOf("/");
  return { ownerId: id.slice(0, slash), n: Number(id.slice(slash + 1)) };
}
