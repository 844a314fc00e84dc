import { BerthError } from "#shared/errors.ts";
import { changeFlavor } from "../../../catalogue/edits.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { unlessUsed } from "../in-use.ts";
import type { Operation } from "../rest/operation.ts";
import { specOperations } from "../spec-operations.ts";
import { findType, requireType, visibleSpecs } from "./find.ts";

/** What volume types ask of their backends. What volumes that are there were promised stays. */
export function extraSpecOperations({ engine, catalogue }: ApiDependencies): readonly Operation[] {
  const now = () => engine.state.catalogue.catalogue;
  return specOperations({
    envelope: "extra_specs",
    path: "/types/:id",
    names: {
      index: "volume_extension:types_extra_specs:index",
      show: "volume_extension:types_extra_specs:show",
      create: "volume_extension:types_extra_specs:create",
      update: "volume_extension:types_extra_specs:update",
      delete: "volume_extension:types_extra_specs:delete",
    },
    access: "reader",
    createdStatus: 200,
    read: (id, { caller }) => visibleSpecs(findType(now(), id, caller), caller),
    write: (id, extraSpecs) =>
      unlessUsed("Volume Type is currently in use.", () =>
        catalogue.edit((before) => changeFlavor(before, requireType(before, id).id, { extraSpecs })),
      ),
    missing: (id, key) => new BerthError("E_NOT_FOUND", `Volume Type ${id} has no extra specs with key ${key}.`),
  });
}
