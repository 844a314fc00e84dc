import type { Access, Attachment, AttachmentStatus, Connector } from "#shared/model/attachment.ts";
import type { Operation } from "#shared/model/operation.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Volume, VolumeStatus } from "#shared/model/volume.ts";
import type { Moment } from "./commands.ts";
import { currentJob, findSnapshot, findVolume } from "./find.ts";
import { BERTH_USER, jobId, kickJob, requireBackend, startJob, turnJob } from "./jobs.ts";
import { snapshotRef, volumeRef } from "./refs.ts";
import type { State } from "./state.ts";

/** What hosts are let in to: a volume, or a snapshot of it, which they may only read. */
export interface Attachable {
  readonly volume: Volume;
  readonly snapshot: Snapshot | null;
}

export interface NewAttachment {
  readonly id: string;
  readonly connector: Connector | null;
  readonly status: AttachmentStatus;
  readonly access: Access;
  readonly instanceId: string | null;
  readonly mountpoint: string | null;
  readonly awaitsCompletion: boolean;
  readonly requestId: string;
  readonly userId: string;
}

export function newAttachment({ volume, snapshot }: Attachable, given: NewAttachment, moment: Moment): Attachment {
  const { userId, ...fields } = given;
  return {
    ...fields,
    volumeId: volume.id,
    projectId: volume.projectId,
    backendId: volume.backendId ?? 0,
    zone: volume.zone ?? "",
    snapshotId: snapshot?.id ?? null,
    access: snapshot !== null || volume.readOnly ? "ro" : fields.access,
    connectionInfo: null,
    jobCount: 0,
    historyCount: 0,
    lastError: null,
    requestedBy: userId,
    createdAtMs: moment.nowMs,
    updatedAtMs: moment.nowMs,
  };
}

/** The attachments beside which this one stands: of the same volume, or of the same snapshot. */
export function attachmentsBeside(state: State, { volumeId, snapshotId }: Attachment): Attachment[] {
  return state.attachmentsOf(snapshotId ?? volumeId);
}

const LET_IN: ReadonlySet<AttachmentStatus> = new Set(["connected", "attached", "leaving"]);

/** The host is let in, and shall stay so. */
export function isLetIn({ status, connector }: Attachment): boolean {
  return connector !== null && LET_IN.has(status);
}

/** The host could not be let in, and what is half done of that is taken back. */
export function isBeingUndone({ status, connector }: Attachment): boolean {
  return status === "error_attaching" && connector !== null;
}

/** The same, or it is about to be. */
export function keepsExport(attachment: Attachment): boolean {
  return isLetIn(attachment) || attachment.status === "attaching";
}

export function startConnecting(
  state: State,
  attachment: Attachment,
  connector: Connector,
  chap: NonNullable<Volume["chap"]>,
  moment: Moment,
): Attachment {
  const attaching: Attachment = {
    ...attachment,
    connector,
    status: "attaching",
    jobCount: attachment.jobCount + 1,
    updatedAtMs: moment.nowMs,
  };
  state.put("attachment", attaching);
  startAttachmentJob(state, attaching, connectOperation(state, attaching, connector, chap), moment);
  return attaching;
}

/** A connect that is still with an agent is let finish first (`work/attachment-work.ts`). Where nobody was let in, it just goes. */
export function startDetaching(state: State, attachment: Attachment, moment: Moment): void {
  const { connector } = attachment;
  if (connector === null) {
    state.remove("attachment", attachment.id);
    return;
  }
  const job = currentJob(state, attachment);
  if (job?.operation.kind === "attachment.disconnect" || job?.operation.kind === "attachment.disconnect-snapshot") {
    state.put("attachment", { ...attachment, status: "detaching", updatedAtMs: moment.nowMs });
    kickJob(state, job, moment.nowMs + state.settings.operationDeadlineMs, moment);
    return;
  }
  if (job !== undefined) {
    state.put("attachment", { ...attachment, status: "detaching", updatedAtMs: moment.nowMs });
    return;
  }
  const detaching: Attachment = {
    ...attachment,
    status: "detaching",
    jobCount: attachment.jobCount + 1,
    updatedAtMs: moment.nowMs,
  };
  state.put("attachment", detaching);
  startAttachmentJob(state, detaching, disconnectOperation(state, detaching, connector), moment);
}

/**
 * By force: its volume is rid of it at once, whatever the backend says. That nobody stays let in is a job's business
 * from then on, tried for ever like a leftover's.
 */
export function evict(state: State, attachment: Attachment, moment: Moment): void {
  const { connector } = attachment;
  if (connector === null) {
    state.remove("attachment", attachment.id);
    return;
  }
  const evicting: Attachment = { ...attachment, status: "evicting", updatedAtMs: moment.nowMs };
  const job = currentJob(state, attachment);
  const turn = { operation: disconnectOperation(state, evicting, connector), deadlineMs: null };
  if (job !== undefined) {
    state.put("attachment", evicting);
    turnJob(state, job, { ...turn, owner: job.owner }, moment);
    return;
  }
  const worked: Attachment = { ...evicting, jobCount: evicting.jobCount + 1 };
  state.put("attachment", worked);
  startAttachmentJob(state, worked, turn.operation, moment, null);
}

/**
 * A host reaches something and has no attachment to it: it gets one that is on its way out. Nobody asked for that, so
 * nobody's request is refused for it: what is asked meanwhile waits for its turn on the volume.
 */
export function sendAway(
  state: State,
  object: Attachable,
  host: { readonly attachmentId: string; readonly connector: Connector; readonly requestId: string },
  moment: Moment,
): void {
  if (object.volume.backendId === null || object.volume.zone === null) return;
  const given: NewAttachment = {
    id: host.attachmentId,
    connector: host.connector,
    status: "attached",
    access: "rw",
    instanceId: null,
    mountpoint: null,
    awaitsCompletion: false,
    requestId: host.requestId,
    userId: BERTH_USER,
  };
  // A count that no earlier job of this attachment had: the ids of jobs must not come again.
  const attachment = { ...newAttachment(object, given, moment), jobCount: 1000 + moment.seq };
  state.put("attachment", attachment);
  evict(state, attachment, moment);
}

export function connectOperation(
  state: State,
  { id: attachmentId, volumeId, snapshotId, access }: Attachment,
  connector: Connector,
  chap: NonNullable<Volume["chap"]>,
): Operation {
  const of = findVolume(state, volumeId, null);
  const volume = volumeRef(of);
  if (snapshotId === null) return { kind: "attachment.connect", attachmentId, volume, connector, chap, access };
  const snapshot = snapshotRef(findSnapshot(state, snapshotId, null), of);
  return { kind: "attachment.connect-snapshot", attachmentId, volume, snapshot, connector, chap };
}

export function disconnectOperation(state: State, attachment: Attachment, connector: Connector): Operation {
  const { id: attachmentId, volumeId, snapshotId } = attachment;
  const of = findVolume(state, volumeId, null);
  const volume = volumeRef(of);
  // Those that are on their way out keep nothing up: of two that leave at once, the second is the last.
  const last = !attachmentsBeside(state, attachment).some((other) => other.id !== attachmentId && keepsExport(other));
  if (snapshotId === null) return { kind: "attachment.disconnect", attachmentId, volume, connector, last };
  const snapshot = snapshotRef(findSnapshot(state, snapshotId, null), of);
  return { kind: "attachment.disconnect-snapshot", attachmentId, volume, snapshot, connector, last };
}

export function startAttachmentJob(
  state: State,
  attachment: Attachment,
  operation: Operation,
  moment: Moment,
  deadlineMs: number | null = moment.nowMs + state.settings.operationDeadlineMs,
): void {
  startJob(
    state,
    {
      id: jobId(attachment.id, attachment.jobCount),
      owner: { kind: "attachment", id: attachment.id },
      operation,
      backend: requireBackend(state, attachment.backendId),
      requestId: attachment.requestId,
      userId: attachment.requestedBy,
      deadlineMs,
    },
    moment,
  );
}

/** What an attachment is of follows it: the volume's status, and the secret, which goes with the last one. */
export function settleAttached(state: State, { volumeId, snapshotId }: Attachment, moment: Moment): void {
  if (snapshotId === null) {
    settleVolumeStatus(state, volumeId, moment);
    return;
  }
  const snapshot = state.get("snapshot", snapshotId);
  if (snapshot !== undefined && snapshot.chap !== null && state.attachmentsOf(snapshotId).length === 0)
    state.put("snapshot", { ...snapshot, chap: null });
}

/** The volume's status follows from its attachments; other passing states stand above it. */
export function settleVolumeStatus(state: State, volumeId: string, moment: Moment): Volume | undefined {
  const volume = state.get("volume", volumeId);
  if (volume === undefined) return undefined;
  if (!["available", "reserved", "attaching", "in-use", "detaching"].includes(volume.status)) return volume;
  const attachments = state.attachmentsOf(volumeId);
  const status = statusFrom(attachments);
  const chap = attachments.length === 0 && wasTold(state, volume) ? null : volume.chap;
  if (status === volume.status && chap === volume.chap) return volume;
  const settled: Volume = { ...volume, status, chap, updatedAtMs: moment.nowMs };
  state.put("volume", settled);
  return settled;
}

/** Some host was told the secret. One that was made with the volume is kept until then, whatever was reserved meanwhile. */
function wasTold(state: State, { id, exportsClosedAtMs }: Volume): boolean {
  return exportsClosedAtMs !== undefined || state.evictionsOf(id).length > 0;
}

export function statusFrom(attachments: readonly Attachment[]): VolumeStatus {
  const has = (...wanted: readonly AttachmentStatus[]): boolean =>
    attachments.some(({ status }) => wanted.includes(status));
  if (has("attached")) return "in-use";
  if (has("attaching", "connected", "announced")) return "attaching";
  if (has("leaving", "detaching", "error_detaching") || attachments.some(isBeingUndone)) return "detaching";
  return has("reserved", "error_attaching") ? "reserved" : "available";
}

/** How people know the host. */
export function hostOf(connector: Connector | null): string {
  return connector?.host ?? connector?.initiator ?? connector?.ip ?? "";
}

/** Is it one host? By the first that both tell: the initiator, the name, the address. */
export function sameHost(one: Connector | null, other: Connector | null): boolean {
  if (one === null || other === null) return false;
  for (const key of ["initiator", "host", "ip"] as const) {
    if (one[key] !== null && other[key] !== null) return one[key] === other[key];
  }
  return false;
}
