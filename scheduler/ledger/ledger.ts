import type { Change, DetailKind, RecordTypes } from "#shared/model/records.ts";

/** Everything the scheduler keeps in memory, as it was at commit `seq`, in the order of creation within a kind. */
export interface LoadedLedger {
  readonly seq: number;
  readonly changes: Iterable<Change>;
}

/**
 * Where records are kept durably. One suite (`test/unit/ledger.test.ts`) is run over every driver.
 * A failed commit leaves the ledger as it was, or its outcome unknown: the caller must then stop and load again.
 */
export interface Ledger {
  /** Reads all but the details. Throws `E_NEWER_DATA` and touches nothing if a newer program wrote it. */
  load(): Promise<LoadedLedger>;
  /** All changes or none, durable when it resolves. `seq` must be the last one plus one. One commit at a time. */
  commit(seq: number, changes: readonly Change[]): Promise<void>;
  /** What is kept with one object and read on demand: the rounds of its placing, its history; oldest first. */
  readDetails<K extends DetailKind>(kind: K, ownerId: string): Promise<RecordTypes[K][]>;
  close(): Promise<void>;
}
