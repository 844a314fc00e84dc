import type { EventFacts } from "#shared/events/event.ts";
import type { HistoryEntry } from "#shared/model/history.ts";
import type { Change } from "#shared/model/records.ts";
import type { Moment } from "../commands.ts";
import type { Effect } from "../effects.ts";
import type { Decision, State } from "../state.ts";
import { attachmentEvents } from "./attachment.ts";
import { backendEvents, backendView } from "./backend.ts";
import { catalogueView } from "./catalogue.ts";
import { groupEvents, groupSnapshotEvents } from "./group.ts";
import { snapshotEvents } from "./snapshot.ts";
import type { Told } from "./told.ts";
import { transferEvents } from "./transfer.ts";
import { volumeEvents } from "./volume.ts";

/**
 * What programs that watch are told of a decision: it follows from the records that it touched, as they were and as they
 * are, from what it told their histories (who asked), and from what the fleet and the catalogue came to.
 */
export function eventsOf(state: State, { before, changes, effects }: Decision, moment: Moment): EventFacts[] {
  if (before.length === 0 && effects.length === 0) return [];
  const histories = historiesOf(changes);
  const events: EventFacts[] = [];
  for (const was of before)
    for (const told of toldOf(state, was, histories)) events.push(factsOf(told, histories.get(told.record.id), moment));
  for (const effect of effects) {
    const told = ofEffect(state, effect);
    if (told !== null) events.push(factsOf(told, undefined, moment));
  }
  return events;
}

type Histories = ReadonlyMap<string, readonly HistoryEntry[]>;

function historiesOf(changes: readonly Change[]): Histories {
  const histories = new Map<string, HistoryEntry[]>();
  for (const { kind, record } of changes) {
    if (kind !== "history" || record === null) continue;
    const entries = histories.get(record.objectId);
    if (entries === undefined) histories.set(record.objectId, [record]);
    else entries.push(record);
  }
  return histories;
}

function toldOf(state: State, was: Change, histories: Histories): Told[] {
  switch (was.kind) {
    case "volume":
      return volumeEvents(was.record, state.get("volume", was.id) ?? null);
    case "snapshot":
      return snapshotEvents(was.record, state.get("snapshot", was.id) ?? null);
    case "attachment":
      return attachmentEvents(was.record, state.get("attachment", was.id) ?? null);
    case "group":
      return groupEvents(was.record, state.get("group", was.id) ?? null, operationsOf(histories, was.id));
    case "group-snapshot":
      return groupSnapshotEvents(
        was.record,
        state.get("group-snapshot", was.id) ?? null,
        operationsOf(histories, was.id),
      );
    case "transfer":
      return transferEvents(was.record, state.get("transfer", was.id) ?? null, histories);
    case "backend-state": {
      const after = state.get("backend-state", was.id) ?? null;
      return backendEvents(was.record, after, state.backend(after?.backendId ?? 0), endedOf(histories, was.id));
    }
    default:
      return [];
  }
}

function operationsOf(histories: Histories, id: string): ReadonlySet<string> {
  return new Set(histories.get(id)?.map(({ operation }) => operation));
}

function endedOf(histories: Histories, id: string): ReadonlyMap<string, Told["error"]> {
  return new Map(histories.get(id)?.map(({ operation, error }) => [operation, error]));
}

function ofEffect(state: State, effect: Effect): Told | null {
  switch (effect.kind) {
    case "agent-up":
    case "agent-down": {
      const { agentId: id, zone } = effect;
      const silent = effect.kind === "agent-down" ? { silentMs: effect.silentMs } : {};
      const type = effect.kind === "agent-up" ? ("agent.up" as const) : ("agent.down" as const);
      return { type, record: nobodys(id), object: { kind: "agent", id, zone, ...silent }, error: null };
    }
    case "backend-turned": {
      const { backendId, up, reason } = effect;
      const object = backendView(backendId, state.backend(backendId), reason === null ? {} : { reason });
      return { type: up ? "backend.up" : "backend.down", record: nobodys(object.id), object, error: null };
    }
    case "catalogue-changed": {
      const object = catalogueView(effect.before, effect.after);
      return { type: "catalogue.changed", record: nobodys(object.id), object, error: null };
    }
    default:
      return null;
  }
}

function nobodys(id: string): Told["record"] {
  return { id, projectId: null, requestedBy: null, requestId: null };
}

/** The history says who asked in this very decision; the record, who asked for the work that is on it. */
function factsOf(
  { type, record, object, error }: Told,
  history: readonly HistoryEntry[] | undefined,
  moment: Moment,
): EventFacts {
  const entry = history?.at(-1);
  return {
    type,
    atMs: moment.nowMs,
    projectId: record.projectId,
    userId: entry?.userId ?? record.requestedBy,
    requestId: entry?.requestId ?? record.requestId,
    object: bounded(object),
    error: error === null ? null : { code: error.code, message: error.message.slice(0, TEXT_CHARACTERS) },
  };
}

const TEXT_CHARACTERS = 2000;

function bounded(object: Told["object"]): Told["object"] {
  const { reason } = object;
  return reason === undefined || reason.length <= TEXT_CHARACTERS
    ? object
    : { ...object, reason: reason.slice(0, TEXT_CHARACTERS) };
}
