import { describe, expect, test } from "vitest";
import { checkCatalogue } from "#scheduler/catalogue/check.ts";
import * as edits from "#scheduler/catalogue/edits.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import { GOLD_ID, sampleCatalogue } from "#test/kit/catalogue.ts";
import { uuid } from "#test/kit/records.ts";

const { qosEdits } = edits;
const FAST = { id: uuid(0xa1), name: "fast", consumer: "back-end" as const, specs: { total_iops_sec: "500" } };

function flavor(catalogue: Catalogue, name = "gold") {
  return catalogue.flavors.find((one) => one.name === name);
}

describe("a flavor", () => {
  test("extra specs are set one by one, and taken away by null; without any the file says nothing", () => {
    const one = edits.changeFlavor(sampleCatalogue(), "gold", { extraSpecs: { a: "1", b: "2" } });
    const two = edits.changeFlavor(one, GOLD_ID, { extraSpecs: { a: null, c: "3" } });
    expect(flavor(two)?.extraSpecs).toEqual({ b: "2", c: "3" });
    const none = edits.changeFlavor(two, "gold", { extraSpecs: { b: null, c: null } });
    expect(none).toEqual(sampleCatalogue());
    expect([one, two, none].flatMap(checkCatalogue)).toEqual([]);
  });

  test("with a new name goes by it wherever the catalogue names it", () => {
    const before = edits.setDefaultFlavor(
      edits.changeQuota(sampleCatalogue(), "p", { flavors: { gold: { gib: 5 }, silver: { gib: 6 } } }),
      "gold",
      "lab",
    );
    const after = edits.changeFlavor(before, "gold", { name: "platinum", description: "better" });
    expect(after).toMatchObject({
      defaultFlavor: "platinum",
      defaultFlavors: { lab: "platinum" },
      quotas: { projects: { p: { flavors: { platinum: { gib: 5 }, silver: { gib: 6 } } } } },
    });
    expect(flavor(after, "platinum")).toMatchObject({ id: GOLD_ID, description: "better", backends: [1, 2] });
    expect(checkCatalogue(after)).toEqual([]);
    expect(() => edits.changeFlavor(after, "platinum", { name: "silver" })).toThrow("silver exists already");
  });

  test("is open to all, or to the projects that were let in", () => {
    const closed = edits.changeFlavor(sampleCatalogue(), "gold", { projects: [] });
    const one = edits.grantAccess(closed, "gold", "lab");
    expect(flavor(one)?.projects).toEqual(["lab"]);
    expect(() => edits.grantAccess(one, "gold", "lab")).toThrow("already exists");
    expect(flavor(edits.revokeAccess(one, "gold", "lab"))?.projects).toEqual([]);
    expect(() => edits.revokeAccess(one, "gold", "other")).toThrow("not found");
    expect(() => edits.grantAccess(sampleCatalogue(), "gold", "lab")).toThrow("not applicable to public");
    expect(edits.changeFlavor(one, "gold", { projects: null })).toEqual(sampleCatalogue());
  });

  test("a project's own default must be open to it, and keeps the flavor", () => {
    const closed = edits.changeFlavor(sampleCatalogue(), "silver", { projects: ["lab"] });
    expect(() => edits.setDefaultFlavor(closed, "silver", "other")).toThrow("not open to project other");
    const own = edits.setDefaultFlavor(closed, "silver", "lab");
    expect(() => edits.deleteFlavor(own, "silver")).toThrow("the default of projects: lab");
    expect(edits.setDefaultFlavor(own, null, "lab").defaultFlavors).toEqual({});
  });
});

describe("QoS", () => {
  const made = qosEdits.createQos(sampleCatalogue(), FAST);

  test("is made once, changed in part, and deleted when no flavor has it, or by force", () => {
    expect(() => qosEdits.createQos(made, { ...FAST, id: uuid(2) })).toThrow("exists already");
    const changed = qosEdits.changeQos(made, "fast", { consumer: "both", specs: { total_iops_sec: null, x: "1" } });
    expect(changed.qos).toEqual([{ ...FAST, consumer: "both", specs: { x: "1" } }]);
    const used = qosEdits.associate(changed, FAST.id, GOLD_ID);
    expect(flavor(used)?.qos).toBe("fast");
    expect(() => qosEdits.deleteQos(used, "fast", false)).toThrow("in use by flavors: gold");
    expect(qosEdits.deleteQos(used, "fast", true)).toEqual(sampleCatalogue());
    expect(qosEdits.disassociate(used, "fast", "gold")).toEqual(changed);
    expect(() => qosEdits.deleteQos(made, "slow", false)).toThrow("QoS slow does not exist");
  });

  test("a flavor has one", () => {
    const two = qosEdits.createQos(qosEdits.associate(made, "fast", "gold"), { ...FAST, id: uuid(3), name: "slow" });
    expect(() => qosEdits.associate(two, "slow", "gold")).toThrow("has QoS fast already");
    expect(qosEdits.associate(two, "fast", "gold")).toEqual(two);
  });
});

test("what a hand wrote wrong is told with its place", () => {
  const { flavors, ...rest } = sampleCatalogue();
  const [gold, silver] = flavors;
  const broken = {
    ...rest,
    flavors: [
      {
        ...gold,
        extraSpecs: { "provisioning:type": "fat", "provisioning:max_over_subscription_ratio": "0.5" },
        qos: "fst",
      },
      { ...silver, extraSpecs: { "bad key": "x" }, projects: ["a b"] },
    ],
    qos: [
      { ...FAST, specs: { total_iops_sec: "many", own: "many" } },
      { ...FAST, consumer: "nobody" },
    ],
    defaultFlavors: { lab: "gould" },
  };
  expect(
    checkCatalogue(broken)
      .map(({ path, message }) => `${path} ${message}`)
      .sort(),
  ).toEqual([
    "/defaultFlavors/lab gould does not exist; did you mean gold?",
    '/flavors/0/extraSpecs/provisioning:max_over_subscription_ratio must be a number from 1 to 1000, not "0.5"',
    '/flavors/0/extraSpecs/provisioning:type must be thin or thick, not "fat"',
    "/flavors/0/qos fst does not exist; did you mean fast?",
    "/flavors/1/extraSpecs/bad key is not known here",
    "/flavors/1/projects/0 must be: a project id",
    "/qos/0/specs/total_iops_sec must be a whole number, at least 0",
    `/qos/1/consumer must be one of "front-end", "back-end", "both"`,
    `/qos/1/id ${FAST.id} is taken: another QoS has it`,
    "/qos/1/name fast is taken: another QoS has it",
  ]);
});
