import { randomUUID } from "node:crypto";
import { BerthError } from "#shared/errors.ts";
import { changeFlavor, createFlavor, deleteFlavor, type FlavorChange } from "../../../catalogue/edits.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import type { Caller } from "../../request-context.ts";
import { unlessUsed } from "../in-use.ts";
import { alias, needed, type Read, under } from "../rest/body.ts";
import { boolean, catalogueName, type Kind, text } from "../rest/kinds.ts";
import { type Operation, operation, operationWith } from "../rest/operation.ts";
import { listOperation } from "../rest/page.ts";
import { refusal } from "../rest/refusal.ts";
import { specs } from "../spec-operations.ts";
import { findType, requireType, typesAsked } from "./find.ts";
import { BareTypeAnswer, bareTypeView, listedTypes, TypeAnswer, TypeView, typeView } from "./view.ts";

const CreateTypeBody = under("volume_type", {
  name: needed(catalogueName, "what users ask for it by"),
  description: text,
  extra_specs: specs,
  "os-volume-type-access:is_public": alias(boolean, "is_public"),
});

/** The name must be something, if it is given. */
const newName: Kind<string> = {
  schema: catalogueName.schema,
  read: (name, value) => {
    if (typeof value === "string" && value.trim() === "") throw refusal("Volume type name can not be empty.");
    return catalogueName.read(name, value);
  },
};
const UpdateTypeFields = { name: newName, description: text, is_public: boolean };
const UpdateTypeBody = under("volume_type", UpdateTypeFields);

/** Flavors, as the field's volume types. Which backends stand behind each is the catalogue's alone (`/berth/v1/flavors`). */
export function typeOperations({ engine, catalogue }: ApiDependencies): readonly Operation[] {
  const { state } = engine;
  const now = () => state.catalogue.catalogue;
  const shown = (id: string, caller: Caller) => ({ volume_type: typeView(now(), findType(now(), id, caller), caller) });
  return [
    listOperation(
      {
        key: "volume_types",
        linksKey: "volume_type_links",
        listed: listedTypes,
        table: (call) => typesAsked(now(), call),
      },
      { schema: TypeView, view: (flavor, { caller }) => typeView(now(), flavor, caller) },
      "volume_extension:type_get_all",
      "/types",
      "Volume types that the project may use; administrators ask for others by is_public",
    ),
    operationWith(CreateTypeBody, {
      name: "volume_extension:type_create",
      summary: "Make a volume type",
      method: "POST",
      path: "/types",
      access: "admin",
      status: 200,
      answer: TypeAnswer,
      handle: async ({ body, caller }) => {
        const { name, description = "", extra_specs: extraSpecs = {} } = body;
        const isPublic = body["os-volume-type-access:is_public"] ?? true;
        const flavor = { id: randomUUID(), name, description, extraSpecs, ...(isPublic ? {} : { projects: [] }) };
        await catalogue.edit((before) => createFlavor(before, flavor));
        return shown(flavor.id, caller);
      },
    }),
    operation({
      name: "volume_extension:type_get:default",
      summary: "The type of a volume for which none is named",
      method: "GET",
      path: "/types/default",
      access: "reader",
      status: 200,
      answer: TypeAnswer,
      handle: ({ caller }) => {
        const name = state.catalogue.defaultFlavor(caller.projectId);
        if (name === null) throw new BerthError("E_NOT_FOUND", "Default volume type can not be found.");
        return shown(name, caller);
      },
    }),
    operation({
      name: "volume_extension:type_get",
      summary: "One volume type",
      method: "GET",
      path: "/types/:id",
      access: "reader",
      status: 200,
      answer: TypeAnswer,
      handle: ({ caller, param }) => shown(param("id"), caller),
    }),
    operationWith(UpdateTypeBody, {
      name: "volume_extension:type_update",
      summary: "Change name, description, or whether all may use it",
      method: "PUT",
      path: "/types/:id",
      access: "admin",
      status: 200,
      answer: BareTypeAnswer,
      handle: async ({ body, caller, param }) => {
        const { id, projects = [] } = requireType(now(), param("id"));
        const wanted = changeOf(body, projects);
        await catalogue.edit((before) => changeFlavor(before, id, wanted));
        return { volume_type: bareTypeView(now(), requireType(now(), id), caller) };
      },
    }),
    operation({
      name: "volume_extension:type_delete",
      summary: "Delete a volume type that no volume is of",
      method: "DELETE",
      path: "/types/:id",
      access: "admin",
      status: 202,
      handle: ({ param }) => {
        const { id, name } = requireType(now(), param("id"));
        if ([now().defaultFlavor, ...Object.values(now().defaultFlavors)].includes(name))
          throw new BerthError(
            "E_HAS_DEPENDENTS",
            `The volume type ${id} is a default volume type and cannot be deleted.`,
          );
        return unlessUsed("Target volume type is still in use.", () =>
          catalogue.edit((before) => deleteFlavor(before, id)),
        );
      },
    }),
  ];
}

/** `projects`: who has it now, and keeps it when it is closed to others. */
function changeOf(given: Read<typeof UpdateTypeFields>, projects: string[]): FlavorChange {
  const { name, description, is_public: isPublic } = given;
  if (name === undefined && description === undefined && isPublic === undefined)
    throw refusal("Specify volume type name, description, is_public or a combination thereof.");
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(isPublic === undefined ? {} : { projects: isPublic ? null : projects }),
  };
}
