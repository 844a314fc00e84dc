import { findGroup } from "../../../core/find.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { type Action, action, actionsOn } from "../rest/action.ts";
import { type Body, under, unsaid } from "../rest/body.ts";
import { boolean, text } from "../rest/kinds.ts";
import type { Operation } from "../rest/operation.ts";
import { refusal } from "../rest/refusal.ts";
import { ResetStatusBody } from "./reset-status.ts";

const DeleteBody = under("delete", { "delete-volumes": boolean });
const FailoverBody = under("failover_replication", { allow_attached_volume: boolean, secondary_backend_id: text });

/** `POST …/groups/ID/action` with `{"<action>": argument}`. */
export function groupActions(dependencies: ApiDependencies): Operation {
  const { engine } = dependencies;
  return actionsOn(
    { name: "group:action", summary: "Do something with a group", path: "/groups/:id/action", since: 13 },
    [
      action(DeleteBody, {
        action: "delete",
        name: "group:delete",
        summary: "Delete it, with its volumes if that is said",
        status: 202,
        handle: async ({ body, by, param }) => {
          const deleteVolumes = body["delete-volumes"] ?? false;
          await engine.submit("group.delete", { ...by, id: param("id"), deleteVolumes });
        },
      }),
      action(ResetStatusBody, {
        action: "reset_status",
        name: "group:reset_status",
        summary: "Say what it is, as far as its volumes do not say otherwise",
        since: 20,
        access: "admin",
        status: 202,
        handle: ({ body, by, param }) => engine.submit("group.reset", { ...by, id: param("id"), to: body.status }),
      }),
      replication(dependencies, "enable_replication", unsaid("enable_replication")),
      replication(dependencies, "disable_replication", unsaid("disable_replication")),
      replication(dependencies, "failover_replication", FailoverBody),
      replication(dependencies, "list_replication_targets", unsaid("list_replication_targets")),
    ],
  );
}

/** Groups are not replicated here: volumes are, each by its type. */
function replication<B>({ engine }: ApiDependencies, name: string, body: Body<B>): Action {
  return action(body, {
    action: name,
    name: `group:${name}`,
    summary: "Refused: no group is of a replicated type",
    since: 38,
    status: 202,
    handle: ({ by, param }) => {
      const { id } = findGroup(engine.state, param("id"), by.scope);
      throw refusal(`Invalid group type: Group ${id} is not a replication group type.`);
    },
  });
}
