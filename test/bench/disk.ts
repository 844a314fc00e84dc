import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { stepsPerSecond } from "./measuring.ts";

const BLOCK_BYTES = 4096;

/** Commits of one new record each, with the ledger's settings, by prepared statements. */
export function commitsPerSecond(folder: string, durationMs: number, body: string): number {
  const database = new DatabaseSync(join(folder, `raw-${performance.now()}.sqlite`));
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    database.exec("CREATE TABLE records (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT");
    const insert = database.prepare("INSERT INTO records (body) VALUES (?)");
    return stepsPerSecond(durationMs, 1, () => void insert.run(body));
  } finally {
    database.close();
  }
}

/** A block appended and flushed each time. */
export function flushesPerSecond(folder: string, durationMs: number): number {
  const file = openSync(join(folder, `raw-${performance.now()}.bytes`), "a");
  const block = Buffer.alloc(BLOCK_BYTES, 1);
  try {
    return stepsPerSecond(durationMs, 1, () => {
      writeSync(file, block);
      fsyncSync(file);
    });
  } finally {
    closeSync(file);
  }
}

/** Reads all records of a ledger's file and parses their JSON, as a program without checks or indexes would. */
export function readRecordsMs(path: string): number {
  const startMs = performance.now();
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    for (const { body } of database.prepare("SELECT body FROM records ORDER BY ordinal").iterate())
      JSON.parse(String(body));
  } finally {
    database.close();
  }
  return performance.now() - startMs;
}
