import type { Group, GroupSnapshot } from "#shared/model/group.ts";
import { backendOfGroup } from "../../core/group-members.ts";
import type { State } from "../../core/state.ts";
import type { Listed } from "./rest/listing.ts";
import { fieldTime } from "./rest/times.ts";

export function groupSummary({ id, name }: Pick<Group, "id" | "name">): object {
  return { id, name };
}

/** `withVolumes`: the ids of its volumes as well, as `list_volume=true` asks for. */
export function groupView(state: State, group: Group, withVolumes: boolean): object {
  const backendId = backendOfGroup(state, group.id);
  return {
    ...groupSummary(group),
    description: group.description,
    status: group.status,
    availability_zone: group.requestedZone ?? (backendId === null ? null : (state.backend(backendId)?.zone ?? null)),
    group_type: group.groupType,
    volume_types: group.flavorIds,
    group_snapshot_id: group.source.kind === "group-snapshot" ? group.source.groupSnapshotId : null,
    source_group_id: group.source.kind === "group" ? group.source.groupId : null,
    replication_status: "disabled",
    project_id: group.projectId,
    created_at: fieldTime(group.createdAtMs),
    ...(withVolumes ? { volumes: state.membersOf(group.id).map(({ id }) => id) } : {}),
  };
}

export function groupSnapshotView(state: State, taken: GroupSnapshot): object {
  return {
    ...groupSummary(taken),
    description: taken.description,
    status: taken.status,
    group_id: taken.groupId,
    group_type_id: state.get("group", taken.groupId)?.groupType ?? null,
    project_id: taken.projectId,
    created_at: fieldTime(taken.createdAtMs),
  };
}

export const listedGroups: Listed<Group> = {
  name: "Group",
  fields: {
    id: (group) => group.id,
    name: (group) => group.name,
    status: (group) => group.status,
    created_at: (group) => fieldTime(group.createdAtMs),
  },
  sortKeys: ["id", "status", "name", "created_at"],
  metadata: () => ({}),
};

export const listedGroupSnapshots: Listed<GroupSnapshot> = {
  name: "GroupSnapshot",
  fields: {
    id: (taken) => taken.id,
    name: (taken) => taken.name,
    status: (taken) => taken.status,
    group_id: (taken) => taken.groupId,
    created_at: (taken) => fieldTime(taken.createdAtMs),
  },
  sortKeys: ["id", "status", "name", "group_id", "created_at"],
  metadata: () => ({}),
};
