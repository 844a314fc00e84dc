import { type Static, Type } from "typebox";
import { Nullable } from "#shared/model/nullable.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Listed } from "../rest/listing.ts";
import type { Call } from "../rest/operation.ts";
import { textOf } from "../rest/texts.ts";
import { fieldTime } from "../rest/times.ts";
import { since } from "../rest/versioned.ts";

const text = Type.String();

const SUMMARY = {
  id: text,
  name: Nullable(text),
  description: Nullable(text),
  volume_id: text,
  status: text,
  size: Type.Integer(),
  metadata: Type.Record(text, text),
  created_at: text,
  updated_at: text,
  /** From a version on. */
  group_snapshot_id: Type.Optional(Nullable(text)),
  user_id: Type.Optional(text),
  consumes_quota: Type.Optional(Type.Boolean()),
};
export const SnapshotSummary = Type.Object(SUMMARY);
export const SnapshotView = Type.Object({
  ...SUMMARY,
  "os-extended-snapshot-attributes:progress": text,
  "os-extended-snapshot-attributes:project_id": text,
});
export const SnapshotAnswer = Type.Object({ snapshot: SnapshotView });

export function snapshotSummary(snapshot: Snapshot, { minor }: Pick<Call, "minor">): Static<typeof SnapshotSummary> {
  return {
    id: snapshot.id,
    name: textOf(snapshot.name),
    description: textOf(snapshot.description),
    volume_id: snapshot.volumeId,
    status: shownStatus(snapshot),
    size: snapshot.sizeGib,
    metadata: snapshot.metadata,
    created_at: fieldTime(snapshot.createdAtMs),
    updated_at: fieldTime(snapshot.updatedAtMs),
    ...since(minor, 14, { group_snapshot_id: snapshot.groupSnapshotId }),
    ...since(minor, 41, { user_id: snapshot.userId }),
    ...since(minor, 65, { consumes_quota: true }),
  };
}

export function snapshotView(snapshot: Snapshot, call: Pick<Call, "minor">): Static<typeof SnapshotView> {
  return {
    ...snapshotSummary(snapshot, call),
    "os-extended-snapshot-attributes:progress": snapshot.status === "available" ? "100%" : "0%",
    "os-extended-snapshot-attributes:project_id": snapshot.projectId,
  };
}

export const listedSnapshots: Listed<Snapshot> = {
  name: "Snapshot",
  fields: {
    id: (snapshot) => snapshot.id,
    name: (snapshot) => snapshot.name,
    status: shownStatus,
    volume_id: (snapshot) => snapshot.volumeId,
    size: (snapshot) => snapshot.sizeGib,
    availability_zone: (snapshot) => snapshot.zone,
    user_id: (snapshot) => snapshot.userId,
    created_at: (snapshot) => fieldTime(snapshot.createdAtMs),
    updated_at: (snapshot) => fieldTime(snapshot.updatedAtMs),
    consumes_quota: () => true,
  },
  since: { consumes_quota: 65 },
  times: { created_at: (snapshot) => snapshot.createdAtMs, updated_at: (snapshot) => snapshot.updatedAtMs },
  sortKeys: ["id", "status", "volume_id", "size", "name", "availability_zone", "user_id", "created_at", "updated_at"],
  metadata: (snapshot) => snapshot.metadata,
  metadataSince: 22,
};

function shownStatus({ held, status }: Snapshot): string {
  return held ?? status;
}
