import { BerthError } from "#shared/errors.ts";
import type { Attachment } from "#shared/model/attachment.ts";
import type { Volume } from "#shared/model/volume.ts";
import { requireAttachmentAllows, requireVolumeAllows } from "./allowed.ts";
import {
  evict,
  keepsExport,
  newAttachment,
  settleAttached,
  settleVolumeStatus,
  startDetaching,
} from "./attachments.ts";
import type { Commands, Moment, Scope } from "./commands.ts";
import { findVolume } from "./find.ts";
import { toldAtOnce } from "./history.ts";
import type { State } from "./state.ts";

/** The steps of the field's way to attach: a host is let in between them. None but those that let in or shut out has a job. */

/** Keeps the volume for a host that is not known yet. */
export function reserveVolume(
  state: State,
  input: Commands["attachment.reserve"]["input"],
  moment: Moment,
): Attachment {
  const volume = findVolume(state, input.id, input.scope);
  requireVolumeAllows("reserve", volume);
  if (volume.status !== "available" && !volume.multiattach && !isItsOwn(state, volume, input.instanceId))
    throw new BerthError("E_IN_USE", `volume ${volume.id} is ${volume.status}: it is one host's only`, {
      details: { attachments: state.attachmentsOf(volume.id).map(({ id }) => id) },
    });
  const { attachmentId: id, announced, ...given } = input;
  const status = announced ? "announced" : "reserved";
  const wish = { ...given, id, status, connector: null, awaitsCompletion: true } as const;
  const attachment = newAttachment({ volume, snapshot: null }, wish, moment);
  state.put("attachment", attachment);
  tell(state, volume, "attachment.reserve", input, moment);
  settleVolumeStatus(state, volume.id, moment);
  return attachment;
}

/** A server that moves to another host keeps its place there before it gives up the one that it has. */
function isItsOwn(state: State, { id, status }: Volume, instanceId: string | null): boolean {
  if (instanceId === null || (status !== "in-use" && status !== "reserved")) return false;
  return state.attachmentsOf(id).some((one) => one.instanceId === instanceId);
}

/** The host says that it has attached what it was let in to. */
export function completeAttachment(
  state: State,
  input: Commands["attachment.complete"]["input"],
  moment: Moment,
): Attachment {
  const attachment = findAttachment(state, input.id, input.scope);
  requireAttachmentAllows("complete", attachment);
  if (attachment.status === "attached") return attachment;
  return attached(state, attachment, input, moment);
}

/** `os-attach`: it is attached there, says whoever attached it; also where nobody was let in through us. */
export function markAttached(state: State, input: Commands["volume.attached"]["input"], moment: Moment): Volume {
  const volume = findVolume(state, input.id, input.scope);
  requireVolumeAllows("attach", volume);
  const { instanceId, mountpoint, access, hostName } = input;
  const existing = state.attachmentsOf(volume.id);
  const mine = existing.find((one) => hostName !== null && one.connector?.host === hostName && keepsExport(one));
  const waiting = mine ?? existing.find(({ status }) => status === "connected" || status === "announced");
  const unclaimed = waiting ?? existing.find((one) => one.status === "attached" && one.instanceId === null);
  if (unclaimed === undefined && existing.length > 0 && !volume.multiattach)
    throw new BerthError("E_IN_USE", `volume ${volume.id} is attached already (attachment ${existing[0]?.id})`, {
      details: { attachments: existing.map(({ id }) => id) },
    });
  const given = {
    ...input,
    id: input.attachmentId,
    connector: null,
    awaitsCompletion: false,
    status: "attached" as const,
  };
  const one = unclaimed ?? newAttachment({ volume, snapshot: null }, given, moment);
  // The target already lets in as it was connected: to write is only what was allowed then.
  const allowed = one.connector === null ? access : one.access;
  attached(state, { ...one, instanceId, mountpoint, access: volume.readOnly ? "ro" : allowed }, input, moment);
  return findVolume(state, volume.id, null);
}

/** `os-unreserve`, `os-begin_detaching`, `os-roll_detaching`: what hosts are about to do, or will not after all. */
export function announce(state: State, input: Commands["volume.announce"]["input"], moment: Moment): Volume {
  const volume = findVolume(state, input.id, input.scope);
  const { what } = input;
  requireVolumeAllows(what, volume);
  const existing = state.attachmentsOf(volume.id);
  for (const one of existing) {
    if (what === "unreserve" && one.connector === null && ["announced", "reserved"].includes(one.status))
      state.remove("attachment", one.id);
    else if (what === "begin detaching" && one.status === "attached") turn(one, "leaving");
    else if (what === "roll detaching back" && one.status === "leaving") turn(one, "attached");
  }
  tell(state, volume, `volume.${what.replaceAll(" ", "-")}`, input, moment);
  return settleVolumeStatus(state, volume.id, moment) ?? volume;

  function turn(attachment: Attachment, status: Attachment["status"]): void {
    state.put("attachment", { ...attachment, status, updatedAtMs: moment.nowMs });
  }
}

/** By the attachment's own id, with force or without. One that is gone is done. */
export function detach(state: State, input: Commands["attachment.detach"]["input"], moment: Moment): undefined {
  const attachment = findAttachment(state, input.id, input.scope);
  requireAttachmentAllows(input.force ? "detach by force" : "detach", attachment);
  const asked = { ...attachment, requestId: input.requestId, requestedBy: input.userId };
  if (input.force) evict(state, asked, moment);
  else if (attachment.status !== "evicting") startDetaching(state, asked, moment);
  settleAttached(state, attachment, moment);
}

/** The attachment, if the scope may see it. */
export function findAttachment(state: State, id: string, scope: Scope): Attachment {
  const attachment = state.get("attachment", id);
  if (attachment === undefined || (scope !== null && attachment.projectId !== scope))
    throw new BerthError("E_NOT_FOUND", `Attachment ${id.slice(0, 80)} could not be found.`);
  return attachment;
}

function attached(
  state: State,
  attachment: Attachment,
  who: { readonly userId: string; readonly requestId: string },
  moment: Moment,
): Attachment {
  const done: Attachment = { ...attachment, status: "attached", awaitsCompletion: false, updatedAtMs: moment.nowMs };
  state.put("attachment", done);
  const volume = state.get("volume", attachment.volumeId);
  if (volume !== undefined && attachment.snapshotId === null) tell(state, volume, "attachment.complete", who, moment);
  settleAttached(state, done, moment);
  return done;
}

function tell(
  state: State,
  volume: Volume,
  operation: string,
  { userId, requestId }: { readonly userId: string; readonly requestId: string },
  moment: Moment,
): void {
  state.put("volume", toldAtOnce(state, volume, { operation, userId, requestId }, moment));
}
