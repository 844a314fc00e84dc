import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { Attachment, AttachmentStatus } from "#shared/model/attachment.ts";
import { Nullable } from "#shared/model/nullable.ts";
import { findAttachment } from "../../../core/attach-steps.ts";
import type { State } from "../../../core/state.ts";
import type { Listed } from "../rest/listing.ts";
import { fieldTime } from "../rest/times.ts";
import type { LetIn } from "./connect.ts";

const text = Type.String();

const SUMMARY = { id: text, status: text, instance: Nullable(text), volume_id: text };
export const AttachmentSummary = Type.Object(SUMMARY);
export const AttachmentDetail = Type.Object({
  ...SUMMARY,
  attached_at: text,
  detached_at: text,
  attach_mode: text,
  connection_info: Type.Record(text, Type.Unknown()),
});
export const AttachmentAnswer = Type.Object({ attachment: AttachmentDetail });
export const AttachmentsAnswer = Type.Object({ attachments: Type.Array(AttachmentSummary) });

/** Of snapshots, and those that are on their way out by force, the field knows nothing. */
function isTold({ snapshotId, status }: Attachment): boolean {
  return snapshotId === null && status !== "evicting";
}

export function told(state: State): ReadonlyMap<string, Attachment> {
  return new Map([...state.table("attachment")].filter(([, attachment]) => isTold(attachment)));
}

export function findTold(state: State, id: string, scope: string | null): Attachment {
  const attachment = findAttachment(state, id, scope);
  if (isTold(attachment)) return attachment;
  throw new BerthError("E_NOT_FOUND", `Attachment ${id} could not be found.`);
}

/** The field's word for it. */
const FIELD_STATUS: Readonly<Record<AttachmentStatus, string>> = {
  reserved: "reserved",
  announced: "attaching",
  attaching: "attaching",
  error_attaching: "error_attaching",
  connected: "attaching",
  attached: "attached",
  leaving: "attached",
  detaching: "detaching",
  error_detaching: "error_detaching",
  evicting: "detached",
};

export function attachmentSummary({ id, status, instanceId, volumeId }: Attachment): Static<typeof AttachmentSummary> {
  return { id, status: FIELD_STATUS[status], instance: instanceId, volume_id: volumeId };
}

/** Flat, unlike what `os-initialize_connection` answers. */
export function attachmentDetail(attachment: Attachment, letIn?: LetIn): Static<typeof AttachmentDetail> {
  const { id, status, createdAtMs, access, connectionInfo } = attachment;
  const isAttached = status === "attached" || status === "leaving";
  const kept =
    connectionInfo === null ? null : { driver_volume_type: connectionInfo.driverVolumeType, ...connectionInfo.data };
  const info = letIn === undefined ? kept : { driver_volume_type: letIn.info.driver_volume_type, ...letIn.info.data };
  return {
    ...attachmentSummary(attachment),
    attached_at: isAttached ? fieldTime(createdAtMs) : "",
    detached_at: "",
    attach_mode: access,
    connection_info: info === null ? {} : { ...info, attachment_id: id },
  };
}

export const listedAttachments: Listed<Attachment> = {
  name: "Attachment",
  fields: {
    id: ({ id }) => id,
    volume_id: ({ volumeId }) => volumeId,
    status: ({ status }) => FIELD_STATUS[status],
    attach_status: ({ status }) => FIELD_STATUS[status],
    instance_id: ({ instanceId }) => instanceId,
    created_at: ({ createdAtMs }) => fieldTime(createdAtMs),
    updated_at: ({ updatedAtMs }) => fieldTime(updatedAtMs),
  },
  sortKeys: ["id", "volume_id", "status", "attach_status", "instance_id", "created_at", "updated_at"],
  metadata: () => ({}),
};
