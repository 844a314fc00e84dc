import { Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import { upgrade } from "#shared/migration.ts";
import { RECORD_FORM } from "#shared/model/record-migrations.ts";
import {
  type Change,
  changeOf,
  RECORDS_VERSION,
  type RecordKind,
  type RecordTypes,
  recordParsers,
} from "#shared/model/records.ts";
import { type Parser, parser } from "#shared/schema.ts";

const PARSERS: { readonly [K in RecordKind]: Parser<RecordTypes[K]> } = recordParsers;
const KINDS = new Map<string, RecordKind>([
  ["volume", "volume"],
  ["snapshot", "snapshot"],
  ["attachment", "attachment"],
  ["group", "group"],
  ["group-snapshot", "group-snapshot"],
  ["job", "job"],
  ["transfer", "transfer"],
  ["backend-state", "backend-state"],
  ["leftover", "leftover"],
  ["tombstone", "tombstone"],
  ["idempotency", "idempotency"],
  ["message", "message"],
  ["placement", "placement"],
  ["history", "history"],
  ["event", "event"],
]);

/**
 * A message of the shared ledger: a commit, or only a mark: who leads from here on, or that all was moved elsewhere and
 * nothing may follow.
 */
export interface LedgerMessage {
  readonly kind: "commit" | "lead" | "moved";
  /** Of the commit; of a mark: of the last commit before it. */
  readonly seq: number;
  /** The scheduler that wrote it. */
  readonly by: string;
  readonly changes: readonly Change[];
}

/** The last message of a snapshot: it says what the ones before it are. */
export interface SnapshotEnd {
  readonly log: string;
  readonly seq: number;
  readonly position: number;
  readonly message: string;
  readonly chunks: number;
}

const versions = parser(Type.Object({ version: Type.Integer() }), "the ledger's message");
const RawChanges = Type.Array(
  Type.Object({ kind: Type.String(), id: Type.String(), record: Type.Unknown() }, { additionalProperties: false }),
);
const rawChanges = parser(Type.Object({ changes: RawChanges }), "the changes");
const rawMessages = parser(
  Type.Object({
    version: Type.Integer(),
    kind: Type.Union([Type.Literal("commit"), Type.Literal("lead"), Type.Literal("moved")]),
    seq: Type.Integer({ minimum: 0 }),
    by: Type.String(),
    changes: RawChanges,
  }),
  "the ledger's message",
);
const snapshotEnds = parser(
  Type.Object({
    version: Type.Integer(),
    log: Type.String(),
    seq: Type.Integer({ minimum: 0 }),
    position: Type.Integer({ minimum: 0 }),
    message: Type.String(),
    chunks: Type.Integer({ minimum: 0 }),
  }),
  "a snapshot's end",
);

export function encodeMessage(message: LedgerMessage): Uint8Array {
  return Buffer.from(JSON.stringify({ version: RECORDS_VERSION, ...message }));
}

/** Throws E_NEWER_DATA, or E_LEDGER for what is broken; `where` names it. */
export function decodeMessage(body: Uint8Array, where: string): LedgerMessage {
  const { value, version } = versioned(body, where);
  const { kind, seq, by, changes } = understood(where, () => rawMessages.parse(value));
  return { kind, seq, by, changes: changes.map((change) => changeFrom(change, version, where)) };
}

export function encodeChunk(changes: readonly string[]): Uint8Array {
  return Buffer.from(`{"version":${RECORDS_VERSION},"changes":[${changes.join(",")}]}`);
}

export function decodeChunk(body: Uint8Array, where: string): Change[] {
  const { value, version } = versioned(body, where);
  const { changes } = understood(where, () => rawChanges.parse(value));
  return changes.map((change) => changeFrom(change, version, where));
}

export function encodeEnd(end: SnapshotEnd): Uint8Array {
  return Buffer.from(JSON.stringify({ version: RECORDS_VERSION, ...end }));
}

/** null: it is not the end of a snapshot. */
export function decodeEnd(body: Uint8Array, where: string): SnapshotEnd | null {
  const { value } = versioned(body, where);
  return snapshotEnds.check(value) ? value : null;
}

/** Throws E_NEWER_DATA, and E_LEDGER for a version from which no way leads to today's. */
function versioned(body: Uint8Array, where: string): { readonly value: unknown; readonly version: number } {
  const value = understood(where, (): unknown => JSON.parse(Buffer.from(body).toString("utf8")));
  const { version } = understood(where, () => versions.parse(value));
  if (version > RECORDS_VERSION)
    throw new BerthError(
      "E_NEWER_DATA",
      `${where} was written by a newer Berth (records version ${version}, this program knows ${RECORDS_VERSION})`,
    );
  if (version < RECORDS_VERSION && !RECORD_FORM.migrations.some(({ from }) => from === version))
    throw new BerthError("E_LEDGER", `${where} has the unknown records version ${version}`);
  return { value, version };
}

/** A record of an older form is brought to today's; that one is gone has no form. */
function changeFrom(
  raw: { readonly kind: string; readonly id: string; readonly record: unknown },
  version: number,
  where: string,
): Change {
  const isOld = version < RECORDS_VERSION && raw.record !== null;
  const {
    kind: name,
    id,
    body: record,
  } = isOld
    ? upgrade({ kind: raw.kind, id: raw.id, body: raw.record }, version, RECORD_FORM.migrations).value
    : { ...raw, body: raw.record };
  const kind = KINDS.get(name);
  if (kind === undefined) throw new BerthError("E_LEDGER", `${where} holds a record ${id} of the unknown kind ${name}`);
  return parsedChange(kind, id, record, where);
}

function parsedChange<K extends RecordKind>(kind: K, id: string, record: unknown, where: string): Change {
  if (record === null) return changeOf(kind, id, null);
  return understood(`${where} holds a broken record (${kind} ${id}), which`, () =>
    changeOf(kind, id, PARSERS[kind].parse(record, "it")),
  );
}

function understood<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof BerthError && cause.code !== "E_BAD_REQUEST") throw cause;
    throw new BerthError("E_LEDGER", `${where} cannot be understood`, { cause });
  }
}
