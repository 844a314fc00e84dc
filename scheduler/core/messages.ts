import { BerthError } from "#shared/errors.ts";
import type { EventFacts } from "#shared/events/event.ts";
import type { EventType } from "#shared/events/types.ts";
import { MESSAGES_KEPT, type Message } from "#shared/model/message.ts";
import type { Commands, Moment, Scope } from "./commands.ts";
import { GIVEN_UP } from "./events/steps.ts";
import { messagesKey } from "./record-index.ts";
import type { State } from "./state.ts";

/** A number and its words, as the field has them (Cinder's `message_field.py`). */
type Term = readonly [id: string, text: string];

const UNKNOWN: Term = ["001", "An unknown error occurred."];
const NO_BACKEND: Term = ["003", "Could not find any available weighted backend."];
const DRIVER_FAILED_EXTEND: Term = ["010", "Volume Driver failed to extend volume."];
const DRIVER_FAILED_CREATE: Term = ["012", "Driver failed to create the volume."];
const SNAPSHOT_CREATE_ERROR: Term = ["013", "Snapshot failed to create."];
const SNAPSHOT_DELETE_ERROR: Term = ["016", "Snapshot failed to delete."];
const ATTACH_ERROR: Term = ["021", "Failed to attach volume."];
const DETACH_ERROR: Term = ["022", "Failed to detach volume."];

const SCHEDULE: Term = ["001", "schedule allocate volume"];
const ATTACH: Term = ["002", "attach volume"];
const UPDATE_ATTACHMENT: Term = ["004", "update attachment"];

interface Failing {
  readonly action: Term;
  readonly detail: Term;
}

/** What fails, by its event. The field has no numbers for some: those from 901 on are ours. */
const FAILINGS: Readonly<Partial<Record<EventType, Failing>>> = {
  "volume.create.error": { action: ["008", "create volume from backend storage"], detail: DRIVER_FAILED_CREATE },
  "volume.resize.error": { action: ["007", "extend volume"], detail: DRIVER_FAILED_EXTEND },
  "volume.attach.error": { action: ATTACH, detail: ATTACH_ERROR },
  "volume.detach.error": { action: UPDATE_ATTACHMENT, detail: DETACH_ERROR },
  "volume.unmanage.error": { action: ["006", "unmanage volume"], detail: UNKNOWN },
  "volume.delete.error": { action: ["901", "delete volume"], detail: UNKNOWN },
  "volume.revert.error": { action: ["902", "revert volume to snapshot"], detail: UNKNOWN },
  "volume.migrate.error": { action: ["903", "migrate volume"], detail: UNKNOWN },
  "volume.retype.error": { action: ["904", "retype volume"], detail: UNKNOWN },
  "volume.manage.error": { action: ["905", "manage volume"], detail: UNKNOWN },
  "snapshot.create.error": { action: ["009", "create snapshot"], detail: SNAPSHOT_CREATE_ERROR },
  "snapshot.delete.error": { action: ["010", "delete snapshot"], detail: SNAPSHOT_DELETE_ERROR },
  "snapshot.attach.error": { action: ATTACH, detail: ATTACH_ERROR },
  "snapshot.detach.error": { action: UPDATE_ATTACHMENT, detail: DETACH_ERROR },
};

/** Keeps for the user why something failed that was accepted before. What was given up for another request did not fail. */
export function noteFailure(state: State, event: EventFacts, moment: Moment): void {
  const { type, projectId, requestId, error } = event;
  if (error === null || projectId === null || error.code === GIVEN_UP.code) return;
  const isUnplaced = type === "volume.create.error" && error.code === "E_NO_PLACEMENT";
  const failing = isUnplaced ? { action: SCHEDULE, detail: NO_BACKEND } : FAILINGS[type];
  const resource = resourceOf(event.object);
  if (failing === undefined || resource === null) return;
  const { action, detail } = failing;
  const why = isUnplaced
    ? `No storage could be allocated for this volume request: ${error.message}. You may be able to try another size or volume type.`
    : error.message;
  makeRoom(state, projectId);
  state.put("message", {
    id: newId(state, resource.resourceId, moment.seq),
    projectId,
    requestId: requestId ?? "",
    ...resource,
    eventId: `VOLUME_${resource.resourceType}_${action[0]}_${detail[0]}`,
    detailId: detail[0],
    userMessage: `${action[1]}:${detail[1]} ${why}`.slice(0, USER_MESSAGE_CHARACTERS),
    level: "ERROR",
    createdAtMs: moment.nowMs,
    guaranteedUntilMs: moment.nowMs + state.settings.messageTtlMs,
  });
}

const USER_MESSAGE_CHARACTERS = 4000;

/** The project's messages, or (null) everybody's, oldest first. */
export function messagesOf(state: State, scope: Scope): readonly Message[] {
  if (scope === null) return [...state.table("message").values()];
  return state.dependents(messagesKey(scope)).flatMap((id) => state.get("message", id) ?? []);
}

/** The message, if the scope may see it. */
export function findMessage(state: State, id: string, scope: Scope): Message {
  const message = state.get("message", id);
  if (message === undefined || (scope !== null && message.projectId !== scope))
    throw new BerthError("E_NOT_FOUND", `Message ${id.slice(0, 80)} could not be found.`);
  return message;
}

export function deleteMessage(state: State, input: Commands["message.delete"]["input"]): undefined {
  state.remove("message", findMessage(state, input.id, input.scope).id);
}

/** They are in the order in which they were made, and all are kept for the same time. */
export function forgetMessages(state: State, moment: Moment): void {
  for (const { id, guaranteedUntilMs } of state.table("message").values()) {
    if (guaranteedUntilMs > moment.nowMs) return;
    state.remove("message", id);
  }
}

function makeRoom(state: State, projectId: string): void {
  const ids = state.dependents(messagesKey(projectId));
  for (const id of ids.slice(0, Math.max(0, ids.length - MESSAGES_KEPT + 1))) state.remove("message", id);
}

type Resource = Pick<Message, "resourceType" | "resourceId">;

function resourceOf({ kind, id, volumeId, snapshotId }: EventFacts["object"]): Resource | null {
  if (kind === "volume") return { resourceType: "VOLUME", resourceId: id };
  if (kind === "snapshot") return { resourceType: "VOLUME_SNAPSHOT", resourceId: id };
  if (kind !== "attachment" || volumeId === undefined) return null;
  return snapshotId === undefined
    ? { resourceType: "VOLUME", resourceId: volumeId }
    : { resourceType: "VOLUME_SNAPSHOT", resourceId: snapshotId };
}

/** The core has no randomness: an id that follows from what failed and when, in the form of a UUID of version 8. */
function newId(state: State, resourceId: string, seq: number): string {
  const [first = "", second = "", , , node = ""] = resourceId.split("-");
  for (let n = 0; ; n++) {
    const numbered = (BigInt(`0x${node}`) ^ BigInt(seq)).toString(16).padStart(12, "0").slice(-12);
    const id = `${first}-${second}-8${n.toString(16).padStart(3, "0").slice(-3)}-8${resourceId.slice(20, 23)}-${numbered}`;
    if (state.get("message", id) === undefined) return id;
  }
}
