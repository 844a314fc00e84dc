import type { DatabaseSync } from "node:sqlite";
import { upgrade } from "#shared/migration.ts";
import type { RawRecord, RecordForm } from "#shared/model/record-migrations.ts";

const ROWS_AT_ONCE = 1_000;

export const DETAILS_TABLE = `CREATE TABLE details (
    ordinal INTEGER PRIMARY KEY, kind TEXT NOT NULL, owner_id TEXT NOT NULL, n INTEGER NOT NULL, body TEXT NOT NULL,
    UNIQUE (owner_id, kind, n)
  ) STRICT;`;

/**
 * Rewrites all records of an older ledger in today's form; the caller's transaction makes it all or nothing.
 * Returns what was changed.
 */
export function upgradeRecords(database: DatabaseSync, from: number, form: RecordForm): readonly string[] {
  const step = (raw: RawRecord): RawRecord => upgrade(raw, from, form.migrations).value;
  if (from === 1) gatherDetails(database);
  upgradeTable(database, step);
  upgradeDetails(database, step);
  database.prepare("UPDATE meta SET version = ?").run(form.version);
  return form.migrations.filter((migration) => migration.from >= from).map(({ changes }) => changes);
}

function upgradeTable(database: DatabaseSync, step: (raw: RawRecord) => RawRecord): void {
  const update = database.prepare("UPDATE records SET kind = ?, id = ?, body = ? WHERE ordinal = ?");
  for (const row of rowsOf(database, "SELECT ordinal, kind, id, body FROM records")) {
    const { kind, id, body } = step({ kind: String(row.kind), id: String(row.id), body: JSON.parse(String(row.body)) });
    update.run(kind, id, JSON.stringify(body), row.ordinal);
  }
}

/** Until version 2 placements were the only ones, in a table of their own. */
function gatherDetails(database: DatabaseSync): void {
  database.exec(DETAILS_TABLE);
  database.exec(`INSERT INTO details (ordinal, kind, owner_id, n, body)
    SELECT ordinal, 'placement', volume_id, round, body FROM placements`);
  database.exec("DROP TABLE placements");
}

/** They have no id of their own in their table, and keep their place. */
function upgradeDetails(database: DatabaseSync, step: (raw: RawRecord) => RawRecord): void {
  const update = database.prepare("UPDATE details SET body = ? WHERE ordinal = ?");
  for (const row of rowsOf(database, "SELECT ordinal, kind, owner_id || '/' || n AS id, body FROM details")) {
    const { body } = step({ kind: String(row.kind), id: String(row.id), body: JSON.parse(String(row.body)) });
    update.run(JSON.stringify(body), row.ordinal);
  }
}

interface Row {
  readonly ordinal: number;
  readonly [column: string]: unknown;
}

/** In pages, for a table is changed while it is read. */
function* rowsOf(database: DatabaseSync, select: string): Iterable<Row> {
  const page = database.prepare(`${select} WHERE ordinal > ? ORDER BY ordinal LIMIT ${ROWS_AT_ONCE}`);
  for (let last = -1; ; ) {
    const rows = page.all(last);
    if (rows.length === 0) return;
    for (const row of rows) {
      last = Number(row.ordinal);
      yield { ...row, ordinal: last };
    }
  }
}
