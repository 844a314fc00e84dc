import type { PlacementRecord } from "#shared/model/placement.ts";
import type { Change } from "#shared/model/records.ts";

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
  /** Reads all but the placement records. Throws `E_NEWER_DATA` and touches nothing if a newer program wrote it. */
  load(): Promise<LoadedLedger>;
  /** All changes or none, durable when it resolves. `seq` must be the last one plus one. One commit at a time. */
  commit(seq: number, changes: readonly Change[]): Promise<void>;
  /** The rounds of placing of one volume, first round first. */
  readPlacements(volumeId: string): Promise<PlacementRecord[]>;
  close(): Promise<void>;
}
