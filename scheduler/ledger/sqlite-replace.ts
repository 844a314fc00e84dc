import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { BerthError } from "#shared/errors.ts";
import { isBroken, isBusy } from "./sqlite-file.ts";

/**
 * How far a restored ledger's numbers leap: further than any ledger gets in a lifetime (8 years at 4,000 commits a
 * second). So no number that was given after the backup is ever given again: what an agent measured by one, and a job
 * named by one, cannot be taken for something of the new history.
 */
export const SEQUENCE_LEAP = 1_000_000_000_000;

const DATABASE_HEADER = Buffer.from("SQLite format 3\0");

/** Moves the last commit's number on in a ledger that nobody has open; returns the new one. Leaves one file, no companions. */
export function leapSequence(path: string): number {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA journal_mode = DELETE");
    const seq = database.prepare("UPDATE meta SET seq = seq + ? RETURNING seq").get(SEQUENCE_LEAP)?.seq;
    if (typeof seq !== "number")
      throw new BerthError("E_LEDGER", `the ledger ${path} has no number of its last commit`);
    return seq;
  } finally {
    database.close();
  }
}

export interface IdleLedger extends Disposable {
  /** What belongs to a file that is too broken to be opened: its log and index. */
  readonly companions: readonly string[];
}

/** Keeps schedulers from opening a ledger, until disposed. Its file may be renamed meanwhile. Throws E_LEDGER_LOCKED. */
export function lockIdleLedger(path: string): IdleLedger {
  if (!existsSync(path)) return { companions: [], [Symbol.dispose]: () => undefined };
  // Not even opened: SQLite would clear away what lies beside it.
  if (!isDatabase(path)) return brokenLedger(path);
  const database = new DatabaseSync(path, { timeout: 0 });
  const close = (): void => database.close();
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    // Takes the log into the file and ends it: nothing is left beside that closing could take away.
    database.exec("PRAGMA journal_mode = DELETE");
    database.exec("BEGIN EXCLUSIVE");
    return { companions: [], [Symbol.dispose]: close };
  } catch (error) {
    close();
    if (isBusy(error))
      throw new BerthError("E_LEDGER_LOCKED", `a scheduler has the ledger ${path} open: stop it first`, {
        cause: error,
      });
    if (!isBroken(error)) throw new BerthError("E_LEDGER", `the ledger ${path} cannot be replaced`, { cause: error });
    return brokenLedger(path);
  }
}

/** Too broken for a scheduler as well: nobody can have it open. */
function brokenLedger(path: string): IdleLedger {
  const companions = [`${path}-wal`, `${path}-shm`, `${path}-journal`];
  return { companions, [Symbol.dispose]: () => undefined };
}

/** An empty file is a new database. */
function isDatabase(path: string): boolean {
  const file = openSync(path, "r");
  try {
    const header = Buffer.alloc(DATABASE_HEADER.length);
    const length = readSync(file, header);
    return length === 0 || header.equals(DATABASE_HEADER);
  } finally {
    closeSync(file);
  }
}
