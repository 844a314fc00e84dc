import { type Static, Type } from "typebox";
import type { Attachment, AttachmentStatus } from "#shared/model/attachment.ts";
import { Nullable } from "#shared/model/nullable.ts";
import type { Volume } from "#shared/model/volume.ts";
import { hostOf } from "../../../core/attachments.ts";
import { encryptionOf } from "../../../core/encryption.ts";
import type { State } from "../../../core/state.ts";
import { poolName } from "../places.ts";
import type { LinkBase } from "../rest/addresses.ts";
import type { Listed } from "../rest/listing.ts";
import type { Viewer } from "../rest/operation.ts";
import { Links } from "../rest/page.ts";
import { textOf } from "../rest/texts.ts";
import { fieldTime } from "../rest/times.ts";
import { since } from "../rest/versioned.ts";

const text = Type.String();
const textOrNull = Nullable(text);

const AttachmentOfVolume = Type.Object({
  id: text,
  attachment_id: text,
  volume_id: text,
  server_id: textOrNull,
  host_name: textOrNull,
  device: textOrNull,
  attached_at: text,
});

export const VolumeSummaryView = Type.Object({ id: text, name: textOrNull, links: Links });

export const VolumeView = Type.Object({
  id: text,
  name: textOrNull,
  description: textOrNull,
  status: text,
  size: Type.Integer(),
  availability_zone: textOrNull,
  volume_type: textOrNull,
  user_id: text,
  metadata: Type.Record(text, text),
  snapshot_id: textOrNull,
  source_volid: textOrNull,
  bootable: Type.Union([Type.Literal("true"), Type.Literal("false")]),
  encrypted: Type.Boolean(),
  multiattach: Type.Boolean(),
  attachments: Type.Array(AttachmentOfVolume),
  replication_status: textOrNull,
  consistencygroup_id: Type.Null(),
  created_at: text,
  updated_at: text,
  links: Links,
  "os-vol-tenant-attr:tenant_id": text,
  /** Where there is any. */
  volume_image_metadata: Type.Optional(Type.Record(text, text)),
  /** For administrators. */
  migration_status: Type.Optional(textOrNull),
  "os-vol-host-attr:host": Type.Optional(textOrNull),
  "os-vol-mig-status-attr:migstat": Type.Optional(textOrNull),
  "os-vol-mig-status-attr:name_id": Type.Optional(textOrNull),
  provider_id: Type.Optional(textOrNull),
  /** From a version on. */
  group_id: Type.Optional(textOrNull),
  service_uuid: Type.Optional(textOrNull),
  shared_targets: Type.Optional(Nullable(Type.Boolean())),
  cluster_name: Type.Optional(Type.Null()),
  volume_type_id: Type.Optional(text),
  consumes_quota: Type.Optional(Type.Boolean()),
});
export type VolumeView = Static<typeof VolumeView>;

export const VolumeAnswer = Type.Object({ volume: VolumeView });
/** A volume as the field's clients know it. Keys for what Berth does not have carry the value that says so. */
export function volumeView(
  state: State,
  volume: Volume,
  { links, minor, caller }: Pick<Viewer, "links" | "minor" | "caller">,
): VolumeView {
  const migration = migrationStatus(volume);
  const { imageMetadata = {} } = volume;
  return {
    id: volume.id,
    name: textOf(volume.name),
    description: textOf(volume.description),
    status: shownStatus(volume),
    size: volume.sizeGib,
    availability_zone: volume.zone ?? volume.requestedZone,
    volume_type: state.flavor(volume)?.name ?? null,
    user_id: volume.userId,
    metadata: volume.readOnly ? { ...volume.metadata, readonly: "True" } : volume.metadata,
    snapshot_id: snapshotSource(volume),
    source_volid: volumeSource(volume),
    bootable: volume.bootable ? "true" : "false",
    encrypted: encryptionOf(state, volume) !== undefined,
    multiattach: volume.multiattach,
    attachments: attachmentViews(state, volume, caller.isAdmin),
    replication_status: volume.replicationStatus ?? null,
    consistencygroup_id: null,
    created_at: fieldTime(volume.createdAtMs),
    updated_at: fieldTime(volume.updatedAtMs),
    links: volumeLinks(volume, links),
    "os-vol-tenant-attr:tenant_id": volume.projectId,
    ...(caller.isAdmin
      ? {
          migration_status: migration,
          "os-vol-host-attr:host": hostName(state, volume),
          "os-vol-mig-status-attr:migstat": migration,
          "os-vol-mig-status-attr:name_id": volume.nameId,
          ...since(minor, 21, { provider_id: volume.providerId }),
        }
      : {}),
    ...(Object.keys(imageMetadata).length === 0 ? {} : { volume_image_metadata: imageMetadata }),
    ...since(minor, 13, { group_id: volume.groupId }),
    // Hosts need no lock of their own around connecting: one volume is one target, and agents count who is let in.
    ...since(minor, 48, { service_uuid: null, shared_targets: false }),
    ...since(minor, 61, { cluster_name: null }),
    ...since(minor, 63, { volume_type_id: volume.flavorId }),
    ...since(minor, 65, { consumes_quota: true }),
  };
}

export function volumeSummary(volume: Volume, links: LinkBase): Static<typeof VolumeSummaryView> {
  return { id: volume.id, name: textOf(volume.name), links: volumeLinks(volume, links) };
}

const FILTERS: Listed<Volume>["fields"] = {
  id: (volume) => volume.id,
  name: (volume) => volume.name,
  status: shownStatus,
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
  consumes_quota: () => true,
};

export const listedVolumes: Listed<Volume> = {
  name: "Volume",
  fields: FILTERS,
  since: { group_id: 10, consumes_quota: 65 },
  times: { created_at: (volume) => volume.createdAtMs, updated_at: (volume) => volume.updatedAtMs },
  pairs: { glance_metadata: { since: 4, of: ({ imageMetadata = {} }) => imageMetadata } },
  sortKeys: Object.keys(FILTERS).filter((name) => name !== "consumes_quota"),
  metadata: (volume) => volume.metadata,
};

/** The field's words for it. That it completes nobody sees: it is one commit. */
function migrationStatus({ move, migrated }: Volume): string | null {
  if (move === null || move.target === null) return migrated ?? null;
  return move.phase === "making" || move.phase === "connecting" ? "starting" : "migrating";
}

/** While a person holds it, as what they said. */
export function shownStatus({ held, status }: Volume): string {
  return held ?? status;
}

function snapshotSource({ source }: Volume): string | null {
  return source.kind === "snapshot" ? source.snapshotId : null;
}

function volumeSource({ source }: Volume): string | null {
  return source.kind === "volume" ? source.volumeId : null;
}

function hostName(state: State, volume: Volume): string | null {
  const backend = state.backend(volume.backendId ?? 0);
  return backend === undefined ? null : poolName(backend);
}

/** The field shows who has attached, and not who is about to. */
const SHOWN: ReadonlySet<AttachmentStatus> = new Set(["attached", "leaving", "detaching", "error_detaching"]);

function attachmentViews(state: State, volume: Volume, withHosts: boolean): Static<typeof AttachmentOfVolume>[] {
  return state
    .attachmentsOf(volume.id)
    .filter(({ status }) => SHOWN.has(status))
    .map((attachment) => attachmentView(attachment, withHosts));
}

function attachmentView(attachment: Attachment, withHost: boolean): Static<typeof AttachmentOfVolume> {
  return {
    id: attachment.volumeId,
    attachment_id: attachment.id,
    volume_id: attachment.volumeId,
    server_id: attachment.instanceId,
    host_name: !withHost || attachment.connector === null ? null : hostOf(attachment.connector),
    device: attachment.mountpoint,
    attached_at: fieldTime(attachment.createdAtMs),
  };
}

function volumeLinks(volume: Volume, base: LinkBase): Static<typeof Links> {
  return [
    { rel: "self", href: `${base.self}/volumes/${volume.id}` },
    { rel: "bookmark", href: `${base.bookmark}/volumes/${volume.id}` },
  ];
}
