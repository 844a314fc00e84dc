import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dryRun } from "#scheduler/core/place-volume.ts";
import type { Backend, Flavor } from "#shared/model/catalogue.ts";
import { HEALING_REASONS, REASONS, type Reason } from "#shared/model/placement.ts";
import { gibToBytes } from "#shared/units.ts";
import { backendOf, sampleCatalogue } from "#test/kit/catalogue.ts";
import { CoreStand, measurementOf } from "#test/kit/core-stand.ts";

function standWith(first: Partial<Backend> = {}): CoreStand {
  return CoreStand.ready(
    sampleCatalogue({ backends: [backendOf(1, first), backendOf(2), backendOf(3, { zone: "south" })] }),
  );
}

function standOf(gold: Partial<Flavor>): CoreStand {
  const { flavors, ...rest } = sampleCatalogue();
  return CoreStand.ready({
    ...rest,
    flavors: flavors.map((flavor) => (flavor.name === "gold" ? { ...flavor, ...gold } : flavor)),
  });
}

/** These depend on the volume, and have tests of their own. */
const BY_VOLUME: readonly Reason[] = [
  "source-elsewhere",
  "group-elsewhere",
  "already-tried",
  "capability-missing",
  "hint-pending",
  "same-backend",
  "different-backend",
];

/** How backend 1, the first of flavor gold, comes to be passed over for each reason. */
const PASSED_OVER: { readonly [R in Reason]: () => CoreStand } = {
  "wrong-zone": () => standWith({ zone: "south" }),
  disabled: () => standWith({ admission: { state: "disabled", reason: "new disks" } }),
  draining: () => standWith({ admission: { state: "draining", reason: "goes away" } }),
  "group-elsewhere": () => standWith(),
  frozen: () => {
    const stand = standWith();
    stand.send("backend.freeze", { backendId: 1, reason: "firmware", userId: "u", requestId: "r" });
    return stand;
  },
  "failed-over": () => {
    const stand = standWith({ replicationTargets: [{ name: "dr", parameters: {} }] });
    stand.send("backend.failover", { backendId: 1, to: "dr", userId: "u", requestId: "r" });
    return stand;
  },
  "source-elsewhere": () => standWith(),
  "already-tried": () => standWith(),
  "agent-down": () => standWith({ host: "host-9" }),
  "backend-down": () => {
    const stand = standWith();
    stand.reportDown(1, "no route to host");
    return stand;
  },
  "no-report": () => {
    const stand = new CoreStand();
    stand.beat("north");
    stand.report(2);
    return stand;
  },
  "report-old": () => {
    const stand = standWith();
    stand.nowMs += stand.state.settings.reportMaxAgeMs + 1;
    stand.beat("north");
    stand.report(2);
    return stand;
  },
  "capability-missing": () => standWith(),
  "capacity-unknown": () => {
    const stand = standWith();
    stand.report(1, { freeBytes: "unknown" });
    return stand;
  },
  "object-limit": () => {
    const stand = standWith();
    stand.report(1, { objectCount: 5, maxObjects: 5 });
    return stand;
  },
  "spec-mismatch": () => {
    const stand = standOf({ extraSpecs: { vendor_name: "Acme" } });
    stand.report(1, { properties: { vendor_name: "Initech" } });
    stand.report(2, { properties: { vendor_name: "Acme" } });
    return stand;
  },
  "hint-pending": () => standWith(),
  "same-backend": () => standWith(),
  "different-backend": () => standWith(),
  "not-enough-free": () => {
    const stand = standWith();
    stand.report(1, { freeBytes: gibToBytes(1), provisioned: { scope: "pool", bytes: gibToBytes(99) } });
    return stand;
  },
};

describe("first fit", () => {
  it.each(REASONS.filter((reason) => !BY_VOLUME.includes(reason)))(
    "passes over a backend for %s, says so, and takes the next",
    (reason) => {
      const stand = PASSED_OVER[reason]();
      const volume = stand.createVolume({ sizeGib: 2, zone: "north" });
      expect(stand.placements.at(-1)?.verdicts.map((verdict) => [verdict.backendId, verdict.reason])).toEqual([
        [1, reason],
        [2, null],
      ]);
      expect(volume.backendId).toBe(2);
    },
  );

  it("takes a copy only to where its source is", () => {
    const stand = standWith();
    const source = stand.availableVolume({ flavor: "silver", zone: "north" });
    expect(source.backendId).toBe(2);
    const copy = stand.createVolume({ sizeGib: null, flavor: "gold", source: { kind: "volume", volumeId: source.id } });
    expect(stand.placements.at(-1)?.verdicts[0]).toMatchObject({ backendId: 1, reason: "source-elsewhere" });
    expect(copy.backendId).toBe(2);
  });

  it("says which capability is missing", () => {
    const stand = standWith();
    const source = stand.availableVolume({ zone: "north" });
    stand.report(1, { capabilities: ["extend"] });
    const copy = stand.createVolume({ sizeGib: null, source: { kind: "volume", volumeId: source.id } });
    expect(copy.status).toBe("error");
    expect(stand.placements.at(-1)?.verdicts[0]).toMatchObject({ reason: "capability-missing", detail: "clone" });
  });

  it.each(["no-space", "not-done"] as const)(
    "goes on to the next after %s, and removes what may be left",
    (outcome) => {
      const stand = standWith();
      const volume = stand.createVolume();
      stand.finish(volume.id, outcome);
      expect(stand.volume(volume.id)).toMatchObject({ status: "creating", backendId: 2, triedBackendIds: [1] });
      expect(stand.placements.at(-1)?.verdicts[0]).toMatchObject({ backendId: 1, reason: "already-tried" });
      expect([...stand.state.table("leftover").values()]).toMatchObject([{ backendId: 1, volume: { id: volume.id } }]);
      expect(
        stand.sent.at(-1)?.operation.kind === "volume.create" || stand.sent.at(-2)?.operation.kind === "volume.create",
      ).toBe(true);
    },
  );

  it("asks the same backend again after unknown, and no other", () => {
    const stand = standWith();
    const volume = stand.createVolume();
    stand.finish(volume.id, "unknown");
    expect(stand.volume(volume.id)).toMatchObject({ backendId: 1, status: "creating", triedBackendIds: [] });
    expect(stand.job(volume.id)).toMatchObject({ attempt: 2, dispatched: false });
    stand.tick(stand.state.settings.retryBaseMs);
    expect(stand.sent.at(-1)).toMatchObject({ backendId: 1, attempt: 2 });
  });

  it("does not send more of a refused size to a backend before it is measured anew", () => {
    const stand = standWith();
    const volume = stand.createVolume({ sizeGib: 10 });
    stand.finish(volume.id, "no-space");
    expect(stand.createVolume({ sizeGib: 10 }).backendId).toBe(2);
    expect(stand.createVolume({ sizeGib: 9 }).backendId).toBe(1);
    stand.report(1);
    expect(stand.createVolume({ sizeGib: 10 }).backendId).toBe(1);
  });

  it("waits while a reason may heal, is placed when it does, and ends in error with its verdicts when it does not", () => {
    const stand = new CoreStand();
    const [healed, late] = [
      stand.createVolume({ flavor: "gold" }),
      stand.createVolume({ flavor: "silver", zone: "south" }),
    ];
    expect([healed.status, healed.backendId, late.status]).toEqual(["creating", null, "creating"]);
    stand.beat("north");
    stand.report(1);
    expect(stand.volume(healed.id).backendId).toBe(1);
    stand.tick(stand.state.settings.placementDeadlineMs);
    expect(stand.volume(late.id)).toMatchObject({ status: "error", lastError: { code: "E_NO_PLACEMENT" } });
    expect(stand.volume(late.id).lastError?.message).toContain("backend-3: agent-down");
  });

  it("refuses at once what no healing can help", () => {
    const stand = standWith();
    expect(stand.createVolume({ sizeGib: 1000 })).toMatchObject({ status: "error", backendId: null });
  });

  it("answers a dry run as it would the real request, in every state", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 120 }),
        fc.constantFrom(null, "north", "south"),
        fc.constantFrom("gold", "silver"),
        (sizes, sizeGib, zone, flavor) => {
          const stand = CoreStand.ready();
          for (const size of sizes) stand.createVolume({ sizeGib: size });
          const request = { projectId: "default", sizeGib, flavor, zone, source: { kind: "blank" as const } };
          const before = stand.state.table("volume").size;
          const dry = dryRunOf(stand, request);
          expect(stand.state.table("volume").size).toBe(before);
          const volume = stand.createVolume(request);
          expect(dry.chosenBackendId).toBe(volume.backendId);
          expect(stand.placements.at(-1)?.verdicts).toEqual(dry.verdicts);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("lets only reasons heal that an agent, a report or another volume can mend", () => {
    expect([...HEALING_REASONS].sort()).toEqual([
      "agent-down",
      "backend-down",
      "hint-pending",
      "no-report",
      "report-old",
    ]);
  });
});

describe("placing under load", () => {
  it("fills several backends exactly to the last GiB and refuses one more, whatever comes in between", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }), (reportsBetween) => {
        const stand = CoreStand.ready();
        const made: string[] = [];
        for (const measured of reportsBetween.slice(0, 50)) {
          const volume = stand.createVolume({ sizeGib: 4, zone: "north" });
          expect(volume.backendId).not.toBeNull();
          made.push(volume.id);
          stand.finish(volume.id);
          if (!measured) continue;
          const used = made.filter((id) => stand.volume(id).backendId === 1).length * 4;
          stand.report(1, {
            freeBytes: gibToBytes(100 - used),
            provisioned: { scope: "pool", bytes: gibToBytes(used) },
          });
        }
        expect(stand.createVolume({ sizeGib: 1, zone: "north" }).status).toBe("error");
      }),
      { numRuns: 50 },
    );
  });

  it("counts backends that share one pool once", () => {
    const stand = CoreStand.ready();
    for (const id of [1, 2]) stand.report(id, { ...measurementOf({ poolId: "shared" }) });
    for (let n = 0; n < 10; n++) expect(stand.createVolume({ sizeGib: 10, zone: "north" }).backendId).toBe(1);
    expect(stand.createVolume({ sizeGib: 1, zone: "north" }).status).toBe("error");
  });
});

function dryRunOf(stand: CoreStand, request: Parameters<typeof dryRun>[1]): ReturnType<typeof dryRun> {
  return dryRun(stand.state, request, stand.nowMs);
}
