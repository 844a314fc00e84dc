import { rm } from "node:fs/promises";
import { backup, DatabaseSync } from "node:sqlite";
import { BerthError } from "#shared/errors.ts";

/** So many pages (of 4 KiB) at a time: in between, the scheduler goes on. */
const PAGES_A_STEP = 500;
/** A step that meets a commit in its very moment may fail in Node 24, with SQLite's word that there is no error. */
const TRIES = 5;

/**
 * Copies a ledger that is in use, as of one commit, into one file without companions. Commits go on meanwhile, and are
 * in the copy or not as a whole. Returns the last commit in it. Where in a shared log it came from stays behind.
 */
export async function copyLedger(database: DatabaseSync, path: string): Promise<number> {
  await copyPages(database, path);
  const copy = new DatabaseSync(path);
  try {
    copy.exec("PRAGMA journal_mode = DELETE");
    copy.exec("DROP TABLE IF EXISTS origin");
    const seq = copy.prepare("SELECT seq FROM meta").get()?.seq;
    if (typeof seq !== "number") throw new BerthError("E_LEDGER", "the copy has no number of its last commit");
    return seq;
  } finally {
    copy.close();
  }
}

async function copyPages(database: DatabaseSync, path: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await backup(database, path, { rate: PAGES_A_STEP });
      return;
    } catch (error) {
      const isNone = error instanceof Error && "errcode" in error && error.errcode === 0;
      if (!isNone || tries === TRIES) throw error;
      await rm(path, { force: true });
    }
  }
}
