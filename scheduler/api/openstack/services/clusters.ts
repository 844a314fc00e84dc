import { Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import { needed, plain } from "../rest/body.ts";
import { reference } from "../rest/kinds.ts";
import { type Operation, operation, operationWith } from "../rest/operation.ts";
import { refusal } from "../rest/refusal.ts";

const SINCE = 7;
const REPLICATION_SINCE = 26;
const FILTERS = ["name", "binary", "is_up", "disabled", "num_hosts", "num_down_hosts"];
const REPLICATION_FILTERS = ["replication_status", "frozen", "active_backend_id"];

const EnableBody = plain({ name: needed(reference, "the cluster"), binary: reference });
const DisableBody = plain({ name: needed(reference, "the cluster"), binary: reference, disabled_reason: reference });

/** There are none: agents of a zone share its work without being a cluster in the field's sense. */
export function clusterOperations(): readonly Operation[] {
  const none = (name: string): never => {
    throw new BerthError("E_NOT_FOUND", `Cluster ${name.slice(0, 80)} could not be found.`);
  };
  const list = (path: "/clusters" | "/clusters/detail", name: string): Operation =>
    operation({
      name,
      summary: "Clusters: there are none",
      method: "GET",
      path,
      access: "admin",
      since: SINCE,
      query: Object.fromEntries([...FILTERS, ...REPLICATION_FILTERS].map((filter) => [filter, "exactly this"])),
      status: 200,
      answer: Type.Object({ clusters: Type.Array(Type.Never()) }),
      handle: ({ query, minor }) => {
        const known = minor < REPLICATION_SINCE ? FILTERS : [...FILTERS, ...REPLICATION_FILTERS];
        const strange = Object.keys(query).filter((filter) => !known.includes(filter));
        if (strange.length > 0) throw refusal(`Invalid filter keys: ${strange.join(", ").slice(0, 200)}`);
        return { clusters: [] };
      },
    });
  return [
    list("/clusters", "clusters:get_all"),
    list("/clusters/detail", "clusters:get_all:detail"),
    operation({
      name: "clusters:get",
      summary: "One cluster: there is none",
      method: "GET",
      path: "/clusters/:id",
      access: "admin",
      since: SINCE,
      status: 200,
      handle: ({ param }) => none(param("id")),
    }),
    operationWith(EnableBody, {
      name: "clusters:update:enable",
      summary: "Enable a cluster: there is none",
      method: "PUT",
      path: "/clusters/enable",
      access: "admin",
      since: SINCE,
      status: 200,
      handle: ({ body }) => none(body.name),
    }),
    operationWith(DisableBody, {
      name: "clusters:update:disable",
      summary: "Disable a cluster: there is none",
      method: "PUT",
      path: "/clusters/disable",
      access: "admin",
      since: SINCE,
      status: 200,
      handle: ({ body }) => none(body.name),
    }),
  ];
}
