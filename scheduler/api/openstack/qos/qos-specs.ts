import { randomUUID } from "node:crypto";
import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import type { QosSpecs } from "#shared/model/qos.ts";
import { qosEdits } from "../../../catalogue/edits.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import type { LinkBase } from "../rest/addresses.ts";
import { type Operation, operation, operationWith } from "../rest/operation.ts";
import { Links, listOperation } from "../rest/page.ts";
import { associationOperations } from "./associations.ts";
import { ChangeQosBody, CreateQosBody, DeleteKeysBody, isForced } from "./body.ts";
import { findQos, listedQos, QosView, qosView } from "./view.ts";

const QosAnswer = Type.Object({ qos_specs: QosView, links: Links });

/** Limits that volume types name. */
export function qosOperations(dependencies: ApiDependencies): readonly Operation[] {
  const { engine, catalogue } = dependencies;
  const now = () => engine.state.catalogue.catalogue;
  const shown = (id: string, links: LinkBase) => qosAnswer(findQos(now(), id), links);
  return [
    listOperation(
      {
        key: "qos_specs",
        linksKey: "qos_specs_links",
        access: "admin",
        listed: listedQos,
        table: () => new Map(now().qos.map((qos) => [qos.id, qos])),
      },
      { schema: QosView, view: qosView },
      "volume_extension:qos_specs_manage:get_all",
      "/qos-specs",
      "Sets of limits",
    ),
    operationWith(CreateQosBody, {
      name: "volume_extension:qos_specs_manage:create",
      summary: "Make a set of limits",
      method: "POST",
      path: "/qos-specs",
      access: "admin",
      status: 200,
      answer: QosAnswer,
      handle: async ({ body, links }) => {
        const qos: QosSpecs = { id: randomUUID(), ...body };
        await catalogue.edit((before) => qosEdits.createQos(before, qos));
        return shown(qos.id, links);
      },
    }),
    operation({
      name: "volume_extension:qos_specs_manage:get",
      summary: "One set of limits",
      method: "GET",
      path: "/qos-specs/:id",
      access: "admin",
      status: 200,
      answer: QosAnswer,
      handle: ({ links, param }) => shown(param("id"), links),
    }),
    operationWith(ChangeQosBody, {
      name: "volume_extension:qos_specs_manage:update",
      summary: "Set some limits, and leave the others",
      method: "PUT",
      path: "/qos-specs/:id",
      access: "admin",
      status: 200,
      answer: Type.Object({ qos_specs: Type.Record(Type.String(), Type.String()) }),
      handle: async ({ body, param }) => {
        await catalogue.edit((before) => qosEdits.changeQos(before, findQos(before, param("id")).id, body));
        const { consumer, specs } = body;
        return { qos_specs: { ...(consumer === undefined ? {} : { consumer }), ...specs } };
      },
    }),
    operationWith(DeleteKeysBody, {
      name: "volume_extension:qos_specs_manage:delete_keys",
      summary: "Take limits away: all that are named, or none",
      method: "PUT",
      path: "/qos-specs/:id/delete_keys",
      access: "admin",
      status: 202,
      handle: ({ body, param }) => catalogue.edit((before) => withoutKeys(before, param("id"), body.keys)),
    }),
    operation({
      name: "volume_extension:qos_specs_manage:delete",
      summary: "Delete a set of limits",
      method: "DELETE",
      path: "/qos-specs/:id",
      access: "admin",
      query: { force: "true: also if volume types have it, which then have none" },
      status: 202,
      handle: ({ param, query }) => {
        const force = isForced(query);
        return catalogue.edit((before) => qosEdits.deleteQos(before, findQos(before, param("id")).id, force));
      },
    }),
    ...associationOperations(dependencies),
  ];
}

function withoutKeys(catalogue: Catalogue, id: string, keys: readonly string[]): Catalogue {
  const qos = findQos(catalogue, id);
  const unknown = keys.find((key) => !Object.hasOwn(qos.specs, key));
  if (unknown !== undefined)
    throw new BerthError("E_NOT_FOUND", `QoS spec ${qos.id} has no spec with key ${unknown.slice(0, 80)}.`);
  return qosEdits.changeQos(catalogue, qos.id, { specs: Object.fromEntries(keys.map((key) => [key, null])) });
}

function qosAnswer(qos: QosSpecs, { self, bookmark }: LinkBase): Static<typeof QosAnswer> {
  return {
    qos_specs: qosView(qos),
    links: [
      { rel: "self", href: `${self}/qos-specs/${qos.id}` },
      { rel: "bookmark", href: `${bookmark}/qos-specs/${qos.id}` },
    ],
  };
}
