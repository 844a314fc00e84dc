import { Type } from "typebox";
import { plain } from "../rest/body.ts";
import { boolean, kind, oneOf, reference, uuid } from "../rest/kinds.ts";
import { type Operation, operationWith } from "../rest/operation.ts";
import { refusal } from "../rest/refusal.ts";

const CleanupBody = plain({
  cluster_name: reference,
  host: reference,
  service_id: kind(
    Type.Union([Type.Integer({ minimum: 0 }), Type.String({ pattern: "^[0-9]{0,11}$" })]),
    "a number",
    (id) => String(id),
  ),
  binary: oneOf(["cinder-volume", "cinder-scheduler"]),
  disabled: boolean,
  is_up: boolean,
  resource_id: uuid,
  resource_type: kind(
    Type.String({ pattern: "^(?:|[Vv][Oo][Ll][Uu][Mm][Ee]|[Ss][Nn][Aa][Pp][Ss][Hh][Oo][Tt])$" }),
    "Volume or Snapshot",
    (type) => type,
  ),
});

const Cleaned = Type.Array(Type.Never());

/** Who dies leaves nothing that is not mended by itself: jobs are taken over, and come again. */
export function workerOperations(): readonly Operation[] {
  return [
    operationWith(CleanupBody, {
      name: "workers:cleanup",
      summary: "Clean up after services that died: Berth does so by itself, and nothing is left to do",
      method: "POST",
      path: "/workers/cleanup",
      access: "admin",
      since: 24,
      status: 202,
      answer: Type.Object({ cleaning: Cleaned, unavailable: Cleaned }),
      handle: ({ body: { resource_id: id, host, cluster_name, service_id } }) => {
        if (id !== undefined && host === undefined && cluster_name === undefined && service_id === undefined)
          throw refusal(`There is no resource with UUID ${id} pending cleanup.`);
        return { cleaning: [], unavailable: [] };
      },
    }),
  ];
}
