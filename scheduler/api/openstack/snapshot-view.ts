import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Listed } from "./listing.ts";
import { fieldTime } from "./times.ts";

export function snapshotSummary(snapshot: Snapshot): object {
  return {
    id: snapshot.id,
    name: snapshot.name,
    description: snapshot.description,
    volume_id: snapshot.volumeId,
    status: snapshot.status,
    size: snapshot.sizeGib,
    metadata: snapshot.metadata,
    created_at: fieldTime(snapshot.createdAtMs),
    updated_at: fieldTime(snapshot.updatedAtMs),
  };
}

export function snapshotView(snapshot: Snapshot): object {
  return {
    ...snapshotSummary(snapshot),
    "os-extended-snapshot-attributes:progress": snapshot.status === "available" ? "100%" : "0%",
    "os-extended-snapshot-attributes:project_id": snapshot.projectId,
  };
}

export const listedSnapshots: Listed<Snapshot> = {
  name: "Snapshot",
  fields: {
    id: (snapshot) => snapshot.id,
    name: (snapshot) => snapshot.name,
    status: (snapshot) => snapshot.status,
    volume_id: (snapshot) => snapshot.volumeId,
    size: (snapshot) => snapshot.sizeGib,
    availability_zone: (snapshot) => snapshot.zone,
    user_id: (snapshot) => snapshot.userId,
    created_at: (snapshot) => fieldTime(snapshot.createdAtMs),
    updated_at: (snapshot) => fieldTime(snapshot.updatedAtMs),
  },
  sortKeys: ["id", "status", "volume_id", "size", "name", "created_at", "updated_at"],
  metadata: (snapshot) => snapshot.metadata,
};
