import { mkdir, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { BerthError } from "#shared/errors.ts";
import { RECORD_FORM, type RecordForm } from "#shared/model/record-migrations.ts";
import { syncFolder } from "../sync-folder.ts";
import { DETAILS_TABLE, upgradeRecords } from "./sqlite-upgrade.ts";

/** How long a start waits for a scheduler that is just leaving. It blocks the event loop, which nobody uses yet. */
const LOCK_WAIT_MS = 2_000;

/** SQLite's primary result codes, in the low byte of the extended ones. */
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/**
 * `ordinal` is the order of creation: an update keeps it, and a new record's is above all that stand.
 * `meta` has one row: the form of the records, and the last commit. Details are read by their owners only.
 */
const TABLES = `
  CREATE TABLE meta (version INTEGER NOT NULL, seq INTEGER NOT NULL) STRICT;
  CREATE TABLE records (
    ordinal INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (kind, id)
  ) STRICT;
  ${DETAILS_TABLE}
`;

export interface LedgerFileOptions {
  /** Today's form of the records; for tests of upgrades another. */
  readonly form?: RecordForm;
  /** Told once, as a sentence, when an older ledger was brought to today's form. */
  readonly onUpgrade?: (sentence: string) => void;
  /** false: a power cut may take the last commits, and never half of one. For what can be had again. */
  readonly durable?: boolean;
}

/**
 * Opens the ledger's file, or makes it with its folder. An older one's records are brought to today's form, all or none.
 * The lock is held until the database is closed, and the kernel gives it back when the process dies. Throws E_NEWER_DATA
 * (nothing is written then), E_LEDGER_LOCKED, E_LEDGER.
 */
export async function openLedgerFile(
  path: string,
  { form = RECORD_FORM, onUpgrade, durable = true }: LedgerFileOptions = {},
): Promise<DatabaseSync> {
  const isNew = (await sizeBytes(path)) === 0;
  if (isNew) await createEmpty(path);
  else explained(path, () => refuseForeign(path, form));
  const database = explained(path, () => new DatabaseSync(path, { timeout: LOCK_WAIT_MS }));
  try {
    const changes = explained(path, () => takeOver(database, form, durable));
    if (changes.length > 0)
      onUpgrade?.(`the ledger's records were brought to version ${form.version}: ${changes.join("; ")}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** 0 for a file that is not there, as for one whose creation a crash cut short. */
async function sizeBytes(path: string): Promise<number> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw new BerthError("E_LEDGER", `the ledger ${path} cannot be looked at`, { cause: error });
  });
  return found?.size ?? 0;
}

/** The file holds sealed secrets and users' names for things: it is the scheduler's alone. SQLite's own files follow its mode. */
async function createEmpty(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await (await open(path, "a", 0o600)).close();
    await syncFolder(dirname(path));
  } catch (error) {
    throw new BerthError("E_LEDGER", `the ledger ${path} cannot be created`, { cause: error });
  }
}

/** Looks by a connection that cannot write, so that a newer program's file stays as it is. */
function refuseForeign(path: string, form: RecordForm): void {
  const database = new DatabaseSync(path, { readOnly: true, timeout: LOCK_WAIT_MS });
  try {
    const tables = new Set(
      database
        .prepare("SELECT name FROM sqlite_master")
        .all()
        .map(({ name }) => name),
    );
    if (tables.size === 0) return;
    if (!tables.has("meta")) throw new BerthError("E_LEDGER", `${path} is a database, but not a ledger of Berth`);
    const version = database.prepare("SELECT version FROM meta").get()?.version;
    if (version === form.version || form.migrations.some(({ from }) => from === version)) return;
    if (typeof version === "number" && version > form.version)
      throw new BerthError(
        "E_NEWER_DATA",
        `the ledger ${path} was written by a newer Berth (records version ${version}, this program knows ${form.version})`,
      );
    throw new BerthError("E_LEDGER", `the ledger ${path} has the unknown records version ${version}`);
  } finally {
    database.close();
  }
}

/** Returns what was changed in an older ledger. */
function takeOver(database: DatabaseSync, form: RecordForm, durable: boolean): readonly string[] {
  // EXCLUSIVE before WAL: the lock is then kept from the first transaction on, and no index is shared by a file.
  database.exec("PRAGMA locking_mode = EXCLUSIVE");
  database.exec("PRAGMA journal_mode = WAL");
  database.exec(`PRAGMA synchronous = ${durable ? "FULL" : "NORMAL"}`);
  database.exec("PRAGMA cache_size = -16384");
  database.exec("BEGIN EXCLUSIVE");
  if (database.prepare("SELECT 1 FROM sqlite_master").get() === undefined) {
    database.exec(TABLES);
    database.prepare("INSERT INTO meta VALUES (?, 0)").run(form.version);
  }
  const version = Number(database.prepare("SELECT version FROM meta").get()?.version);
  const changes = version < form.version ? upgradeRecords(database, version, form) : [];
  database.exec("COMMIT");
  return changes;
}

function explained<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof BerthError) throw error;
    const code = resultCode(error);
    if (isBusy(error))
      throw new BerthError("E_LEDGER_LOCKED", `another scheduler has the ledger ${path} open, and only one can`, {
        cause: error,
      });
    if (code === SQLITE_NOTADB) throw new BerthError("E_LEDGER", `${path} is not a ledger of Berth`, { cause: error });
    throw new BerthError("E_LEDGER", `the ledger ${path} cannot be opened`, { cause: error });
  }
}

/** Another connection, mostly another process, has the file. */
export function isBusy(error: unknown): boolean {
  return resultCode(error) === SQLITE_BUSY;
}

/** No scheduler can open it: it is broken, or no database at all. */
export function isBroken(error: unknown): boolean {
  return resultCode(error) === SQLITE_CORRUPT || resultCode(error) === SQLITE_NOTADB;
}

function resultCode(error: unknown): number | null {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number"
    ? error.errcode & 0xff
    : null;
}
