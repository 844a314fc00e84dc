import { randomUUID } from "node:crypto";
import { type GroupSource, MAX_GROUP_MEMBERS } from "#shared/model/group.ts";
import { DEFAULT_GROUP_TYPE } from "#shared/model/group-type.ts";
import { findGroup } from "../../../core/find.ts";
import { newChap } from "../../../new-chap.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { needed, type Read, under } from "../rest/body.ts";
import { reference, text, texts, uuid, uuidsText } from "../rest/kinds.ts";
import { type Operation, operation, operationWith } from "../rest/operation.ts";
import { listOperations } from "../rest/page.ts";
import { refusal } from "../rest/refusal.ts";
import { groupActions } from "./actions.ts";
import { findGroupType } from "./group-type-view.ts";
import {
  GroupAnswer,
  GroupSummary,
  GroupSummaryAnswer,
  GroupView,
  groupSummary,
  groupView,
  listedGroups,
} from "./view.ts";

const SINCE = 13;
const COPIES_SINCE = 14;

const CreateGroupBody = under("group", {
  name: text,
  description: text,
  group_type: reference,
  volume_types: needed(texts, "the types that the group's volumes may have"),
  availability_zone: reference,
});
const SourceFields = { name: text, description: text, group_snapshot_id: uuid, source_group_id: uuid };
const CopyGroupBody = under("create-from-src", SourceFields);
const UpdateGroupBody = under("group", {
  name: text,
  description: text,
  add_volumes: uuidsText,
  remove_volumes: uuidsText,
});

/** As many as a group can have, for what a copy or a snapshot of it makes. */
export function newMemberIds(): string[] {
  return Array.from({ length: MAX_GROUP_MEMBERS }, () => randomUUID());
}

export function groupOperations(dependencies: ApiDependencies): readonly Operation[] {
  const { engine } = dependencies;
  const { state } = engine;
  return [
    operationWith(CreateGroupBody, {
      name: "group:create",
      summary: "Make a group of volumes that are snapshotted together",
      method: "POST",
      path: "/groups",
      access: "member",
      since: SINCE,
      status: 202,
      answer: GroupSummaryAnswer,
      handle: async ({ body, by, caller }) => {
        const { volume_types: flavors } = body;
        if (flavors.length === 0) throw refusal("volume_types is needed: the types that the group's volumes may have");
        const type = findGroupType(state.catalogue.catalogue, body.group_type ?? DEFAULT_GROUP_TYPE.id, caller);
        const group = await engine.submit("group.create", {
          id: randomUUID(),
          projectId: caller.projectId,
          userId: by.userId,
          name: body.name ?? "",
          description: body.description ?? "",
          groupType: type.id,
          flavors,
          zone: body.availability_zone ?? null,
          source: { kind: "blank" },
          newMembers: [],
          requestId: by.requestId,
        });
        return { group: groupSummary(group) };
      },
    }),
    operationWith(CopyGroupBody, {
      name: "group:create:from_src",
      summary: "Make a group with a copy of each volume of a group or a group snapshot",
      method: "POST",
      path: "/groups/action",
      access: "member",
      since: COPIES_SINCE,
      status: 202,
      answer: GroupSummaryAnswer,
      handle: async ({ body, by, caller }) => {
        const group = await engine.submit("group.create", {
          id: randomUUID(),
          projectId: caller.projectId,
          userId: by.userId,
          name: body.name ?? "",
          description: body.description ?? "",
          groupType: null,
          flavors: [],
          zone: null,
          source: sourceOf(body),
          newMembers: newMemberIds().map((id) => ({ id, chap: newChap(dependencies.sealingKey) })),
          requestId: by.requestId,
        });
        return { group: groupSummary(group) };
      },
    }),
    ...listOperations({
      object: "group",
      path: "/groups",
      key: "groups",
      linksKey: "group_links",
      since: SINCE,
      listed: listedGroups,
      table: () => state.table("group"),
      summary: { schema: GroupSummary, view: groupSummary },
      detail: { schema: GroupView, view: (group, call) => groupView(state, group, call) },
    }),
    operation({
      name: "group:get",
      summary: "One group",
      method: "GET",
      path: "/groups/:id",
      access: "reader",
      since: SINCE,
      query: { list_volume: "true: the ids of its volumes as well (3.25)" },
      status: 200,
      answer: GroupAnswer,
      handle: (call) => ({ group: groupView(state, findGroup(state, call.param("id"), call.by.scope), call) }),
    }),
    operationWith(UpdateGroupBody, {
      name: "group:update",
      summary: "Change name or description, add or remove volumes: all of it or nothing",
      method: "PUT",
      path: "/groups/:id",
      access: "member",
      since: SINCE,
      status: 202,
      handle: async ({ body, by, param }) => {
        const { name, description, add_volumes: addVolumes = [], remove_volumes: removeVolumes = [] } = body;
        const texts = {
          ...(name === undefined ? {} : { name }),
          ...(description === undefined ? {} : { description }),
        };
        if (Object.keys(texts).length + addVolumes.length + removeVolumes.length === 0)
          throw refusal("name, description, add_volumes or remove_volumes is needed");
        await engine.submit("group.update", { ...by, id: param("id"), texts, addVolumes, removeVolumes });
      },
    }),
    groupActions(dependencies),
  ];
}

function sourceOf(given: Read<typeof SourceFields>): GroupSource {
  const { group_snapshot_id: groupSnapshotId, source_group_id: groupId } = given;
  if (groupSnapshotId !== undefined && groupId === undefined) return { kind: "group-snapshot", groupSnapshotId };
  if (groupId !== undefined && groupSnapshotId === undefined) return { kind: "group", groupId };
  throw refusal("a group has one source: give group_snapshot_id or source_group_id");
}
