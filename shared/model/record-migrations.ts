import type { Migration } from "../migration.ts";
import { RECORDS_VERSION } from "./records.ts";

/** A record as an older ledger holds it, before it is checked. */
export interface RawRecord {
  readonly kind: string;
  readonly id: string;
  readonly body: unknown;
}

/** A version of the records, and the way to it from every older one. */
export interface RecordForm {
  readonly version: number;
  readonly migrations: readonly Migration<RawRecord>[];
}

/** Steps are added with each new `RECORDS_VERSION` and never changed: ledgers of every version are about. */
export const RECORD_FORM: RecordForm = { version: RECORDS_VERSION, migrations: [] };
