import type { Attachment, AttachmentStatus } from "#shared/model/attachment.ts";
import type { Volume } from "#shared/model/volume.ts";
import { hostOf } from "../../core/attachments.ts";
import type { State } from "../../core/state.ts";
import type { LinkBase } from "./addresses.ts";
import type { Listed } from "./listing.ts";
import { fieldTime } from "./times.ts";

/** A volume as the field's clients know it. Keys for what Berth does not have carry the value that says so. */
export function volumeView(state: State, volume: Volume, base: LinkBase): object {
  return {
    id: volume.id,
    name: volume.name,
    description: volume.description,
    status: volume.status,
    size: volume.sizeGib,
    availability_zone: volume.zone ?? volume.requestedZone,
    volume_type: state.flavor(volume)?.name ?? null,
    user_id: volume.userId,
    metadata: volume.readOnly ? { ...volume.metadata, readonly: "True" } : volume.metadata,
    snapshot_id: snapshotSource(volume),
    source_volid: volumeSource(volume),
    bootable: String(volume.bootable),
    encrypted: false,
    multiattach: volume.multiattach,
    attachments: attachmentViews(state, volume),
    replication_status: volume.replicationStatus ?? null,
    consistencygroup_id: null,
    migration_status: migrationStatus(volume),
    created_at: fieldTime(volume.createdAtMs),
    updated_at: fieldTime(volume.updatedAtMs),
    links: volumeLinks(volume, base),
    "os-vol-host-attr:host": hostName(state, volume),
    "os-vol-mig-status-attr:migstat": migrationStatus(volume),
    "os-vol-mig-status-attr:name_id": volume.nameId,
    "os-vol-tenant-attr:tenant_id": volume.projectId,
  };
}

export function volumeSummary(volume: Volume, base: LinkBase): object {
  return { id: volume.id, name: volume.name, links: volumeLinks(volume, base) };
}

const FILTERS: Listed<Volume>["fields"] = {
  id: (volume) => volume.id,
  name: (volume) => volume.name,
  status: (volume) => volume.status,
  size: (volume) => volume.sizeGib,
  availability_zone: (volume) => volume.zone ?? volume.requestedZone,
  user_id: (volume) => volume.userId,
  snapshot_id: snapshotSource,
  source_volid: volumeSource,
  bootable: (volume) => String(volume.bootable),
  group_id: (volume) => volume.groupId,
  migration_status: migrationStatus,
  created_at: (volume) => fieldTime(volume.createdAtMs),
  updated_at: (volume) => fieldTime(volume.updatedAtMs),
};

export const listedVolumes: Listed<Volume> = {
  name: "Volume",
  fields: FILTERS,
  sortKeys: ["id", "status", "size", "availability_zone", "name", "bootable", "created_at", "updated_at"],
  metadata: (volume) => volume.metadata,
};

/** The field's words for it. That it completes nobody sees: it is one commit. */
function migrationStatus({ move, migrated }: Volume): string | null {
  if (move === null || move.target === null) return migrated ?? null;
  return move.phase === "making" || move.phase === "connecting" ? "starting" : "migrating";
}

function snapshotSource({ source }: Volume): string | null {
  return source.kind === "snapshot" ? source.snapshotId : null;
}

function volumeSource({ source }: Volume): string | null {
  return source.kind === "volume" ? source.volumeId : null;
}

/** `host@backend#pool`: Berth's agents are interchangeable, so the host is Berth itself. */
function hostName(state: State, volume: Volume): string | null {
  if (volume.backendId === null) return null;
  const name = state.backend(volume.backendId)?.name;
  return name === undefined ? null : `berth@${name}#${name}`;
}

/** The field shows who has attached, and not who is about to. */
const SHOWN: ReadonlySet<AttachmentStatus> = new Set(["attached", "leaving", "detaching", "error_detaching"]);

function attachmentViews(state: State, volume: Volume): object[] {
  return state
    .attachmentsOf(volume.id)
    .filter(({ status }) => SHOWN.has(status))
    .map(attachmentView);
}

function attachmentView(attachment: Attachment): object {
  return {
    id: attachment.volumeId,
    attachment_id: attachment.id,
    volume_id: attachment.volumeId,
    server_id: attachment.instanceId,
    host_name: attachment.connector === null ? null : hostOf(attachment.connector),
    device: attachment.mountpoint,
    attached_at: fieldTime(attachment.createdAtMs),
  };
}

function volumeLinks(volume: Volume, base: LinkBase): object[] {
  return [
    { rel: "self", href: `${base.self}/volumes/${volume.id}` },
    { rel: "bookmark", href: `${base.bookmark}/volumes/${volume.id}` },
  ];
}
