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
export const RECORD_FORM: RecordForm = {
  version: RECORDS_VERSION,
  migrations: [
    {
      from: 1,
      changes:
        "objects have a history, which begins now, jobs say who asked for them, and volumes and snapshots may be in groups",
      step: ({ kind, id, body }) => {
        const { serialKey, ...rest } = Object(body);
        return { kind, id, body: { ...rest, ...addedInVersion2(kind, Object(body)) } };
      },
    },
  ],
};

/** What every record of its kind has since version 2, with the values that say that nothing was known of it before. */
function addedInVersion2(kind: string, body: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  switch (kind) {
    case "volume":
      return {
        historyCount: 0,
        requestedBy: body.userId ?? UNKNOWN_USER,
        parent: null,
        groupId: null,
        revertTo: null,
        bootable: false,
        readOnly: false,
        multiattach: false,
        madeThick: false,
        nameId: null,
        move: null,
      };
    case "snapshot":
      return { historyCount: 0, requestedBy: body.userId ?? UNKNOWN_USER, groupSnapshotId: null, chap: null };
    case "attachment":
      return {
        historyCount: 0,
        requestedBy: body.userId ?? UNKNOWN_USER,
        snapshotId: null,
        access: "rw",
        instanceId: null,
        mountpoint: null,
        awaitsCompletion: false,
      };
    case "job":
      return {
        serialKeys: [body.serialKey],
        userId: UNKNOWN_USER,
        operation: withAccess(body.operation),
        checkpointBytes: 0,
      };
    case "tombstone":
      return { historyCount: 0 };
    default:
      return {};
  }
}

/** All hosts were let in to write. */
function withAccess(operation: unknown): unknown {
  const fields: Readonly<Record<string, unknown>> = Object(operation);
  return fields.kind === "attachment.connect" ? { ...fields, access: "rw" } : operation;
}

const UNKNOWN_USER = "unknown";
