import { type Static, Type } from "typebox";
import { BackendId, EpochMs, LedgerSeq, ProjectId, SizeGib, Uuid, ZoneName } from "../model/names.ts";
import { Nullable } from "../model/nullable.ts";
import { EVENT_TYPES, type EventType } from "./types.ts";

/** Raised when an event changes in a way that a program written for the older form would misread. New fields do not raise it. */
export const EVENT_VERSION = 1;

export const EventTypeSchema = Type.Unsafe<EventType>(
  Type.Union(Object.keys(EVENT_TYPES).map((type) => Type.Literal(type))),
);

const Text = Type.String({ maxLength: 2000 });

/** What of the object is told: what it is after the event; of what is gone, what it was. Without what does not apply to its kind. */
export const EventObject = Type.Object({
  kind: Type.Union([
    Type.Literal("volume"),
    Type.Literal("snapshot"),
    Type.Literal("attachment"),
    Type.Literal("group"),
    Type.Literal("group_snapshot"),
    Type.Literal("transfer"),
    Type.Literal("backend"),
    Type.Literal("agent"),
    Type.Literal("catalogue"),
    Type.Literal("events"),
  ]),
  id: Type.String({ maxLength: 255 }),
  name: Type.Optional(Type.String({ maxLength: 255 })),
  status: Type.Optional(Type.String({ maxLength: 64 })),
  sizeGib: Type.Optional(SizeGib),
  /** The size that it is being extended to. */
  newSizeGib: Type.Optional(SizeGib),
  flavorId: Type.Optional(Uuid),
  zone: Type.Optional(Nullable(ZoneName)),
  /** The backend that it is on; null: none yet, or none any more. */
  backendId: Type.Optional(Nullable(BackendId)),
  /** While it moves. */
  toBackendId: Type.Optional(BackendId),
  toFlavorId: Type.Optional(Uuid),
  volumeId: Type.Optional(Uuid),
  snapshotId: Type.Optional(Uuid),
  groupId: Type.Optional(Nullable(Uuid)),
  groupSnapshotId: Type.Optional(Nullable(Uuid)),
  /** As people know the host that is let in or shut out. */
  host: Type.Optional(Type.String({ maxLength: 255 })),
  access: Type.Optional(Type.Union([Type.Literal("rw"), Type.Literal("ro")])),
  /** Who has accepted a transfer. */
  toProjectId: Type.Optional(ProjectId),
  /** Which of a backend's sides is in force, or to be. */
  side: Type.Optional(Type.String({ maxLength: 64 })),
  /** A person's words, or the agent's own on why a backend is down. */
  reason: Type.Optional(Text),
  silentMs: Type.Optional(Type.Integer({ minimum: 0 })),
  /** Of the catalogue: what was added, changed or removed, the first of them. */
  changes: Type.Optional(
    Type.Array(
      Type.Object({
        kind: Type.String({ maxLength: 32 }),
        name: Type.String({ maxLength: 255 }),
        what: Type.Union([Type.Literal("added"), Type.Literal("changed"), Type.Literal("removed")]),
      }),
    ),
  ),
  /** Of a gap: how many events are lost; null: that is not known. */
  missed: Type.Optional(Nullable(Type.Integer({ minimum: 1 }))),
});
export type EventObject = Static<typeof EventObject>;

/** What has happened, as far as the commit that holds it does not say. */
export const EventFacts = Type.Object({
  type: EventTypeSchema,
  atMs: EpochMs,
  /** Whose object it is; null: operators'. */
  projectId: Nullable(ProjectId),
  /** Who asked for it, or (where a person said what a state is) who that was; null: nobody did. */
  userId: Nullable(Type.String({ maxLength: 255 })),
  requestId: Nullable(Type.String({ maxLength: 128 })),
  object: EventObject,
  error: Nullable(Type.Object({ code: Type.String(), message: Text })),
});
export type EventFacts = Static<typeof EventFacts>;

/** The events of one commit, as the ledger keeps them for a while: the `first` has that number, the next one more. */
export const CommittedEvents = Type.Object({
  seq: LedgerSeq,
  first: Type.Integer({ minimum: 1 }),
  events: Type.Array(EventFacts, { minItems: 1 }),
});
export type CommittedEvents = Static<typeof CommittedEvents>;

/** An event as programs get it. */
export const BerthEvent = Type.Object({
  version: Type.Literal(EVENT_VERSION),
  /** `<seq>-<n>`: the same whenever the same event is told. */
  id: Type.String({ pattern: "^[0-9]+-[0-9]+$" }),
  /** The commit that it follows from. Events come in its order. */
  seq: LedgerSeq,
  /** Counted from 1 without a gap: a number that is left out was lost. After a restored backup numbers come again; ids do not. */
  n: Type.Integer({ minimum: 0 }),
  /** By the scheduler's clock, RFC 3339 in UTC. */
  at: Type.String(),
  type: EventTypeSchema,
  projectId: EventFacts.properties.projectId,
  userId: EventFacts.properties.userId,
  requestId: EventFacts.properties.requestId,
  object: EventObject,
  error: EventFacts.properties.error,
});
export type BerthEvent = Static<typeof BerthEvent>;

/** Where a reader is: behind the event of this commit and number. */
export interface EventPlace {
  readonly seq: number;
  readonly n: number;
}

export function eventId({ seq, n }: EventPlace): string {
  return `${seq}-${n}`;
}

/** null: it is none. */
export function parseEventId(id: string): EventPlace | null {
  const [, seq, n] = /^(\d{1,15})-(\d{1,15})$/.exec(id) ?? [];
  return seq === undefined || n === undefined ? null : { seq: Number(seq), n: Number(n) };
}

export function eventAt({ atMs, ...facts }: EventFacts, { seq, n }: EventPlace): BerthEvent {
  const at = new Date(atMs).toISOString();
  return { version: EVENT_VERSION, id: eventId({ seq, n }), seq, n, at, ...facts };
}

/** `*` stands for any letters, dots as well: `volume.*`, `*.error`, `*`. */
export function matchesType(pattern: string, type: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return pattern === type;
  if (!type.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = type.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return type.length - last.length >= at && type.endsWith(last);
}
