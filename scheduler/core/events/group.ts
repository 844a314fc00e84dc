import type { EventObject } from "#shared/events/event.ts";
import type { LifeOperation } from "#shared/events/types.ts";
import type { Group, GroupSnapshot } from "#shared/model/group.ts";
import { LIFE, lifeAtOnce } from "./life.ts";
import { type Reading, step, stepsBetween } from "./steps.ts";
import type { Told } from "./told.ts";

const READING: Reading<Group | GroupSnapshot, LifeOperation> = {
  work: ({ status }) => LIFE[status] ?? null,
  failed: ({ status }) => status === "error",
  removals: ["delete"],
};

/** `operations`: what this decision told the group's history; a change of its members is in no field of it. */
export function groupEvents(before: Group | null, after: Group | null, operations: ReadonlySet<string>): Told[] {
  const record = after ?? before;
  if (record === null) return [];
  const { id, name, status } = record;
  const object: EventObject = { kind: "group", id, name, status };
  const made = before === null && after?.status === "available" ? [step("create", "start"), step("create", "end")] : [];
  const steps = [...stepsBetween(before, after, READING), ...made, ...lifeAtOnce(before, after)];
  const told: Pick<Told, "type" | "error">[] = steps.map(({ operation, phase, error }) => ({
    type: `group.${operation}.${phase}`,
    error,
  }));
  if (operations.has("group.update")) told.push({ type: "group.update.end", error: null });
  if (operations.has("group.reset")) told.push({ type: "group.reset_status.end", error: null });
  return told.map((one) => ({ ...one, record, object }));
}

export function groupSnapshotEvents(
  before: GroupSnapshot | null,
  after: GroupSnapshot | null,
  operations: ReadonlySet<string>,
): Told[] {
  const record = after ?? before;
  if (record === null) return [];
  const { id, name, status, groupId, backendId, zone } = record;
  const object: EventObject = { kind: "group_snapshot", id, name, status, groupId, backendId, zone };
  const steps = [...stepsBetween(before, after, READING), ...lifeAtOnce(before, after)];
  const told: Pick<Told, "type" | "error">[] = steps.map(({ operation, phase, error }) => ({
    type: `group_snapshot.${operation}.${phase}`,
    error,
  }));
  if (operations.has("group-snapshot.reset")) told.push({ type: "group_snapshot.reset_status.end", error: null });
  return told.map((one) => ({ ...one, record, object }));
}
