import type { Attachment, AttachmentStatus } from "#shared/model/attachment.ts";
import type { Volume, VolumeStatus } from "#shared/model/volume.ts";
import { encryptionOf } from "../../core/encryption.ts";
import { ec2Standing } from "../../core/modify.ts";
import type { State } from "../../core/state.ts";
import type { FilterTable } from "./filters.ts";
import { instanceIdOf, snapshotIdOf, volumeIdOf } from "./ids.ts";
import { tagSet } from "./tags.ts";
import type { XmlFields } from "./xml.ts";

/** `at rest`: what it is otherwise goes on beside, as with EC2: in use if somebody has it. */
const STATUS: Readonly<Record<VolumeStatus, "creating" | "at rest" | "in-use" | "deleting" | "error">> = {
  creating: "creating",
  available: "at rest",
  reserved: "in-use",
  attaching: "in-use",
  "in-use": "in-use",
  detaching: "in-use",
  extending: "at rest",
  reverting: "at rest",
  maintenance: "at rest",
  retyping: "at rest",
  deleting: "deleting",
  error: "error",
  error_extending: "at rest",
  error_reverting: "error",
  // Its delete goes on.
  error_deleting: "deleting",
  "awaiting-transfer": "at rest",
  managing: "creating",
  error_managing: "error",
  unmanaging: "deleting",
  error_unmanaging: "deleting",
};

export function volumeStatus(state: State, { id, status }: Volume): string {
  const told = STATUS[status];
  if (told !== "at rest") return told;
  return state.attachmentsOf(id).length === 0 ? "available" : "in-use";
}

export function volumeItem(state: State, volume: Volume): XmlFields {
  const { volumeType, iops, throughput } = ec2Standing(state, volume);
  const zone = volume.zone ?? volume.requestedZone;
  return {
    volumeId: volumeIdOf(volume.id),
    size: volume.sizeGib,
    snapshotId: sourceSnapshot(volume) ?? "",
    availabilityZone: zone,
    availabilityZoneId: zone,
    status: volumeStatus(state, volume),
    createTime: instant(volume.createdAtMs),
    volumeType,
    iops,
    throughput,
    encrypted: encryptionOf(state, volume) !== undefined,
    multiAttachEnabled: volume.multiattach,
    attachmentSet: state.attachmentsOf(volume.id).map((attachment) => attachmentItem(attachment)),
    tagSet: tagSet(volume),
  };
}

/** EC2 tells less apart: whoever wants it is attaching until it is attached. */
const ATTACHMENT_STATUS: Readonly<Record<AttachmentStatus, "attaching" | "attached" | "detaching" | "detached">> = {
  reserved: "attaching",
  announced: "attaching",
  attaching: "attaching",
  error_attaching: "attaching",
  connected: "attaching",
  attached: "attached",
  leaving: "detaching",
  detaching: "detaching",
  error_detaching: "detaching",
  evicting: "detached",
};

/** `status`: as it is told to who has just asked for it. */
export function attachmentItem(
  attachment: Attachment,
  status: "attaching" | "attached" | "detaching" | "detached" = ATTACHMENT_STATUS[attachment.status],
): XmlFields {
  return {
    volumeId: volumeIdOf(attachment.volumeId),
    instanceId: instanceIdOf(attachment.instanceId),
    device: attachment.mountpoint,
    status,
    attachTime: instant(attachment.createdAtMs),
    deleteOnTermination: false,
  };
}

export function volumeFilters(state: State): FilterTable<Volume> {
  const attachments = <T>(read: (attachment: Attachment) => T) => {
    return (volume: Volume): T[] => state.attachmentsOf(volume.id).map(read);
  };
  return {
    "availability-zone": ({ zone, requestedZone }) => zone ?? requestedZone,
    "availability-zone-id": ({ zone, requestedZone }) => zone ?? requestedZone,
    "create-time": ({ createdAtMs }) => instant(createdAtMs),
    encrypted: (volume) => encryptionOf(state, volume) !== undefined,
    "fast-restored": () => false,
    "multi-attach-enabled": ({ multiattach }) => multiattach,
    size: ({ sizeGib }) => sizeGib,
    "snapshot-id": sourceSnapshot,
    status: (volume) => volumeStatus(state, volume),
    "volume-id": ({ id }) => volumeIdOf(id),
    "volume-type": (volume) => ec2Standing(state, volume).volumeType,
    "attachment.instance-id": attachments(({ instanceId }) => instanceIdOf(instanceId)),
    "attachment.device": attachments(({ mountpoint }) => mountpoint),
    "attachment.status": attachments(({ status }) => ATTACHMENT_STATUS[status]),
    "attachment.attach-time": attachments(({ createdAtMs }) => instant(createdAtMs)),
    "attachment.delete-on-termination": attachments(() => "false"),
  };
}

function sourceSnapshot({ source }: Volume): string | null {
  return source.kind === "snapshot" ? snapshotIdOf(source.snapshotId) : null;
}

export function instant(atMs: number): string {
  return new Date(atMs).toISOString();
}
