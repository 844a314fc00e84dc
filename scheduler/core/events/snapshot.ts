import type { EventObject } from "#shared/events/event.ts";
import type { EventType, LifeOperation } from "#shared/events/types.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import { sameJson } from "#shared/same-json.ts";
import { LIFE, lifeAtOnce } from "./life.ts";
import { type Reading, stepsBetween } from "./steps.ts";
import type { Told } from "./told.ts";

const READING: Reading<Snapshot, LifeOperation> = {
  work: ({ status }) => LIFE[status] ?? null,
  failed: ({ status }) => status === "error",
  removals: ["delete"],
};

export function snapshotEvents(before: Snapshot | null, after: Snapshot | null): Told[] {
  const record = after ?? before;
  if (record === null) return [];
  const steps = [...stepsBetween(before, after, READING), ...lifeAtOnce(before, after)];
  const told: Pick<Told, "type" | "error">[] = steps.map(({ operation, phase, error }) => ({
    type: `snapshot.${operation}.${phase}`,
    error,
  }));
  return [...told, ...facts(before, after)].map((one) => ({ ...one, record, object: viewOf(record) }));
}

function facts(before: Snapshot | null, after: Snapshot | null): { type: EventType; error: null }[] {
  const types: EventType[] = [];
  if (after === null) return [];
  if (before === null) {
    if (after.status === "available") types.push("snapshot.adopt.end");
  } else {
    if (before.aside === undefined && after.aside !== undefined) types.push("snapshot.put_aside.end");
    if (before.aside !== undefined && after.aside === undefined) types.push("snapshot.put_back.end");
    if (before.held !== after.held || !sameJson(before.reset ?? null, after.reset ?? null))
      types.push("snapshot.reset_status.end");
    const isUpdated =
      before.name !== after.name ||
      before.description !== after.description ||
      (before.metadata !== after.metadata && !sameJson(before.metadata, after.metadata));
    if (isUpdated) types.push("snapshot.update.end");
  }
  return types.map((type) => ({ type, error: null }));
}

function viewOf(snapshot: Snapshot): EventObject {
  const { id, name, status, sizeGib, volumeId, groupSnapshotId, backendId, zone } = snapshot;
  return { kind: "snapshot", id, name, status, sizeGib, volumeId, groupSnapshotId, backendId, zone };
}
