import { randomUUID } from "node:crypto";
import { BerthError } from "#shared/errors.ts";
import { DEFAULT_GROUP_TYPE, type GroupType } from "#shared/model/group-type.ts";
import {
  changeGroupType,
  createGroupType,
  deleteGroupType,
  requireGroupType,
} from "../../../catalogue/group-type-edits.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { unlessUsed } from "../in-use.ts";
import { needed, under } from "../rest/body.ts";
import { boolean, catalogueName, text } from "../rest/kinds.ts";
import { type Operation, operation, operationWith } from "../rest/operation.ts";
import { listOperation } from "../rest/page.ts";
import { refusal } from "../rest/refusal.ts";
import { specOperations, specs } from "../spec-operations.ts";
import {
  findGroupType,
  GroupTypeAnswer,
  GroupTypeView,
  groupTypesAsked,
  groupTypeView,
  listedGroupTypes,
} from "./group-type-view.ts";

const SINCE = 11;

const CreateBody = under("group_type", {
  name: needed(catalogueName, "what users ask for it by"),
  description: text,
  is_public: boolean,
  group_specs: specs,
});
const UpdateBody = under("group_type", { name: catalogueName, description: text, is_public: boolean });

/** The field's kinds of groups; and what clients write down with them, kept for them. */
export function groupTypeOperations({ engine, catalogue }: ApiDependencies): readonly Operation[] {
  const { state } = engine;
  const now = () => state.catalogue.catalogue;
  return [
    listOperation(
      {
        key: "group_types",
        linksKey: "group_type_links",
        since: SINCE,
        listed: listedGroupTypes,
        table: (call) => groupTypesAsked(now(), call),
      },
      { schema: GroupTypeView, view: (type, { caller }) => groupTypeView(type, caller) },
      "group:group_types:get_all",
      "/group_types",
      "Group types for all; administrators ask for others by is_public",
    ),
    operationWith(CreateBody, {
      name: "group:group_types:create",
      summary: "Make a group type",
      method: "POST",
      path: "/group_types",
      access: "admin",
      since: SINCE,
      status: 202,
      answer: GroupTypeAnswer,
      handle: async ({ body, caller }) => {
        const type: GroupType = {
          id: randomUUID(),
          name: body.name,
          description: body.description ?? "",
          isPublic: body.is_public ?? true,
          specs: body.group_specs ?? {},
        };
        await catalogue.edit((before) => createGroupType(before, type));
        return { group_type: groupTypeView(type, caller) };
      },
    }),
    operation({
      name: "group:group_types:get:default",
      summary: "The type of a group for which none is named",
      method: "GET",
      path: "/group_types/default",
      access: "reader",
      since: SINCE,
      status: 200,
      answer: GroupTypeAnswer,
      handle: ({ caller }) => ({ group_type: groupTypeView(DEFAULT_GROUP_TYPE, caller) }),
    }),
    operation({
      name: "group:group_types:get",
      summary: "One group type",
      method: "GET",
      path: "/group_types/:id",
      access: "reader",
      since: SINCE,
      status: 200,
      answer: GroupTypeAnswer,
      handle: ({ caller, param }) => ({ group_type: groupTypeView(findGroupType(now(), param("id"), caller), caller) }),
    }),
    operationWith(UpdateBody, {
      name: "group:group_types:update",
      summary: "Change name, description, or whether it is for all",
      method: "PUT",
      path: "/group_types/:id",
      access: "admin",
      since: SINCE,
      status: 200,
      answer: GroupTypeAnswer,
      handle: async ({ body, caller, param }) => {
        const { name, description, is_public: isPublic } = body;
        if (name === undefined && description === undefined && isPublic === undefined)
          throw refusal("Specify group type name, description or a combination thereof.");
        const { id } = requireGroupType(now(), param("id"));
        const change = {
          ...(name === undefined ? {} : { name }),
          ...(description === undefined ? {} : { description }),
          ...(isPublic === undefined ? {} : { isPublic }),
        };
        await catalogue.edit((before) => changeGroupType(before, id, change));
        return { group_type: groupTypeView(requireGroupType(now(), id), caller) };
      },
    }),
    operation({
      name: "group:group_types:delete",
      summary: "Delete a group type that no group is of",
      method: "DELETE",
      path: "/group_types/:id",
      access: "admin",
      since: SINCE,
      status: 202,
      handle: ({ param }) =>
        unlessUsed("Target group type is still in use.", () =>
          catalogue.edit((before) => deleteGroupType(before, param("id"))),
        ),
    }),
    ...specOperations({
      envelope: "group_specs",
      path: "/group_types/:id",
      since: SINCE,
      names: {
        index: "group:group_types_specs:get_all",
        show: "group:group_types_specs:get",
        create: "group:group_types_specs:create",
        update: "group:group_types_specs:update",
        delete: "group:group_types_specs:delete",
      },
      access: "admin",
      createdStatus: 202,
      read: (id) => requireGroupType(now(), id).specs,
      write: (id, change) =>
        catalogue.edit((before) => changeGroupType(before, requireGroupType(before, id).id, { specs: change })),
      missing: (id, key) => new BerthError("E_NOT_FOUND", `Group Type ${id} has no specs with key ${key}.`),
    }),
  ];
}
