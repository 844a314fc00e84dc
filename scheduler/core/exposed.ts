import { BerthError } from "#shared/errors.ts";
import { sendAway } from "./attachments.ts";
import type { Commands, ListedReply, Moment } from "./commands.ts";
import { objectIdOf } from "./refs.ts";
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
  for (const { volumeId, initiator, attachmentId } of hosts) {
    const volume = state.get("volume", volumeId);
    if (volume === undefined || volume.backendId !== backendId) {
      passed.push({ id: volumeId, why: "it is not there any more" });
    } else if (volume.move !== null) {
      // The agent that copies it is let in.
      passed.push({ id: volumeId, why: "it is being moved" });
    } else if (busy.has(objectIdOf(volume))) {
      passed.push({ id: volumeId, why: "a job is at work on it" });
    } else if (state.attachmentsOf(volumeId).some(({ connector }) => connector.initiator === initiator)) {
      passed.push({ id: volumeId, why: "it is connected there" });
    } else {
      const connector = { initiator, host: null, ip: null, multipath: false };
      sendAway(state, volume, { attachmentId, connector, requestId }, moment);
      done.push(volumeId);
    }
  }
  if (done.length > 0) state.emit({ kind: "audit-mended", backendId, what: "exposed", count: done.length });
  return { done, passed };
}
