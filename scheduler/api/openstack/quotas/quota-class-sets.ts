import { Type } from "typebox";
import { changeQuota } from "../../../catalogue/edits.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { needed, plain } from "../rest/body.ts";
import { object } from "../rest/kinds.ts";
import { type Operation, operation, operationWith } from "../rest/operation.ts";
import { refusal } from "../rest/refusal.ts";
import { quotaLines, readLimits } from "./quota-keys.ts";
import { limits } from "./quota-sets.ts";

/** The only class that anything is said of: what holds for projects of which nothing is. */
const DEFAULT_CLASS = "default";

const ClassSetAnswer = Type.Object({
  quota_class_set: Type.Record(Type.String(), Type.Union([Type.Integer(), Type.String()])),
});
const UpdateBody = plain({
  quota_class_set: needed(
    object((_name, value) => value),
    "the limits",
  ),
});

export function quotaClassOperations({ engine, catalogue }: ApiDependencies): readonly Operation[] {
  const { state } = engine;
  const defaults = () => limits(quotaLines(state, state.catalogue.catalogue.flavors, null));
  return [
    operation({
      name: "volume_extension:quota_classes:get",
      summary: "The default limits, which are those of each class",
      method: "GET",
      path: "/os-quota-class-sets/:id",
      access: "admin",
      status: 200,
      answer: ClassSetAnswer,
      handle: ({ param }) => ({ quota_class_set: { ...defaults(), id: param("id") } }),
    }),
    operationWith(UpdateBody, {
      name: "volume_extension:quota_classes:update",
      summary: "Set default limits; -1: no limit",
      method: "PUT",
      path: "/os-quota-class-sets/:id",
      access: "admin",
      status: 200,
      answer: ClassSetAnswer,
      handle: async ({ body, param }) => {
        if (param("id") !== DEFAULT_CLASS)
          throw refusal(
            `there is one quota class here: ${DEFAULT_CLASS}, which holds for projects without limits of their own`,
          );
        const { flavors } = state.catalogue.catalogue;
        const { change } = readLimits(flavors, body.quota_class_set, { what: "quota class set", noLimit: null });
        await catalogue.edit((before) => changeQuota(before, null, change));
        return { quota_class_set: defaults() };
      },
    }),
  ];
}
