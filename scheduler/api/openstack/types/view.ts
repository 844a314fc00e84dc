import { type Static, Type } from "typebox";
import type { Catalogue, Flavor } from "#shared/model/catalogue.ts";
import { Nullable } from "#shared/model/nullable.ts";
import type { Caller } from "../../request-context.ts";
import type { Listed } from "../rest/listing.ts";
import { TYPE_FILTERS_SINCE, visibleSpecs } from "./find.ts";

const PUBLIC = "os-volume-type-access:is_public";

const TypeFields = {
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  is_public: Type.Boolean(),
  /** To who is no administrator: those that tell nothing of what stands behind it. */
  extra_specs: Type.Record(Type.String(), Type.String()),
  /** For administrators. */
  qos_specs_id: Type.Optional(Nullable(Type.String())),
};
const BareType = Type.Object(TypeFields);
export const TypeView = Type.Object({ ...TypeFields, [PUBLIC]: Type.Boolean() });
export const TypeAnswer = Type.Object({ volume_type: TypeView });
/** What a change is answered with. */
export const BareTypeAnswer = Type.Object({ volume_type: BareType });

export function bareTypeView({ qos }: Catalogue, flavor: Flavor, caller: Caller): Static<typeof BareType> {
  const { id, name, description, projects } = flavor;
  return {
    id,
    name,
    description,
    is_public: projects === undefined,
    extra_specs: visibleSpecs(flavor, caller),
    ...(caller.isAdmin ? { qos_specs_id: qos.find((one) => one.name === flavor.qos)?.id ?? null } : {}),
  };
}

export function typeView(catalogue: Catalogue, flavor: Flavor, caller: Caller): Static<typeof TypeView> {
  return { ...bareTypeView(catalogue, flavor, caller), [PUBLIC]: flavor.projects === undefined };
}

export const listedTypes: Listed<Flavor> = {
  name: "Volume type",
  fields: { id: ({ id }) => id, name: ({ name }) => name, description: ({ description }) => description },
  strictSince: TYPE_FILTERS_SINCE,
  switches: ["is_public", "extra_specs"],
  sortKeys: ["id", "name", "description", "created_at"],
  metadata: () => ({}),
};
