import { describe, expect, it } from "vitest";
import type { Measurement } from "#shared/model/capacity.ts";
import type { Backend, Catalogue, Flavor } from "#shared/model/catalogue.ts";
import type { QosSpecs } from "#shared/model/qos.ts";
import { gibToBytes } from "#shared/units.ts";
import { backendOf, GOLD_ID, sampleCatalogue } from "#test/kit/catalogue.ts";
import { CoreStand, measurementOf, ON } from "#test/kit/core-stand.ts";
import { uuid } from "#test/kit/records.ts";

const FAIR: QosSpecs = {
  id: uuid(0xa1),
  name: "fair",
  consumer: "back-end",
  specs: { total_iops_sec_per_gb: "10" },
};
const THIN: Partial<Measurement> = {
  thin: true,
  costs: { volume: "none", snapshot: "none", clone: "none" },
  provisioning: {
    thin: { volume: "none", snapshot: "none", clone: "none" },
    thick: { volume: "full", snapshot: "full", clone: "full" },
  },
};

/** Flavor gold asks for this; silver for nothing. */
function catalogueWith(gold: Partial<Flavor>, more: Partial<Catalogue> = {}): Catalogue {
  const { flavors, ...rest } = sampleCatalogue({ qos: [FAIR], ...more });
  return { ...rest, flavors: flavors.map((flavor) => (flavor.id === GOLD_ID ? { ...flavor, ...gold } : flavor)) };
}

function standWith(gold: Partial<Flavor>, more: Partial<Catalogue> = {}): CoreStand {
  return CoreStand.ready(catalogueWith(gold, more));
}

function detailOf(stand: CoreStand, backendId = 1): string | null | undefined {
  return stand.placements.at(-1)?.verdicts.find((verdict) => verdict.backendId === backendId)?.detail;
}

describe("what a flavor asks for", () => {
  it.each<readonly [string, string, Partial<Measurement>]>([
    ["vendor_name", "<or> Acme <or> Initech", { properties: { vendor_name: "Initech" } }],
    ["capabilities:compression", "<is> True", { properties: { compression: true } }],
    ["free_capacity_gb", ">= 50", {}],
    ["volume_backend_name", "backend-1", {}],
    ["snapshot", "<is> True", {}],
    ["replication_enabled", "<is> False", {}],
    ["QoS_support", "<is> True", { capabilities: ["qos"] }],
    ["thin_provisioning_support", "True", THIN],
    ["vendor:tier", "whatever the driver makes of it", {}],
    ["availability_zone", "s== north", {}],
  ])("%s=%s is met by what the backend reports", (key, wanted, measured) => {
    const stand = standWith({ extraSpecs: { [key]: wanted } });
    stand.report(1, measured);
    expect(stand.createVolume().backendId).toBe(1);
  });

  it("is told with the key, what was wanted and what the backend says", () => {
    const stand = standWith({ extraSpecs: { "capabilities:compression": "<is> True", colour: "red" } });
    stand.report(2, { properties: { compression: true } });
    expect(stand.createVolume().status).toBe("error");
    expect(detailOf(stand, 1)).toBe('capabilities:compression is "<is> True", it reports false');
    expect(detailOf(stand, 2)).toBe('colour is "red", it reports nothing of that name');
  });

  it("is met by what the operator says of a backend, but no word changes what is measured", () => {
    const told = (properties: Backend["settings"]["properties"]): Catalogue =>
      catalogueWith(
        { extraSpecs: { colour: "red", free_capacity_gb: "<= 100" } },
        {
          backends: [backendOf(1), backendOf(2), backendOf(3)].map((backend) => ({
            ...backend,
            settings: { ...backend.settings, ...(properties === undefined ? {} : { properties }) },
          })),
        },
      );
    expect(CoreStand.ready(told({ colour: "red", free_capacity_gb: 1000 })).createVolume().backendId).toBe(1);
    expect(CoreStand.ready(told({ colour: "blue" })).createVolume().status).toBe("error");
  });

  it("is looked at anew with each report", () => {
    const stand = standWith({ extraSpecs: { colour: "red" } });
    expect(stand.createVolume().status).toBe("error");
    stand.report(1, { properties: { colour: "red" } });
    expect(stand.createVolume().backendId).toBe(1);
    stand.report(1, { properties: { colour: "blue" } });
    expect(stand.createVolume().status).toBe("error");
  });

  it("keeps to its zones, in its own order, and refuses another zone at once", () => {
    const stand = standWith({ backends: [3, 1], extraSpecs: { "RESKEY:availability_zones": "north, east" } });
    expect(stand.createVolume().backendId).toBe(1);
    expect(detailOf(stand, 3)).toBe('availability_zones is "north,east", it is in south');
    expect(() => stand.createVolume({ zone: "south" })).toThrow("not to be had in zone south");
  });
});

describe("thick and thin", () => {
  it("a thick volume of a thin pool has all its space taken, and so have its snapshots, copies and growth", () => {
    const stand = standWith({ extraSpecs: { "provisioning:type": "thick" } });
    stand.report(1, THIN);
    const volume = stand.availableVolume({ sizeGib: 10 });
    expect(volume.claim?.physicalBytes).toBe(gibToBytes(10));
    expect(stand.sent.at(-1)?.operation).toMatchObject({ volume: { spec: { provisioning: "thick" } } });
    const copy = stand.createVolume({ sizeGib: null, flavor: "gold", source: { kind: "volume", volumeId: volume.id } });
    expect(copy.claim?.physicalBytes).toBe(gibToBytes(10));
    stand.finish(copy.id);
    stand.send("volume.extend", { ...ON(volume.id), newSizeGib: 12 });
    expect(stand.volume(volume.id).growth.at(-1)?.physicalBytes).toBe(gibToBytes(2));
  });

  it("a thin copy of a thick volume shares nothing with it", () => {
    const stand = standWith({ backends: [2], extraSpecs: { "provisioning:type": "thick" } });
    stand.report(2, THIN);
    const { id } = stand.availableVolume({ sizeGib: 10 });
    const copy = stand.createVolume({ sizeGib: null, flavor: "silver", source: { kind: "volume", volumeId: id } });
    expect([copy.backendId, copy.claim?.physicalBytes]).toEqual([2, gibToBytes(10)]);
  });

  it("what is made of a thin copy of a thick volume is thick again, whatever its flavor says", () => {
    const stand = standWith({ backends: [2], extraSpecs: { "provisioning:type": "thick" } });
    stand.report(2, THIN);
    const { id } = stand.availableVolume({ sizeGib: 10 });
    const copied = (volumeId: string) =>
      stand.createVolume({ sizeGib: null, flavor: "silver", source: { kind: "volume", volumeId } });
    const copy = copied(id);
    stand.finish(copy.id);
    const ofCopy = copied(copy.id);
    expect([stand.volume(copy.id).madeThick, ofCopy.madeThick]).toEqual([true, true]);
    expect(ofCopy.claim?.physicalBytes).toBe(gibToBytes(10));
    const taken = { scope: null, userId: "tester", name: "", description: "", metadata: {}, force: false };
    const snapshot = stand.send("snapshot.create", { ...taken, id: uuid(9), volumeId: copy.id, requestId: "req-9" });
    expect(snapshot.claim?.physicalBytes).toBe(gibToBytes(10));
    stand.finish(snapshot.id);
    stand.send("volume.extend", { ...ON(copy.id), newSizeGib: 12 });
    expect(stand.volume(copy.id).growth.at(-1)?.physicalBytes).toBe(gibToBytes(2));
    expect(stand.availableVolume({ flavor: "silver", zone: "south" }).madeThick).toBe(false);
  });

  it("does not go where it cannot be had", () => {
    const stand = standWith({ extraSpecs: { "provisioning:type": "thin" } });
    stand.report(2, THIN);
    expect(stand.createVolume({ sizeGib: 500 }).status).toBe("error");
    expect(stand.createVolume({ sizeGib: 5 }).backendId).toBe(2);
    expect(detailOf(stand, 1)).toBe("provisioning:type is thin, it makes thick volumes only");
  });

  it("a thick volume must find its space free, however much may be promised", () => {
    const settings = { ...backendOf(1).settings, maxOverSubscriptionRatio: 10 };
    const stand = standWith(
      { backends: [1], extraSpecs: { "provisioning:type": "thick" } },
      { backends: [backendOf(1, { settings }), backendOf(2), backendOf(3)] },
    );
    stand.report(1, THIN);
    expect(stand.createVolume({ sizeGib: 101 }).status).toBe("error");
    expect(stand.placements.at(-1)?.verdicts[0]?.arithmetic).toMatchObject({ constraint: "physical" });
    expect(stand.createVolume({ sizeGib: 100 }).backendId).toBe(1);
  });
});

describe("how often a flavor lets the capacity be promised", () => {
  const settings = { ...backendOf(1).settings, maxOverSubscriptionRatio: 5 };
  const ratio = (value: string, backends = [1]) =>
    standWith(
      { backends, extraSpecs: { "provisioning:max_over_subscription_ratio": value } },
      {
        backends: [backendOf(1, { settings }), backendOf(2, { settings }), backendOf(3)],
        flavors: sampleCatalogue().flavors.map((flavor) => ({ ...flavor, backends: [1, 2] })),
      },
    );

  it("counts what others promised on the pool, ends with its own limit, and goes on to the next backend", () => {
    const stand = ratio("1.5", [1, 2]);
    for (const id of [1, 2]) stand.report(id, THIN);
    stand.availableVolume({ flavor: "silver", sizeGib: 140 });
    expect(stand.createVolume({ sizeGib: 10 }).backendId).toBe(1);
    expect(stand.createVolume({ sizeGib: 1 }).backendId).toBe(2);
    expect(stand.placements.at(-1)?.verdicts[0]).toMatchObject({
      reason: "not-enough-free",
      arithmetic: { constraint: "provisioned", ratio: 1.5, available: 0 },
    });
    // The other flavor's volumes go there still.
    expect(stand.createVolume({ flavor: "silver", sizeGib: 100 }).backendId).toBe(1);
  });

  it("holds for growth and snapshots of its volumes as well, and never lets in more than the backend does", () => {
    const stand = ratio("2");
    stand.report(1, THIN);
    const { id } = stand.availableVolume({ sizeGib: 110 });
    expect(() => stand.send("volume.extend", { ...ON(id), newSizeGib: 201 })).toThrow("no room");
    const taken = { scope: null, userId: "tester", name: "", description: "", metadata: {}, force: false };
    const snapshot = { ...taken, id: uuid(9), volumeId: id, requestId: "req-9" };
    expect(() => stand.send("snapshot.create", snapshot)).toThrow("no room");
    expect(stand.send("volume.extend", { ...ON(id), newSizeGib: 200 }).status).toBe("extending");
    const generous = ratio("100");
    generous.report(1, THIN);
    expect(generous.createVolume({ sizeGib: 501 }).status).toBe("error");
    expect(generous.createVolume({ sizeGib: 500 }).backendId).toBe(1);
  });

  it("is told to no driver, and may change while it has volumes", () => {
    const stand = ratio("1.5");
    stand.report(1, THIN);
    stand.availableVolume();
    expect(stand.sent.at(-1)?.operation).not.toHaveProperty("volume.spec");
    const { catalogue } = stand.state.catalogue;
    const flavors = catalogue.flavors.map(({ extraSpecs: _, ...flavor }) => flavor);
    expect(stand.send("catalogue.changed", { ...catalogue, flavors })).toBeUndefined();
  });
});

describe("limits of a flavor", () => {
  it("go to the backend in numbers for the size, at creation and with each extend", () => {
    const stand = standWith({ qos: "fair" });
    stand.report(1, { capabilities: [...measurementOf().capabilities, "qos"] });
    const { id } = stand.availableVolume({ sizeGib: 5 });
    expect(stand.sent.at(-1)?.operation).toMatchObject({ volume: { spec: { qos: { total_iops_sec: 50 } } } });
    stand.send("volume.extend", { ...ON(id), newSizeGib: 8 });
    expect(stand.sent.at(-1)?.operation).toMatchObject({ volume: { spec: { qos: { total_iops_sec: 80 } } } });
  });

  it("need a backend that keeps them, unless hosts do", () => {
    const stand = standWith({ qos: "fair" });
    expect(stand.createVolume().status).toBe("error");
    expect(stand.placements.at(-1)?.verdicts[0]).toMatchObject({ reason: "capability-missing", detail: "qos" });
    const hosts = standWith({ qos: "fair" }, { qos: [{ ...FAIR, consumer: "front-end" }] });
    expect(hosts.createVolume().backendId).toBe(1);
    expect(hosts.sent.at(-1)?.operation).not.toHaveProperty("volume.spec");
  });
});

describe("who may use a flavor", () => {
  it("others are told that it does not exist, also as a copy's or the default", () => {
    const stand = standWith({ projects: ["lab"] });
    expect(() => stand.createVolume()).toThrow('Volume type "gold" could not be found; flavors are: silver.');
    expect(() => stand.createVolume({ flavor: null })).toThrow("could not be found");
    expect(stand.createVolume({ projectId: "lab" }).backendId).toBe(1);
  });

  it("a project may have a default of its own", () => {
    const stand = standWith({}, { defaultFlavors: { lab: "silver" } });
    expect(stand.createVolume({ flavor: null, projectId: "lab" }).flavorId).not.toBe(GOLD_ID);
    expect(stand.createVolume({ flavor: null, projectId: "other" }).flavorId).toBe(GOLD_ID);
  });
});

describe("a flavor in use", () => {
  it.each([
    ["provisioning:type", false],
    ["provisioning:max_over_subscription_ratio", true],
    ["capabilities:compression", false],
    ["multiattach", false],
    ["vendor:tier", false],
    ["vendor_name", true],
    ["RESKEY:availability_zones", true],
  ])("its extra spec %s can change: %j", (key, can) => {
    const stand = standWith({});
    stand.createVolume();
    const value = key === "provisioning:type" ? "thick" : "north";
    const change = () => stand.send("catalogue.changed", catalogueWith({ extraSpecs: { [key]: value } }));
    if (can) expect(change).not.toThrow();
    else expect(change).toThrow(`the extra spec ${key} of flavor gold cannot change`);
  });
});

describe("hints", () => {
  it("put a volume beside another, whatever the flavor's order", () => {
    const stand = standWith({});
    const first = stand.availableVolume({ flavor: "silver", zone: "north" });
    const hints = { sameAs: [first.id], differentFrom: [] };
    const beside = stand.createVolume({ hints });
    expect(beside).toMatchObject({ backendId: 2, hints });
    expect(stand.placements.at(-1)?.verdicts[0]).toMatchObject({ reason: "same-backend" });
  });

  it("keep a volume apart, also in later rounds of placing", () => {
    const stand = standWith({ backends: [1, 2, 3] });
    const first = stand.availableVolume({ flavor: "silver", zone: "north" });
    const apart = stand.createVolume({ hints: { sameAs: [], differentFrom: [first.id] } });
    expect(apart.backendId).toBe(1);
    stand.finish(apart.id, "not-done");
    expect(stand.volume(apart.id).backendId).toBe(3);
    expect(stand.placements.at(-1)?.verdicts.map(({ reason }) => reason)).toEqual([
      "already-tried",
      "different-backend",
      null,
    ]);
  });

  it("wait for a volume that is still being made, for it may yet be made elsewhere", () => {
    const stand = standWith({});
    const first = stand.createVolume();
    const apart = stand.createVolume({ hints: { sameAs: [], differentFrom: [first.id] } });
    expect(apart).toMatchObject({ status: "creating", backendId: null });
    expect(stand.placements.at(-1)?.verdicts[0]).toMatchObject({
      reason: "hint-pending",
      detail: `volume ${first.id}`,
    });
    stand.finish(first.id, "not-done");
    stand.finish(first.id);
    stand.tick(1000);
    expect([stand.volume(first.id).backendId, stand.volume(apart.id).backendId]).toEqual([2, 1]);
  });

  it("end in error when what they wait for does not come to stand in time", () => {
    const stand = standWith({});
    const first = stand.createVolume();
    const beside = stand.createVolume({ hints: { sameAs: [first.id], differentFrom: [] } });
    stand.tick(stand.state.settings.placementDeadlineMs);
    expect(stand.volume(beside.id)).toMatchObject({ status: "error", lastError: { code: "E_NO_PLACEMENT" } });
  });

  it("see a volume in error nowhere: nothing is beside it, everything apart from it", () => {
    const stand = standWith({});
    const failed = stand.createVolume({ sizeGib: 1000 });
    expect(stand.createVolume({ hints: { sameAs: [failed.id], differentFrom: [] } }).status).toBe("error");
    expect(detailOf(stand)).toBe(`volume ${failed.id} is, for that stands nowhere`);
    expect(stand.createVolume({ hints: { sameAs: [], differentFrom: [failed.id] } }).backendId).toBe(1);
  });

  it("name volumes that the project can see", () => {
    const stand = standWith({});
    const others = stand.availableVolume({ projectId: "other" });
    for (const id of [others.id, uuid(0xdead)])
      expect(() => stand.createVolume({ hints: { sameAs: [id], differentFrom: [] } })).toThrow("could not be found");
  });

  it("a dry run says the same", () => {
    const stand = standWith({});
    const first = stand.availableVolume();
    const request = {
      projectId: "default",
      sizeGib: 1,
      flavor: "gold",
      zone: null,
      source: { kind: "blank" as const },
    };
    const hints = { sameAs: [], differentFrom: [first.id] };
    expect(stand.dryRun({ ...request, hints }).chosenBackendId).toBe(2);
    expect(stand.dryRun(request).chosenBackendId).toBe(1);
  });
});
