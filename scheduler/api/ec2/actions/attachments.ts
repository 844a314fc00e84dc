import { randomUUID } from "node:crypto";
import type { Attachment } from "#shared/model/attachment.ts";
import type { Volume } from "#shared/model/volume.ts";
import { changing, type Ec2Context } from "../context.ts";
import { instanceIdOf, requireInstanceId, requireVolume } from "../ids.ts";
import { missing } from "../parameters.ts";
import { Ec2Refusal } from "../refusal.ts";
import { AttachVolume, DetachVolume } from "../schemas.ts";
import { attachmentItem, volumeStatus } from "../volume-view.ts";

/** Recorded and no more: who runs the instance lets it in (`os-initialize_connection`, `berth volume connect`). */
export const attachVolume = changing(AttachVolume, async (context, asked) => {
  const { state, caller } = context;
  const instanceId = requireInstanceId(asked.InstanceId);
  const volume = requireVolume(state, asked.VolumeId, caller.projectId);
  const mountpoint = requireDevice(asked.Device);
  requireAttachable(context, volume, instanceId);
  requireFreePlace(context, volume, instanceId, mountpoint);
  const attachmentId = randomUUID();
  const { projectId: scope, userId, requestId } = caller;
  const of = { instanceId, mountpoint, access: "rw", hostName: null } as const;
  await context.submit("volume.attached", { scope, id: volume.id, userId, requestId, attachmentId, ...of });
  const made = state.attachmentsOf(volume.id).find((one) => one.instanceId === instanceId);
  if (made === undefined) throw new Ec2Refusal("IncorrectState", `Volume ${asked.VolumeId} was detached at once`);
  return attachmentItem(made, "attaching");
});

function requireAttachable({ state }: Ec2Context, volume: Volume, instanceId: string): void {
  const [first] = state.attachmentsOf(volume.id).filter((one) => one.instanceId !== null);
  const isSame = state.attachmentsOf(volume.id).some((one) => instanceIdOf(one.instanceId) === instanceId);
  if (first !== undefined && (isSame || !volume.multiattach))
    throw new Ec2Refusal("VolumeInUse", `volume ${volume.id} is already attached to an instance`);
  const status = volumeStatus(state, volume);
  if (status !== "available" && status !== "in-use")
    throw new Ec2Refusal("IncorrectState", `volume ${volume.id} is not 'available'.`);
}

/** An instance is in one zone: in that of what it has. And it has one volume a device. */
function requireFreePlace({ state, caller }: Ec2Context, volume: Volume, instanceId: string, device: string): void {
  for (const one of state.table("attachment").values()) {
    if (one.projectId !== caller.projectId || instanceIdOf(one.instanceId) !== instanceId) continue;
    if (one.status === "evicting") continue;
    if (one.zone !== volume.zone)
      throw new Ec2Refusal(
        "InvalidVolume.ZoneMismatch",
        `The volume '${volume.id}' is not in the same availability zone as instance '${instanceId}'`,
      );
    if (one.mountpoint === device)
      throw new Ec2Refusal(
        "InvalidParameterValue",
        `Invalid value '${device}' for unixDevice. Attachment point ${device} is already in use`,
      );
  }
}

function requireDevice(text: string): string {
  if (/^[\x21-\x7e]{1,255}$/.test(text)) return text;
  throw new Ec2Refusal("InvalidParameterValue", `Value (${text.slice(0, 60)}) for parameter device is invalid.`);
}

export const detachVolume = changing(DetachVolume, async (context, asked) => {
  const { state, caller } = context;
  const volume = requireVolume(state, asked.VolumeId, caller.projectId);
  const instanceId = asked.InstanceId === undefined ? null : requireInstanceId(asked.InstanceId);
  const attachment = requireAttachment(context, volume, instanceId, asked.Device ?? null);
  const { projectId: scope, userId, requestId } = caller;
  await context.submit("attachment.detach", {
    ...{ scope, id: attachment.id, userId, requestId },
    force: asked.Force === true,
  });
  return attachmentItem(attachment, "detaching");
});

function requireAttachment(
  { state }: Ec2Context,
  volume: Volume,
  instanceId: string | null,
  device: string | null,
): Attachment {
  const all = state.attachmentsOf(volume.id);
  if (all.length === 0)
    throw new Ec2Refusal("IncorrectState", `Volume '${volume.id}' is in the '${volumeStatus(state, volume)}' state.`);
  const meant = all
    .filter((one) => instanceId === null || instanceIdOf(one.instanceId) === instanceId)
    .filter((one) => device === null || one.mountpoint === device);
  const [first, second] = meant;
  if (first === undefined) {
    const where = [instanceId ?? [], device === null ? [] : `as ${device}`].flat().join(" ");
    throw new Ec2Refusal("InvalidAttachment.NotFound", `The volume '${volume.id}' is not attached to ${where}`);
  }
  if (second !== undefined) throw missing("InstanceId: the volume is attached to several instances");
  return first;
}
