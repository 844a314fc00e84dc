import { type Static, Type } from "typebox";
import { BackendId, EpochMs, Uuid, ZoneName } from "./names.ts";
import { Nullable } from "./nullable.ts";
import { NamedFields, WorkedFields } from "./object-fields.ts";

/**
 * A group is snapshotted by one job, whose message names every member and is echoed in its result: with marks and
 * drivers' properties some 2 KiB a member, and nats-server takes 1 MiB a message.
 */
export const MAX_GROUP_MEMBERS = 100;

/** Those ending in -ing are passing: the group's members have the jobs, and the group its own deadline. */
export const GroupStatus = Type.Union([
  Type.Literal("creating"),
  Type.Literal("available"),
  Type.Literal("deleting"),
  Type.Literal("error"),
  Type.Literal("error_deleting"),
]);
export type GroupStatus = Static<typeof GroupStatus>;

export const GroupSource = Type.Union([
  Type.Object({ kind: Type.Literal("blank") }),
  Type.Object({ kind: Type.Literal("group-snapshot"), groupSnapshotId: Uuid }),
  Type.Object({ kind: Type.Literal("group"), groupId: Uuid }),
]);
export type GroupSource = Static<typeof GroupSource>;

/** Volumes that can be snapshotted at one instant. They are on one backend: that of the first. */
export const Group = Type.Object({
  id: Uuid,
  ...NamedFields,
  /** What the client called its kind; kept for it. */
  groupType: Nullable(Type.String({ maxLength: 255 })),
  /** Members are of one of these. */
  flavorIds: Type.Array(Uuid, { minItems: 1, maxItems: 100 }),
  /** Members are in this zone; null: in any. */
  requestedZone: Nullable(ZoneName),
  source: GroupSource,
  status: GroupStatus,
  /** When `creating` or `deleting` ends at the latest. */
  deadlineMs: Nullable(EpochMs),
  ...WorkedFields,
});
export type Group = Static<typeof Group>;

export const GroupSnapshotStatus = Type.Union([
  Type.Literal("creating"),
  Type.Literal("available"),
  Type.Literal("deleting"),
  Type.Literal("error"),
  Type.Literal("error_deleting"),
]);
export type GroupSnapshotStatus = Static<typeof GroupSnapshotStatus>;

/** The state of a group's members at one instant: an ordinary snapshot of each, which says that it belongs here. */
export const GroupSnapshot = Type.Object({
  id: Uuid,
  groupId: Uuid,
  ...NamedFields,
  status: GroupSnapshotStatus,
  backendId: BackendId,
  zone: ZoneName,
  ...WorkedFields,
});
export type GroupSnapshot = Static<typeof GroupSnapshot>;
