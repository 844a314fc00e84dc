import { type Static, Type } from "typebox";
import { BerthError } from "#shared/errors.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import type { GroupType } from "#shared/model/group-type.ts";
import { groupTypesOf, requireGroupType } from "../../../catalogue/group-type-edits.ts";
import type { Caller } from "../../request-context.ts";
import { type Listed, one } from "../rest/listing.ts";
import type { Viewer } from "../rest/operation.ts";
import { isPublicAsked } from "../types/find.ts";

export const GroupTypeView = Type.Object({
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  is_public: Type.Boolean(),
  /** For administrators. */
  group_specs: Type.Optional(Type.Record(Type.String(), Type.String())),
});
export const GroupTypeAnswer = Type.Object({ group_type: GroupTypeView });

export function groupTypeView(
  { id, name, description, isPublic, specs }: GroupType,
  { isAdmin }: Pick<Caller, "isAdmin">,
): Static<typeof GroupTypeView> {
  return { id, name, description, is_public: isPublic, ...(isAdmin ? { group_specs: specs } : {}) };
}

/** By id or name; one that is not for all is for administrators. Throws E_NOT_FOUND. */
export function findGroupType(catalogue: Catalogue, idOrName: string, { isAdmin }: Caller): GroupType {
  const type = requireGroupType(catalogue, idOrName);
  if (isAdmin || type.isPublic) return type;
  throw new BerthError("E_NOT_FOUND", `Group type ${idOrName.slice(0, 80)} could not be found.`);
}

/** Those for all, and for administrators others as `is_public` says. */
export function groupTypesAsked(
  catalogue: Catalogue,
  { query, caller }: Pick<Viewer, "query" | "caller">,
): ReadonlyMap<string, GroupType> {
  const wanted = caller.isAdmin ? isPublicAsked(one(query, "is_public")) : true;
  const found = groupTypesOf(catalogue).filter(({ isPublic }) => wanted === null || isPublic === wanted);
  return new Map(found.map((type) => [type.id, type]));
}

export const listedGroupTypes: Listed<GroupType> = {
  name: "Group type",
  fields: { id: ({ id }) => id, name: ({ name }) => name, description: ({ description }) => description },
  strictSince: Number.POSITIVE_INFINITY,
  sortKeys: ["id", "name", "description", "created_at"],
  metadata: () => ({}),
};
