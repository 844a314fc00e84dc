import type { Attachment } from "#shared/model/attachment.ts";
import type { Job } from "#shared/model/job.ts";
import type { JobResult } from "#shared/protocol/result.ts";
import { disconnectOperation, hostOf, settleVolumeStatus, startDetaching } from "../attachments.ts";
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
    tellVolume(state, job, attachment, errorOf(result), moment);
    if (job.operation.kind === "attachment.disconnect") {
      endJob(state, job, moment);
      state.remove("attachment", attachment.id);
      if (job.operation.last) noteExportsClosed(state, attachment.volumeId, moment);
    } else if (result.outcome === "done") {
      endJob(state, job, moment);
      connected(state, attachment, result, moment);
    } else {
      undoConnect(state, job, attachment, failureOf(result), moment);
    }
    settleVolumeStatus(state, attachment.volumeId, moment);
  },

  overdue(state, job, error, moment) {
    const attachment = state.get("attachment", job.owner.id);
    if (attachment === undefined) return;
    if (job.operation.kind === "attachment.disconnect") {
      const failed: Attachment = { ...attachment, status: "error_detaching", lastError: lastError(error, moment) };
      state.put("attachment", failed);
      state.put("job", { ...job, deadlineMs: null });
    } else {
      tellVolume(state, job, attachment, error, moment);
      undoConnect(state, job, attachment, error, moment);
    }
    settleVolumeStatus(state, attachment.volumeId, moment);
  },

  failedOnce(state, ownerId, error) {
    const attachment = state.get("attachment", ownerId);
    if (attachment !== undefined) state.put("attachment", { ...attachment, lastError: error });
  },
};

/** Attachments come and go; their history is the volume's. */
function tellVolume(state: State, job: Job, attachment: Attachment, error: Failure | null, moment: Moment): void {
  const volume = state.get("volume", attachment.volumeId);
  if (volume === undefined) return;
  state.put("volume", toldOfJob(state, volume, job, { error, detail: hostOf(attachment.connector) }, moment));
}

/** From now on a host that is let in without an attachment is one that a late call let in (`audit.ts`). */
function noteExportsClosed(state: State, volumeId: string, moment: Moment): void {
  const volume = state.get("volume", volumeId);
  if (volume === undefined || state.attachmentsOf(volumeId).length > 0) return;
  state.put("volume", { ...volume, exportsClosedAtMs: moment.nowMs });
}

function connected(state: State, attachment: Attachment, result: JobResult, moment: Moment): void {
  const attached: Attachment = {
    ...attachment,
    connectionInfo: result.connectionInfo,
    lastError: null,
    updatedAtMs: moment.nowMs,
  };
  if (attachment.status === "detaching") startDetaching(state, attached, moment);
  else state.put("attachment", { ...attached, status: "attached" });
}

/** The host could not be let in: what may be half done is undone under the same job, then the attachment goes. */
function undoConnect(state: State, job: Job, attachment: Attachment, error: Failure, moment: Moment): void {
  const failed: Attachment = {
    ...attachment,
    status: "detaching",
    lastError: lastError(error, moment),
    updatedAtMs: moment.nowMs,
  };
  state.put("attachment", failed);
  const volume = state.get("volume", attachment.volumeId);
  if (volume !== undefined) state.put("volume", { ...volume, lastError: failed.lastError });
  turnJob(state, job, { operation: disconnectOperation(state, failed), owner: job.owner, deadlineMs: null }, moment);
}
