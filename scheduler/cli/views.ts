import type { Static } from "typebox";
import type { SnapshotAnswer, VolumeAnswer } from "./answers.ts";

/** A volume as `--json` gives it: these names and units stay, whatever the version of the API. */
export interface VolumeView {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly status: string;
  readonly sizeGib: number;
  readonly flavor: string | null;
  readonly zone: string | null;
  readonly backend: string | null;
  readonly snapshotId: string | null;
  readonly sourceVolumeId: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly attachments: readonly { readonly id: string; readonly host: string | null }[];
  readonly project: string | null;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly updatedAt: string | null;
}

export interface SnapshotView {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly status: string;
  readonly sizeGib: number;
  readonly volumeId: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly createdAt: string;
  readonly updatedAt: string | null;
}

export function volumeView(volume: Static<typeof VolumeAnswer>["volume"]): VolumeView {
  return {
    id: volume.id,
    name: volume.name ?? "",
    description: volume.description ?? "",
    status: volume.status,
    sizeGib: volume.size,
    flavor: volume.volume_type,
    zone: volume.availability_zone,
    backend: backendOf(volume["os-vol-host-attr:host"] ?? null),
    snapshotId: volume.snapshot_id,
    sourceVolumeId: volume.source_volid,
    metadata: volume.metadata,
    attachments: volume.attachments.map(({ attachment_id, host_name }) => ({ id: attachment_id, host: host_name })),
    project: volume["os-vol-tenant-attr:tenant_id"] ?? null,
    createdAt: utc(volume.created_at),
    updatedAt: volume.updated_at ? utc(volume.updated_at) : null,
  };
}

export function snapshotView(snapshot: Static<typeof SnapshotAnswer>["snapshot"]): SnapshotView {
  return {
    id: snapshot.id,
    name: snapshot.name ?? "",
    description: snapshot.description ?? "",
    status: snapshot.status,
    sizeGib: snapshot.size,
    volumeId: snapshot.volume_id,
    metadata: snapshot.metadata,
    createdAt: utc(snapshot.created_at),
    updatedAt: snapshot.updated_at ? utc(snapshot.updated_at) : null,
  };
}

/** OpenStack names the place `host@backend#pool`. */
function backendOf(host: string | null): string | null {
  return host === null ? null : (/@([^#]+)/.exec(host)?.[1] ?? host);
}

/** OpenStack's instants are UTC with microseconds and no zone behind them. */
export function utc(instant: string): string {
  const parsed = new Date(/Z|[+-]\d\d:\d\d$/.test(instant) ? instant : `${instant}Z`);
  return Number.isNaN(parsed.getTime()) ? instant : parsed.toISOString();
}

/** For people: to the second. */
export function instantText(iso: string): string {
  return iso.replace("T", " ").replace(/\.\d+Z$/, "Z");
}
