import { expect, test } from "vitest";
import { findGroupType, groupTypesAsked, groupTypeView } from "#scheduler/api/openstack/groups/group-type-view.ts";
import type { Query } from "#scheduler/api/openstack/rest/listing.ts";
import type { Viewer } from "#scheduler/api/openstack/rest/operation.ts";
import { findType, typesAsked } from "#scheduler/api/openstack/types/find.ts";
import { typeView } from "#scheduler/api/openstack/types/view.ts";
import type { BerthError } from "#shared/errors.ts";
import type { GroupType } from "#shared/model/group-type.ts";
import { GOLD_ID, SILVER_ID, sampleCatalogue } from "#test/kit/catalogue.ts";
import { uuid } from "#test/kit/records.ts";

const PRIVATE_GROUP: GroupType = {
  id: uuid(0x61),
  name: "own",
  description: "",
  isPublic: false,
  specs: { tier: "1" },
};
const CATALOGUE = sampleCatalogue({
  flavors: [
    {
      id: GOLD_ID,
      name: "gold",
      description: "",
      backends: [],
      extraSpecs: { multiattach: "<is> True", volume_backend_name: "array-7" },
      qos: "fair",
    },
    { id: SILVER_ID, name: "silver", description: "", backends: [], projects: ["lab"] },
  ],
  qos: [{ id: uuid(0x51), name: "fair", consumer: "both", specs: {} }],
  groupTypes: [PRIVATE_GROUP],
});

function viewer(projectId: string, isAdmin: boolean, query: Query = {}, minor = 71): Viewer {
  const by = { scope: projectId, userId: "ann", requestId: "req-1" };
  const links = { self: "", bookmark: "" };
  return { caller: { ...by, projectId, isAdmin }, by, minor, query, links };
}

function names(...asked: Parameters<typeof viewer>): string[] {
  return [...typesAsked(CATALOGUE, viewer(...asked)).values()].map(({ name }) => name);
}

function code(act: () => unknown): string | null {
  try {
    act();
    return null;
  } catch (error) {
    return (error as BerthError).code;
  }
}

test("a type that is not open to a project is not there for it; administrators see all of them", () => {
  const [stranger, friend, admin] = [viewer("p1", false), viewer("lab", false), viewer("p1", true)];
  expect(code(() => findType(CATALOGUE, SILVER_ID, stranger.caller))).toBe("E_NOT_FOUND");
  expect(findType(CATALOGUE, SILVER_ID, friend.caller).name).toBe("silver");
  expect(findType(CATALOGUE, SILVER_ID, admin.caller).name).toBe("silver");
  expect(names("p1", false)).toEqual(["gold"]);
  expect(names("p1", false, { is_public: "None" })).toEqual(["gold"]);
  expect(names("lab", false)).toEqual(["gold", "silver"]);
  expect(names("p1", true, { is_public: "None" })).toEqual(["gold", "silver"]);
  expect(names("p1", true, { is_public: "false" })).toEqual(["silver"]);
  expect(code(() => names("p1", true, { is_public: "perhaps" }))).toBe("E_BAD_REQUEST");
});

test("what stands behind a type is for administrators", () => {
  const [gold] = CATALOGUE.flavors;
  if (gold === undefined) throw new Error("there is no gold");
  expect(typeView(CATALOGUE, gold, viewer("p1", true).caller)).toMatchObject({
    extra_specs: { multiattach: "<is> True", volume_backend_name: "array-7" },
    qos_specs_id: uuid(0x51),
  });
  const told = typeView(CATALOGUE, gold, viewer("p1", false).caller);
  expect(told.extra_specs).toEqual({ multiattach: "<is> True" });
  expect(told).not.toHaveProperty("qos_specs_id");
});

test("types are asked for by extra specs from 3.52 on, and by none that the caller may not see", () => {
  const by = (spec: string): Query => ({ extra_specs: `{'${spec}'}`.replace("=", "':'") });
  expect(names("lab", true, by("volume_backend_name=array-7"))).toEqual(["gold"]);
  expect(names("lab", true, by("volume_backend_name=array-8"))).toEqual([]);
  expect(names("lab", true, by("volume_backend_name=array-8"), 51)).toEqual(["gold", "silver"]);
  expect(names("lab", false, by("multiattach=<is> True"))).toEqual(["gold"]);
  expect(names("lab", false, by("volume_backend_name=array-7"))).toEqual([]);
  expect(code(() => names("lab", true, { extra_specs: "nonsense" }))).toBe("E_BAD_REQUEST");
});

test("group types that are not for all are for administrators, and so are their specs", () => {
  const [user, admin] = [viewer("p1", false, { is_public: "None" }), viewer("p1", true, { is_public: "None" })];
  const named = (asked: Viewer) => [...groupTypesAsked(CATALOGUE, asked).values()].map(({ name }) => name);
  expect(named(user)).toEqual(["default_cgsnapshot_type"]);
  expect(named(admin)).toEqual(["default_cgsnapshot_type", "own"]);
  expect(named(viewer("p1", true))).toEqual(["default_cgsnapshot_type"]);
  expect(code(() => findGroupType(CATALOGUE, "own", user.caller))).toBe("E_NOT_FOUND");
  expect(groupTypeView(findGroupType(CATALOGUE, "own", admin.caller), admin.caller).group_specs).toEqual({ tier: "1" });
  expect(groupTypeView(PRIVATE_GROUP, user.caller)).not.toHaveProperty("group_specs");
});
