import { BerthError } from "#shared/errors.ts";
import { type Attachable, sendAway } from "./attachments.ts";
import type { Commands, ListedReply, Moment } from "./commands.ts";
import type { State } from "./state.ts";

/**
 * Looks again at each, for time has passed since the audit. A host without an attachment is sent away by a disconnect,
 * which runs one after another with all else on the volume.
 */
export function closeExports(state: State, input: Commands["audit.close"]["input"], moment: Moment): ListedReply {
  const { backendId, hosts, requestId } = input;
  if (state.backend(backendId) === undefined)
    throw new BerthError("E_NOT_FOUND", `there is no backend ${backendId} in the catalogue`);
  const busy = new Set([...state.table("job").values()].flatMap(({ serialKeys }) => serialKeys));
  const done: string[] = [];
  const passed: { id: string; why: string }[] = [];
  for (const { objectId, initiator, attachmentId } of hosts) {
    const object = standing(state, objectId, backendId);
    if (object === null) {
      passed.push({ id: objectId, why: "it is not there any more" });
    } else if (busy.has(object.volume.id)) {
      passed.push({ id: objectId, why: "a job is at work on it" });
    } else if (state.attachmentsOf(objectId).some(({ connector }) => connector?.initiator === initiator)) {
      passed.push({ id: objectId, why: "it is connected there" });
    } else {
      const connector = { initiator, host: null, ip: null, multipath: false };
      sendAway(state, object, { attachmentId, connector, requestId }, moment);
      done.push(objectId);
    }
  }
  if (done.length > 0) state.emit({ kind: "audit-mended", backendId, what: "exposed", count: done.length });
  return { done, passed };
}

function standing(state: State, id: string, backendId: number): Attachable | null {
  const snapshot = state.get("snapshot", id) ?? null;
  const volume = state.get("volume", snapshot?.volumeId ?? id);
  return volume === undefined || volume.backendId !== backendId ? null : { volume, snapshot };
}
