import { Type } from "typebox";
import type { Catalogue } from "#shared/model/catalogue.ts";
import { qosEdits } from "../../../catalogue/edits.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { one } from "../rest/listing.ts";
import { type Operation, operation } from "../rest/operation.ts";
import { refusal } from "../rest/refusal.ts";
import { requireType } from "../types/find.ts";
import { findQos } from "./view.ts";

const text = Type.String();
const AssociationsAnswer = Type.Object({
  qos_associations: Type.Array(Type.Object({ association_type: text, name: text, id: text })),
});

/** Which volume types have which limits; asked for, and changed, by GET, as the field has it. */
export function associationOperations(dependencies: ApiDependencies): readonly Operation[] {
  const { engine, catalogue } = dependencies;
  return [
    operation({
      name: "volume_extension:qos_specs_manage:get_all:associations",
      summary: "The volume types that have these limits",
      method: "GET",
      path: "/qos-specs/:id/associations",
      access: "admin",
      status: 200,
      answer: AssociationsAnswer,
      handle: ({ param }) => {
        const now = engine.state.catalogue.catalogue;
        const names = qosEdits.flavorsWithQos(now, findQos(now, param("id")));
        const told = names.map((name) => ({ association_type: "volume_type", name, id: requireType(now, name).id }));
        return { qos_associations: told };
      },
    }),
    change(dependencies, "associate", qosEdits.associate, "Give a volume type these limits"),
    change(dependencies, "disassociate", qosEdits.disassociate, "Take them from a volume type"),
    operation({
      name: "volume_extension:qos_specs_manage:update:disassociate_all",
      summary: "Take them from all volume types",
      method: "GET",
      path: "/qos-specs/:id/disassociate_all",
      access: "admin",
      status: 202,
      handle: ({ param }) =>
        catalogue.edit((before) => qosEdits.disassociateAll(before, findQos(before, param("id")).id)),
    }),
  ];
}

function change(
  { catalogue }: ApiDependencies,
  word: "associate" | "disassociate",
  step: (before: Catalogue, qos: string, flavor: string) => Catalogue,
  summary: string,
): Operation {
  return operation({
    name: `volume_extension:qos_specs_manage:update:${word}`,
    summary,
    method: "GET",
    path: `/qos-specs/:id/${word}`,
    access: "admin",
    query: { vol_type_id: "the volume type" },
    status: 202,
    handle: ({ param, query }) => {
      const type = one(query, "vol_type_id");
      if (type === undefined || type === "") throw refusal("Volume Type id must not be None.");
      return catalogue.edit((before) => step(before, findQos(before, param("id")).id, requireType(before, type).id));
    },
  });
}
