import { randomUUID } from "node:crypto";
import { findGroupSnapshot } from "../../../core/find.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { withSecondLook } from "../../second-look.ts";
import { action, actionsOn } from "../rest/action.ts";
import { needed, under } from "../rest/body.ts";
import { text, uuid } from "../rest/kinds.ts";
import { type Operation, operation, operationWith } from "../rest/operation.ts";
import { listOperations } from "../rest/page.ts";
import { newMemberIds } from "./groups.ts";
import { ResetStatusBody } from "./reset-status.ts";
import {
  GroupSnapshotAnswer,
  GroupSnapshotView,
  GroupSummary,
  groupSnapshotView,
  groupSummary,
  listedGroupSnapshots,
  MadeGroupSnapshotAnswer,
  madeGroupSnapshot,
} from "./view.ts";

const SINCE = 14;
const RESET_SINCE = 19;

const CreateBody = under("group_snapshot", {
  group_id: needed(uuid, "the group to take a snapshot of"),
  name: text,
  description: text,
});

/** Snapshots of all volumes of a group at one instant. */
export function groupSnapshotOperations(dependencies: ApiDependencies): readonly Operation[] {
  const { engine } = dependencies;
  const { state } = engine;
  return [
    operationWith(CreateBody, {
      name: "group:create_group_snapshot",
      summary: "Take a snapshot of each volume of a group, at one instant",
      method: "POST",
      path: "/group_snapshots",
      access: "member",
      since: SINCE,
      status: 202,
      answer: MadeGroupSnapshotAnswer,
      handle: async ({ body, by }) => {
        const wanted = {
          ...by,
          id: randomUUID(),
          groupId: body.group_id,
          name: body.name ?? "",
          description: body.description ?? "",
          memberIds: newMemberIds(),
        };
        const taken = await withSecondLook(dependencies, () => engine.submit("group-snapshot.create", wanted));
        return { group_snapshot: madeGroupSnapshot(state, taken) };
      },
    }),
    ...listOperations({
      object: "group_snapshot",
      path: "/group_snapshots",
      key: "group_snapshots",
      linksKey: "group_snapshot_links",
      since: SINCE,
      listed: listedGroupSnapshots,
      table: () => state.table("group-snapshot"),
      summary: { schema: GroupSummary, view: groupSummary },
      detail: { schema: GroupSnapshotView, view: (taken, call) => groupSnapshotView(state, taken, call) },
    }),
    operation({
      name: "group:get_group_snapshot",
      summary: "One group snapshot",
      method: "GET",
      path: "/group_snapshots/:id",
      access: "reader",
      since: SINCE,
      status: 200,
      answer: GroupSnapshotAnswer,
      handle: (call) => {
        const taken = findGroupSnapshot(state, call.param("id"), call.by.scope);
        return { group_snapshot: groupSnapshotView(state, taken, call) };
      },
    }),
    actionsOn(
      {
        name: "group:group_snapshot_action",
        summary: "Do something with a group snapshot",
        path: "/group_snapshots/:id/action",
        since: SINCE,
      },
      [
        action(ResetStatusBody, {
          action: "reset_status",
          name: "group:reset_group_snapshot_status",
          summary: "Say what it is, as far as its snapshots do not say otherwise",
          since: RESET_SINCE,
          access: "admin",
          status: 202,
          handle: ({ body, by, param }) =>
            engine.submit("group-snapshot.reset", { ...by, id: param("id"), to: body.status }),
        }),
      ],
    ),
    operation({
      name: "group:delete_group_snapshot",
      summary: "Delete it with the snapshots that are in it",
      method: "DELETE",
      path: "/group_snapshots/:id",
      access: "member",
      since: SINCE,
      status: 202,
      handle: ({ by, param }) => engine.submit("group-snapshot.delete", { ...by, id: param("id") }),
    }),
  ];
}
