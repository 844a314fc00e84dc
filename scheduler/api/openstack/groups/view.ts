import { type Static, Type } from "typebox";
import type { Group, GroupSnapshot } from "#shared/model/group.ts";
import { Nullable } from "#shared/model/nullable.ts";
import { backendOfGroup } from "../../../core/group-members.ts";
import type { State } from "../../../core/state.ts";
import { isTrue, type Listed, one } from "../rest/listing.ts";
import type { Viewer } from "../rest/operation.ts";
import { fieldTime } from "../rest/times.ts";
import { since } from "../rest/versioned.ts";

const text = Type.String();
const textOrNull = Nullable(text);
const texts = Type.Array(text);

export const GroupSummary = Type.Object({ id: text, name: text });
export const GroupSummaryAnswer = Type.Object({ group: GroupSummary });

export function groupSummary({ id, name }: Pick<Group, "id" | "name">): Static<typeof GroupSummary> {
  return { id, name };
}

export const GroupView = Type.Object({
  id: text,
  name: text,
  description: text,
  status: text,
  availability_zone: textOrNull,
  group_type: textOrNull,
  volume_types: texts,
  created_at: text,
  /** From a version on. */
  group_snapshot_id: Type.Optional(textOrNull),
  source_group_id: Type.Optional(textOrNull),
  replication_status: Type.Optional(text),
  /** The ids of its volumes, for who asks for them. */
  volumes: Type.Optional(texts),
  /** For administrators. */
  project_id: Type.Optional(text),
});
export const GroupAnswer = Type.Object({ group: GroupView });

/** From here on `list_volume=true` asks for a group's volumes as well. */
const VOLUMES_SINCE = 25;

export function groupView(state: State, group: Group, { minor, caller, query }: Viewer): Static<typeof GroupView> {
  const backendId = backendOfGroup(state, group.id);
  const { source } = group;
  return {
    ...groupSummary(group),
    description: group.description,
    status: group.status,
    availability_zone: group.requestedZone ?? (backendId === null ? null : (state.backend(backendId)?.zone ?? null)),
    group_type: group.groupType,
    volume_types: group.flavorIds,
    created_at: fieldTime(group.createdAtMs),
    ...since(minor, 14, {
      group_snapshot_id: source.kind === "group-snapshot" ? source.groupSnapshotId : null,
      source_group_id: source.kind === "group" ? source.groupId : null,
    }),
    ...(minor >= VOLUMES_SINCE && isTrue(one(query, "list_volume"))
      ? { volumes: state.membersOf(group.id).map(({ id }) => id) }
      : {}),
    ...since(minor, 38, { replication_status: "disabled" }),
    ...(caller.isAdmin ? since(minor, 58, { project_id: group.projectId }) : {}),
  };
}

/** What it is made, with its type; lists in short are without that. */
export const MadeGroupSnapshot = Type.Object({ id: text, name: text, group_type_id: textOrNull });
export const MadeGroupSnapshotAnswer = Type.Object({ group_snapshot: MadeGroupSnapshot });

export function madeGroupSnapshot(state: State, taken: GroupSnapshot): Static<typeof MadeGroupSnapshot> {
  return { ...groupSummary(taken), group_type_id: state.get("group", taken.groupId)?.groupType ?? null };
}

export const GroupSnapshotView = Type.Object({
  id: text,
  name: text,
  description: text,
  status: text,
  group_id: text,
  group_type_id: textOrNull,
  created_at: text,
  /** For administrators. */
  project_id: Type.Optional(text),
});
export const GroupSnapshotAnswer = Type.Object({ group_snapshot: GroupSnapshotView });

export function groupSnapshotView(
  state: State,
  taken: GroupSnapshot,
  { minor, caller }: Pick<Viewer, "minor" | "caller">,
): Static<typeof GroupSnapshotView> {
  return {
    ...madeGroupSnapshot(state, taken),
    description: taken.description,
    status: taken.status,
    group_id: taken.groupId,
    created_at: fieldTime(taken.createdAtMs),
    ...(caller.isAdmin ? since(minor, 58, { project_id: taken.projectId }) : {}),
  };
}

export const listedGroups: Listed<Group> = {
  name: "Group",
  fields: {
    id: ({ id }) => id,
    name: ({ name }) => name,
    status: ({ status }) => status,
    created_at: ({ createdAtMs }) => fieldTime(createdAtMs),
  },
  switches: ["list_volume"],
  sortKeys: ["id", "status", "name", "created_at"],
  metadata: () => ({}),
};

/** Lists of group snapshots came without filters. */
const FILTERS_SINCE = 29;

export const listedGroupSnapshots: Listed<GroupSnapshot> = {
  name: "GroupSnapshot",
  fields: {
    id: ({ id }) => id,
    name: ({ name }) => name,
    status: ({ status }) => status,
    group_id: ({ groupId }) => groupId,
    created_at: ({ createdAtMs }) => fieldTime(createdAtMs),
  },
  since: {
    id: FILTERS_SINCE,
    name: FILTERS_SINCE,
    status: FILTERS_SINCE,
    group_id: FILTERS_SINCE,
    created_at: FILTERS_SINCE,
  },
  sortKeys: ["id", "status", "name", "group_id", "created_at"],
  metadata: () => ({}),
};
