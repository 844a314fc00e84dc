import type { Attachment, Connector } from "#shared/model/attachment.ts";
import type { Operation, OperationKind } from "#shared/model/operation.ts";
import type { JobResult } from "#shared/protocol/result.ts";
import {
  connectOperation,
  disconnectOperation,
  isLetIn,
  sameHost,
  sendAway,
  settleAttached,
  startAttachmentJob,
} from "./attachments.ts";
import type { Moment } from "./commands.ts";
import { currentJob } from "./find.ts";
import { redoJob } from "./jobs.ts";
import { leaveBehind } from "./leftovers.ts";
import { renewIfChanged } from "./marks.ts";
import type { State } from "./state.ts";

/**
 * The result of a job that nobody awaits: a message that came twice, or so late that its job was over (a publish
 * delayed by a lost connection, a queue that a resend overtook). Mostly it repeats what is recorded. But a create that
 * ran again after its object was deleted has made an orphan, and a disconnect that ran again has cut off a host.
 * The result says what was done, so the difference to the records is mended here, by jobs like any other.
 */
export function mendStray(state: State, result: JobResult, moment: Moment): void {
  const { operation, backendId } = result;
  if (state.backend(backendId) === undefined) return;
  const claim = { virtualBytes: 0, physicalBytes: 0, settledSeq: null };
  switch (operation.kind) {
    case "volume.create":
    case "volume.create-from-snapshot":
    case "volume.clone": {
      const standing = state.volumeOfObject(operation.volume.id);
      // What a volume moves into is made before it is its own.
      if (standing?.move?.target?.id === operation.volume.id) return;
      if (standing?.backendId === backendId) {
        redoOpposite(state, standing, "volume.delete", moment);
        // The account that it was made with may stand in the place of that of who is connected now.
        const { chap } = operation;
        if (chap !== undefined && chap.username !== standing.chap?.username)
          reconnectCutOff(state, standing.id, moment);
        return;
      }
      const volume = { ...operation.volume, providerId: result.providerId ?? operation.volume.providerId };
      leaveBehind(state, { snapshot: null, volume, backendId, claim, reason: STRAY }, result.jobId, moment);
      return;
    }
    case "volume.manage": {
      const standing = state.get("volume", operation.volume.id);
      if (standing?.backendId === backendId) {
        redoOpposite(state, standing, "volume.unmanage", moment);
        return;
      }
      const { volume, reference: giveBack } = operation;
      leaveBehind(state, { snapshot: null, volume, backendId, claim, reason: STRAY, giveBack }, result.jobId, moment);
      return;
    }
    case "snapshot.create": {
      const snapshot = state.get("snapshot", operation.snapshot.id);
      if (snapshot !== undefined && snapshot.status !== "error") {
        redoOpposite(state, snapshot, "snapshot.delete", moment);
        return;
      }
      const left = { ...operation.snapshot, providerId: result.providerId ?? operation.snapshot.providerId };
      leaveBehind(
        state,
        { snapshot: left, volume: operation.volume, backendId, claim, reason: STRAY },
        result.jobId,
        moment,
      );
      return;
    }
    case "group-snapshot.create": {
      const taken = state.get("group-snapshot", operation.groupSnapshotId);
      if (taken !== undefined && taken.status !== "error") {
        redoOpposite(state, taken, "group-snapshot.delete", moment);
        return;
      }
      for (const { volume, snapshot } of operation.members) {
        if (taken !== undefined && currentJob(state, taken) !== undefined) break;
        leaveBehind(state, { snapshot, volume, backendId, claim, reason: STRAY }, result.jobId, moment);
      }
      if (taken !== undefined) redoOpposite(state, taken, "group-snapshot.delete", moment);
      return;
    }
    case "attachment.connect":
    case "attachment.connect-snapshot":
      mendStrayConnect(state, result, operation, moment);
      return;
    case "mark.write":
      renewStaleMark(state, operation, moment);
      return;
    case "attachment.disconnect":
      reconnectCutOff(state, operation.volume.id, moment);
      return;
    case "attachment.disconnect-snapshot":
      reconnectCutOff(state, operation.snapshot.id, moment);
      return;
    default:
      // Deleting what is deleted and growing to a size that stands change nothing.
      return;
  }
}

/** The stray ran beside a job that takes back what it did; in which order is not known, so that job runs once more. */
function redoOpposite(
  state: State,
  owner: { readonly id: string; readonly jobCount: number },
  kind: OperationKind,
  moment: Moment,
): void {
  const job = currentJob(state, owner);
  if (job?.operation.kind === kind) redoJob(state, job, moment);
}

/** An older one may stand there again. */
function renewStaleMark(
  state: State,
  { volume, snapshot, mark }: Extract<Operation, { kind: "mark.write" }>,
  moment: Moment,
): void {
  const object = snapshot === null ? state.volumeOfObject(volume.id) : state.get("snapshot", snapshot.id);
  if (object !== undefined) renewIfChanged(state, object, mark, moment);
}

const STRAY = "made by a job that was over already";

type Connect = Extract<Operation, { kind: "attachment.connect" | "attachment.connect-snapshot" }>;
const DISCONNECT = {
  "attachment.connect": "attachment.disconnect",
  "attachment.connect-snapshot": "attachment.disconnect-snapshot",
} as const satisfies Record<Connect["kind"], OperationKind>;

/** A host was let in that is recorded as out: let it out again. */
function mendStrayConnect(state: State, result: JobResult, operation: Connect, moment: Moment): void {
  const { attachmentId, connector } = operation;
  const known = state.get("attachment", attachmentId);
  if (known !== undefined) {
    if (known.status === "error_attaching" && known.connector === null) undoOnceMore(state, known, connector, moment);
    else redoOpposite(state, known, DISCONNECT[operation.kind], moment);
    return;
  }
  const volume = state.volumeOfObject(operation.volume.id);
  const snapshot = operation.kind === "attachment.connect" ? null : state.get("snapshot", operation.snapshot.id);
  if (volume === undefined || snapshot === undefined) return;
  // The connection of a move: it is let in, or about to be.
  if (volume.move?.copier?.attachmentId === attachmentId) return;
  const remover = snapshot ?? volume;
  const removal = snapshot === null ? "volume.delete" : "snapshot.delete";
  if (currentJob(state, remover)?.operation.kind === removal) {
    redoOpposite(state, remover, removal, moment);
    return;
  }
  if (state.attachmentsOf(remover.id).some((attachment) => sameHost(attachment.connector, connector))) return;
  sendAway(state, { volume, snapshot }, { attachmentId, connector, requestId: result.jobId }, moment);
}

/** It was taken back already, and now the host is let in after all. */
function undoOnceMore(state: State, attachment: Attachment, connector: Connector, moment: Moment): void {
  const again: Attachment = { ...attachment, connector, jobCount: attachment.jobCount + 1 };
  state.put("attachment", again);
  startAttachmentJob(state, again, disconnectOperation(state, again, connector), moment, null);
  settleAttached(state, again, moment);
}

/** Hosts that are recorded as in are let in again; it changes nothing where they still are. */
export function reconnectCutOff(state: State, objectId: string, moment: Moment): void {
  const object = state.volumeOfObject(objectId) ?? state.get("snapshot", objectId);
  if (object === undefined || object.chap === null) return;
  const { chap } = object;
  for (const attachment of state.attachmentsOf(object.id)) {
    const { connector } = attachment;
    redoOpposite(state, attachment, "attachment.connect", moment);
    redoOpposite(state, attachment, "attachment.connect-snapshot", moment);
    if (connector === null || !isLetIn(attachment) || currentJob(state, attachment) !== undefined) continue;
    const again = { ...attachment, jobCount: attachment.jobCount + 1 };
    state.put("attachment", again);
    startAttachmentJob(state, again, connectOperation(state, again, connector, chap), moment);
  }
}
