import type { Attachment } from "#shared/model/attachment.ts";
import type { Job } from "#shared/model/job.ts";
import type { JobResult } from "#shared/protocol/result.ts";
import { disconnectOperation, hostOf, isBeingUndone, isLetIn, settleAttached, startDetaching } from "../attachments.ts";
import type { Moment } from "../commands.ts";
import { lastError } from "../find.ts";
import { toldOfJob } from "../history.ts";
import { endJob, turnJob } from "../jobs.ts";
import type { State } from "../state.ts";
import { errorOf, type Failure, failureOf, type OwnerWork } from "./owner-work.ts";

export const attachmentWork: OwnerWork = {
  ended(state, job, result, moment) {
    const attachment = state.get("attachment", job.owner.id);
    if (attachment === undefined) {
      endJob(state, job, moment);
      return;
    }
    tellObject(state, job, attachment, errorOf(result), moment);
    if (isDisconnect(job)) {
      endJob(state, job, moment);
      // Who holds its id is told there that it failed, and lets go of it or tries again.
      if (isBeingUndone(attachment))
        state.put("attachment", { ...attachment, connector: null, updatedAtMs: moment.nowMs });
      else state.remove("attachment", attachment.id);
      if ("last" in job.operation && job.operation.last) noteExportsClosed(state, attachment, moment);
    } else if (result.outcome === "done") {
      endJob(state, job, moment);
      connected(state, attachment, result, moment);
    } else {
      undoConnect(state, job, attachment, failureOf(result), moment);
    }
    settleAttached(state, attachment, moment);
  },

  overdue(state, job, error, moment) {
    const attachment = state.get("attachment", job.owner.id);
    if (attachment === undefined) return;
    if (isDisconnect(job)) {
      const failed: Attachment = { ...attachment, status: "error_detaching", lastError: lastError(error, moment) };
      if (!isBeingUndone(attachment)) state.put("attachment", failed);
      state.put("job", { ...job, deadlineMs: null });
    } else {
      tellObject(state, job, attachment, error, moment);
      undoConnect(state, job, attachment, error, moment);
    }
    settleAttached(state, attachment, moment);
  },

  failedOnce(state, ownerId, error) {
    const attachment = state.get("attachment", ownerId);
    if (attachment !== undefined) state.put("attachment", { ...attachment, lastError: error });
  },
};

function isDisconnect({ operation: { kind } }: Job): boolean {
  return kind === "attachment.disconnect" || kind === "attachment.disconnect-snapshot";
}

/** Attachments come and go; their history is that of what they are of. */
function tellObject(state: State, job: Job, attachment: Attachment, error: Failure | null, moment: Moment): void {
  const outcome = { error, detail: hostOf(attachment.connector) };
  const { volumeId, snapshotId } = attachment;
  const volume = snapshotId === null ? state.get("volume", volumeId) : undefined;
  const snapshot = snapshotId === null ? undefined : state.get("snapshot", snapshotId);
  if (volume !== undefined) state.put("volume", toldOfJob(state, volume, job, outcome, moment));
  if (snapshot !== undefined) state.put("snapshot", toldOfJob(state, snapshot, job, outcome, moment));
}

/** From now on a host that is let in without an attachment is one that a late call let in (`audit.ts`). */
function noteExportsClosed(state: State, { volumeId, snapshotId }: Attachment, moment: Moment): void {
  if (state.attachmentsOf(snapshotId ?? volumeId).some(({ connector }) => connector !== null)) return;
  const volume = snapshotId === null ? state.get("volume", volumeId) : undefined;
  const snapshot = snapshotId === null ? undefined : state.get("snapshot", snapshotId);
  if (volume !== undefined) state.put("volume", { ...volume, exportsClosedAtMs: moment.nowMs });
  if (snapshot !== undefined) state.put("snapshot", { ...snapshot, exportsClosedAtMs: moment.nowMs });
}

function connected(state: State, attachment: Attachment, result: JobResult, moment: Moment): void {
  const attached: Attachment = {
    ...attachment,
    connectionInfo: result.connectionInfo,
    lastError: null,
    updatedAtMs: moment.nowMs,
  };
  if (attachment.status === "detaching") startDetaching(state, attached, moment);
  // Let in once more, after somebody cut it off: whatever was said of it meanwhile holds.
  else if (isLetIn(attachment)) state.put("attachment", attached);
  else state.put("attachment", { ...attached, status: attachment.awaitsCompletion ? "connected" : "attached" });
}

/** The host could not be let in: what may be half done is undone under the same job, then the attachment goes, or stays in error. */
function undoConnect(state: State, job: Job, attachment: Attachment, error: Failure, moment: Moment): void {
  const failed: Attachment = {
    ...attachment,
    // One that somebody lets go of already goes as soon as it can.
    status: attachment.heldById === true && attachment.status === "attaching" ? "error_attaching" : "detaching",
    lastError: lastError(error, moment),
    updatedAtMs: moment.nowMs,
  };
  state.put("attachment", failed);
  const { connector, snapshotId, volumeId } = attachment;
  const volume = snapshotId === null ? state.get("volume", volumeId) : undefined;
  const snapshot = snapshotId === null ? undefined : state.get("snapshot", snapshotId);
  if (volume !== undefined) state.put("volume", { ...volume, lastError: failed.lastError });
  if (snapshot !== undefined) state.put("snapshot", { ...snapshot, lastError: failed.lastError });
  if (connector === null) return;
  const operation = disconnectOperation(state, failed, connector);
  turnJob(state, job, { operation, owner: job.owner, deadlineMs: null }, moment);
}
