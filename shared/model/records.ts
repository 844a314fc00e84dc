import { CommittedEvents } from "../events/event.ts";
import { parser } from "../schema.ts";
import { Attachment } from "./attachment.ts";
import { BackendState } from "./backend-state.ts";
import { Group, GroupSnapshot } from "./group.ts";
import { HistoryEntry } from "./history.ts";
import { IdempotencyRecord, Leftover, Tombstone } from "./housekeeping.ts";
import { Job } from "./job.ts";
import { Message } from "./message.ts";
import { PlacementRecord } from "./placement.ts";
import { Snapshot } from "./snapshot.ts";
import { Transfer } from "./transfer.ts";
import { Volume } from "./volume.ts";

/** The form of the records. A newer program reads older ones and says what it changed; an older refuses newer. */
export const RECORDS_VERSION = 2;

/** Every kind of record the ledger keeps. The last three are details: written once and read on demand only. The others are in memory. */
export interface RecordTypes {
  volume: Volume;
  snapshot: Snapshot;
  attachment: Attachment;
  group: Group;
  "group-snapshot": GroupSnapshot;
  job: Job;
  transfer: Transfer;
  "backend-state": BackendState;
  leftover: Leftover;
  tombstone: Tombstone;
  idempotency: IdempotencyRecord;
  message: Message;
  placement: PlacementRecord;
  history: HistoryEntry;
  event: CommittedEvents;
}
export type RecordKind = keyof RecordTypes;
/** Kept with their owner, by numbers from 1; events with `EVENTS_OWNER`, by their commits'. */
export type DetailKind = "placement" | "history" | "event";
export type StateKind = Exclude<RecordKind, DetailKind>;

export const recordParsers = {
  volume: parser(Volume, "volume record"),
  snapshot: parser(Snapshot, "snapshot record"),
  attachment: parser(Attachment, "attachment record"),
  group: parser(Group, "group record"),
  "group-snapshot": parser(GroupSnapshot, "group snapshot record"),
  job: parser(Job, "job record"),
  transfer: parser(Transfer, "transfer record"),
  "backend-state": parser(BackendState, "state of a backend"),
  leftover: parser(Leftover, "leftover record"),
  tombstone: parser(Tombstone, "tombstone record"),
  idempotency: parser(IdempotencyRecord, "idempotency record"),
  message: parser(Message, "message record"),
  placement: parser(PlacementRecord, "placement record"),
  history: parser(HistoryEntry, "history entry"),
  event: parser(CommittedEvents, "events of a commit"),
} as const;

export const STATE_KINDS: readonly StateKind[] = [
  "volume",
  "snapshot",
  "attachment",
  "group",
  "group-snapshot",
  "job",
  "transfer",
  "backend-state",
  "leftover",
  "tombstone",
  "idempotency",
  "message",
];

/** One record put or (null) removed. A commit is a list of these, all or none. */
export type ChangeOf<K extends RecordKind> = {
  [P in K]: { readonly kind: P; readonly id: string; readonly record: RecordTypes[P] | null };
}[K];
export type Change = ChangeOf<RecordKind>;

type ChangeMakers = { readonly [K in RecordKind]: (id: string, record: RecordTypes[K] | null) => Change };

const changeMakers: ChangeMakers = {
  volume: (id, record) => ({ kind: "volume", id, record }),
  snapshot: (id, record) => ({ kind: "snapshot", id, record }),
  attachment: (id, record) => ({ kind: "attachment", id, record }),
  group: (id, record) => ({ kind: "group", id, record }),
  "group-snapshot": (id, record) => ({ kind: "group-snapshot", id, record }),
  job: (id, record) => ({ kind: "job", id, record }),
  transfer: (id, record) => ({ kind: "transfer", id, record }),
  "backend-state": (id, record) => ({ kind: "backend-state", id, record }),
  leftover: (id, record) => ({ kind: "leftover", id, record }),
  tombstone: (id, record) => ({ kind: "tombstone", id, record }),
  idempotency: (id, record) => ({ kind: "idempotency", id, record }),
  message: (id, record) => ({ kind: "message", id, record }),
  placement: (id, record) => ({ kind: "placement", id, record }),
  history: (id, record) => ({ kind: "history", id, record }),
  event: (id, record) => ({ kind: "event", id, record }),
};

export function changeOf<K extends RecordKind>(kind: K, id: string, record: RecordTypes[K] | null): Change {
  const make: ChangeMakers[K] = changeMakers[kind];
  return make(id, record);
}

export function isDetail(kind: RecordKind): kind is DetailKind {
  return kind === "placement" || kind === "history" || kind === "event";
}

/** Whose the events are among the details. */
export const EVENTS_OWNER = "events";

export function detailId(ownerId: string, n: number): string {
  return `${ownerId}/${n}`;
}
