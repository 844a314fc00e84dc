import type { VolumeSpec } from "#shared/model/extra-specs.ts";
import type { OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Volume } from "#shared/model/volume.ts";
import { gibToBytes } from "#shared/units.ts";

/** What a driver is told of a volume: ids, size and its own properties; nothing that a user wrote. `spec`: for what makes or changes it. */
export function volumeRef(volume: Volume, spec?: VolumeSpec): VolumeRef {
  return {
    id: objectIdOf(volume),
    sizeBytes: gibToBytes(volume.sizeGib),
    providerId: volume.providerId,
    properties: volume.properties,
    ...(spec === undefined ? {} : { spec }),
  };
}

export function snapshotRef(snapshot: Snapshot, volume: Volume): SnapshotRef {
  return {
    id: snapshot.id,
    volumeId: objectIdOf(volume),
    sizeBytes: gibToBytes(snapshot.sizeGib),
    providerId: snapshot.providerId,
    properties: snapshot.properties,
  };
}

export function ownerMark(volume: Volume, flavorName: string): OwnerMark {
  return {
    projectId: volume.projectId,
    flavorName,
    name: volume.name,
    ...(objectIdOf(volume) === volume.id ? {} : { volumeId: volume.id }),
  };
}

/** The id from which its name on the backend derives: its own, until it is moved. */
export function objectIdOf({ id, nameId }: Pick<Volume, "id" | "nameId">): string {
  return nameId ?? id;
}
