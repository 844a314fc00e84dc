import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Volume } from "#shared/model/volume.ts";
import { shortIdOf } from "../../core/short-ids.ts";
import type { State } from "../../core/state.ts";
import { Ec2Refusal } from "./refusal.ts";

/** Old ones have 8 digits, which none of ours has. */
const DIGITS = "([0-9a-f]{8}|[0-9a-f]{17})";
const VOLUME_ID = new RegExp(`^vol-${DIGITS}$`);
const SNAPSHOT_ID = new RegExp(`^snap-${DIGITS}$`);
const INSTANCE_ID = new RegExp(`^i-${DIGITS}$`);
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function volumeIdOf(uuid: string): string {
  return `vol-${shortIdOf(uuid)}`;
}

export function snapshotIdOf(uuid: string): string {
  return `snap-${shortIdOf(uuid)}`;
}

/** A server's id by OpenStack is a UUID; what else attached has the name that it gave itself. null: none. */
export function instanceIdOf(instanceId: string | null): string | null {
  return instanceId !== null && UUID.test(instanceId) ? `i-${shortIdOf(instanceId)}` : instanceId;
}

/** Throws InvalidInstanceID.Malformed. Instances are not ours: any that can be one is believed. */
export function requireInstanceId(text: string): string {
  if (INSTANCE_ID.test(text)) return text;
  throw new Ec2Refusal("InvalidInstanceID.Malformed", `Invalid id: "${shown(text)}" (expecting "i-...")`);
}

/** Throws InvalidVolumeID.Malformed, InvalidVolume.NotFound. */
export function requireVolume(state: State, id: string, projectId: string): Volume {
  const [volume] = requireVolumes(state, [id], projectId);
  if (volume === undefined) throw volumesNotFound([id]);
  return volume;
}

/** All of them, or none: the refusal names those that are not there. */
export function requireVolumes(state: State, ids: readonly string[], projectId: string): Volume[] {
  for (const id of ids)
    if (!VOLUME_ID.test(id))
      throw new Ec2Refusal("InvalidVolumeID.Malformed", `Invalid id: "${shown(id)}" (expecting "vol-...")`);
  const missing: string[] = [];
  const found = ids.flatMap((id) => {
    const uuids = state.shortIds.volume.find(id.slice("vol-".length));
    const volumes = uuids.flatMap((uuid) => state.get("volume", uuid) ?? []).filter(isOf(projectId));
    if (volumes.length === 0) missing.push(id);
    return unambiguous(id, volumes);
  });
  if (missing.length > 0) throw volumesNotFound(missing);
  return found;
}

function volumesNotFound(ids: readonly string[]): Ec2Refusal {
  return new Ec2Refusal("InvalidVolume.NotFound", notFound("volume", ids));
}

/** The same of snapshots. One that is being deleted is gone, as it is with EC2. */
export function requireSnapshots(state: State, ids: readonly string[], projectId: string): Snapshot[] {
  for (const id of ids)
    if (!SNAPSHOT_ID.test(id))
      throw new Ec2Refusal("InvalidSnapshotID.Malformed", `Invalid id: "${shown(id)}" (expecting "snap-...")`);
  const missing: string[] = [];
  const found = ids.flatMap((id) => {
    const uuids = state.shortIds.snapshot.find(id.slice("snap-".length));
    const snapshots = uuids.flatMap((uuid) => state.get("snapshot", uuid) ?? []).filter(isOf(projectId));
    const standing = snapshots.filter(({ status }) => status !== "deleting");
    if (standing.length === 0) missing.push(id);
    return unambiguous(id, standing);
  });
  if (missing.length > 0) throw new Ec2Refusal("InvalidSnapshot.NotFound", notFound("snapshot", missing));
  return found;
}

export function requireSnapshot(state: State, id: string, projectId: string): Snapshot {
  const [snapshot] = requireSnapshots(state, [id], projectId);
  if (snapshot === undefined) throw new Ec2Refusal("InvalidSnapshot.NotFound", notFound("snapshot", [id]));
  return snapshot;
}

export function isVolumeId(text: string): boolean {
  return text.startsWith("vol-");
}

export function isSnapshotId(text: string): boolean {
  return text.startsWith("snap-");
}

function isOf(projectId: string): (object: { readonly projectId: string }) => boolean {
  return (object) => object.projectId === projectId;
}

function unambiguous<T extends { readonly id: string }>(id: string, objects: readonly T[]): readonly T[] {
  if (objects.length < 2) return objects;
  const uuids = objects.map((object) => object.id).join(" and ");
  throw new Ec2Refusal(
    "InvalidParameterValue",
    `The id '${id}' is that of two: name them by the OpenStack API, as ${uuids}`,
  );
}

function notFound(what: string, ids: readonly string[]): string {
  if (ids.length === 1) return `The ${what} '${ids[0]}' does not exist.`;
  return `The ${what}s '${ids.slice(0, 20).join(", ")}' do not exist.`;
}

function shown(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
