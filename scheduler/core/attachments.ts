import { BerthError } from "#shared/errors.ts";
import type { Attachment, Connector } from "#shared/model/attachment.ts";
import type { Operation } from "#shared/model/operation.ts";
import type { Volume, VolumeStatus } from "#shared/model/volume.ts";
import { requireVolumeAllows } from "./allowed.ts";
import type { Commands, Moment } from "./commands.ts";
import { currentJob, findVolume } from "./find.ts";
import { refuseWhileGroupIsCopied } from "./group-members.ts";
import { BERTH_USER, jobId, kickJob, requireBackend, startJob } from "./jobs.ts";
import { volumeRef } from "./refs.ts";
import type { State } from "./state.ts";

/** Lets one host in. For the same host it is the same attachment, with the same answer. */
export function connectVolume(
  state: State,
  input: Commands["attachment.connect"]["input"],
  moment: Moment,
): Attachment {
  const volume = findVolume(state, input.id, input.scope);
  const existing = state.attachmentsOf(volume.id);
  const same = existing.find((attachment) => sameHost(attachment.connector, input.connector));
  if (same !== undefined && (same.status === "attached" || same.status === "attaching")) return same;
  // Its own that is being taken away is no other host's: the volume's state says what to wait for.
  if (existing.length > 0 && same === undefined)
    throw new BerthError(
      "E_IN_USE",
      `volume ${volume.id} is connected to another host (attachment ${existing[0]?.id})`,
      {
        details: { attachments: existing.map((attachment) => attachment.id) },
      },
    );
  requireVolumeAllows("connect", volume);
  refuseWhileGroupIsCopied(state, volume.id, "connecting");
  const backend = requireBackend(state, volume.backendId ?? 0);
  const measurement = state.space.backend(backend.id).measurement;
  if (measurement !== null && !measurement.capabilities.includes("connect"))
    throw new BerthError("E_CONFLICT", `backend ${backend.name} cannot export volumes to hosts`);

  const chap = volume.chap ?? input.chap;
  const attachment: Attachment = {
    id: input.attachmentId,
    volumeId: volume.id,
    projectId: volume.projectId,
    backendId: backend.id,
    zone: backend.zone,
    connector: input.connector,
    status: "attaching",
    connectionInfo: null,
    jobCount: 1,
    historyCount: 0,
    lastError: null,
    requestId: input.requestId,
    requestedBy: input.userId,
    createdAtMs: moment.nowMs,
    updatedAtMs: moment.nowMs,
  };
  state.put("attachment", attachment);
  state.put("volume", { ...volume, chap, status: "attaching", lastError: null, updatedAtMs: moment.nowMs });
  startAttachmentJob(
    state,
    attachment,
    {
      kind: "attachment.connect",
      attachmentId: attachment.id,
      volume: volumeRef(volume),
      connector: input.connector,
      chap,
    },
    moment,
  );
  return attachment;
}

/** Shuts hosts out: the one that the connector names, or all. A volume that nobody has is done; one that another has is not. */
export function disconnectVolume(
  state: State,
  input: Commands["attachment.disconnect"]["input"],
  moment: Moment,
): Volume {
  const volume = findVolume(state, input.id, input.scope);
  const { connector } = input;
  const attachments = state.attachmentsOf(volume.id);
  const meant = attachments.filter(({ connector: host }) => connector === null || sameHost(host, connector));
  if (meant.length === 0 && attachments.length > 0)
    throw new BerthError("E_BAD_REQUEST", `volume ${volume.id} is not connected to that host`, {
      details: { connectedTo: attachments.map(({ connector: host }) => host.initiator ?? host.host ?? host.ip) },
    });
  for (const attachment of meant)
    startDetaching(state, { ...attachment, requestId: input.requestId, requestedBy: input.userId }, moment);
  return settleVolumeStatus(state, volume.id, moment) ?? volume;
}

/** A connect that is still with an agent is let finish first (`results.ts`). */
export function startDetaching(state: State, attachment: Attachment, moment: Moment): void {
  const job = currentJob(state, attachment);
  if (job?.operation.kind === "attachment.disconnect") {
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
  startAttachmentJob(state, detaching, disconnectOperation(state, detaching), moment);
}

/** A host reaches a volume and has no attachment: it gets one that is on its way out. */
export function sendAway(
  state: State,
  volume: Volume,
  host: { readonly attachmentId: string; readonly connector: Connector; readonly requestId: string },
  moment: Moment,
): void {
  if (volume.backendId === null || volume.zone === null) return;
  const attachment: Attachment = {
    id: host.attachmentId,
    volumeId: volume.id,
    projectId: volume.projectId,
    backendId: volume.backendId,
    zone: volume.zone,
    connector: host.connector,
    status: "attached",
    connectionInfo: null,
    // A count that no earlier job of this attachment had: the ids of jobs must not come again.
    jobCount: 1000 + moment.seq,
    historyCount: 0,
    lastError: null,
    requestId: host.requestId,
    requestedBy: BERTH_USER,
    createdAtMs: moment.nowMs,
    updatedAtMs: moment.nowMs,
  };
  state.put("attachment", attachment);
  startDetaching(state, attachment, moment);
  settleVolumeStatus(state, volume.id, moment);
}

export function disconnectOperation(state: State, attachment: Attachment): Operation {
  const volume = findVolume(state, attachment.volumeId, null);
  // Those that are on their way out keep nothing up: of two that leave at once, the second is the last.
  const others = state
    .attachmentsOf(volume.id)
    .filter((other) => other.id !== attachment.id && (other.status === "attached" || other.status === "attaching"));
  return {
    kind: "attachment.disconnect",
    attachmentId: attachment.id,
    volume: volumeRef(volume),
    connector: attachment.connector,
    last: others.length === 0,
  };
}

export function startAttachmentJob(state: State, attachment: Attachment, operation: Operation, moment: Moment): void {
  startJob(
    state,
    {
      id: jobId(attachment.id, attachment.jobCount),
      owner: { kind: "attachment", id: attachment.id },
      operation,
      backend: requireBackend(state, attachment.backendId),
      requestId: attachment.requestId,
      userId: attachment.requestedBy,
      deadlineMs: moment.nowMs + state.settings.operationDeadlineMs,
    },
    moment,
  );
}

/** The volume's status follows from its attachments; other passing states stand above it. */
export function settleVolumeStatus(state: State, volumeId: string, moment: Moment): Volume | undefined {
  const volume = state.get("volume", volumeId);
  if (volume === undefined) return undefined;
  if (!["available", "attaching", "in-use", "detaching"].includes(volume.status)) return volume;
  const attachments = state.attachmentsOf(volumeId);
  const status = statusFrom(attachments);
  const chap = attachments.length === 0 ? null : volume.chap;
  if (status === volume.status && chap === volume.chap) return volume;
  const settled: Volume = { ...volume, status, chap, updatedAtMs: moment.nowMs };
  state.put("volume", settled);
  return settled;
}

export function statusFrom(attachments: readonly Attachment[]): VolumeStatus {
  if (attachments.some((attachment) => attachment.status === "attached")) return "in-use";
  if (attachments.some((attachment) => attachment.status === "attaching")) return "attaching";
  return attachments.length > 0 ? "detaching" : "available";
}

/** How people know the host. */
export function hostOf({ host, initiator, ip }: Connector): string {
  return host ?? initiator ?? ip ?? "";
}

/** Is it one host? By the first that both tell: the initiator, the name, the address. */
export function sameHost(one: Connector, other: Connector): boolean {
  for (const key of ["initiator", "host", "ip"] as const) {
    if (one[key] !== null && other[key] !== null) return one[key] === other[key];
  }
  return false;
}
