import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limitOf } from "#scheduler/core/quotas.ts";
import { State } from "#scheduler/core/state.ts";
import type { Quotas } from "#shared/model/quota.ts";
import type { Volume } from "#shared/model/volume.ts";
import { SILVER_ID, sampleCatalogue } from "#test/kit/catalogue.ts";
import { CoreStand, ON } from "#test/kit/core-stand.ts";
import { uuid } from "#test/kit/records.ts";
import { countUsage, keptUsage } from "#test/kit/usage.ts";

function standWith(quotas: Quotas): CoreStand {
  return CoreStand.ready(sampleCatalogue({ quotas }));
}

const MINE = (quota: Quotas["default"]): Quotas => ({ default: {}, projects: { mine: quota } });

function mine(stand: CoreStand, fields: Parameters<CoreStand["createVolume"]>[0] = {}): Volume {
  return stand.availableVolume({ projectId: "mine", ...fields });
}

function snapshot(stand: CoreStand, volumeId: string, id: string): void {
  const texts = { name: "", description: "", metadata: {} };
  stand.send("snapshot.create", { ...texts, id, scope: null, userId: "u", volumeId, force: false, requestId: "r" });
}

const QUOTA = (message: string) => expect.objectContaining({ code: "E_QUOTA", status: 413, message });

describe("a quota", () => {
  it("refuses one volume too many, in the field's words, and leaves nothing of it", () => {
    const stand = standWith(MINE({ volumes: 1 }));
    mine(stand);
    const before = stand.seq;
    expect(() => mine(stand)).toThrow(
      QUOTA("VolumeLimitExceeded: Maximum number of volumes allowed (1) exceeded for quota 'volumes'."),
    );
    expect(stand.seq).toBe(before);
    // Another project has no limit.
    stand.createVolume({ projectId: "other" });
  });

  it("counts GiB of volumes and snapshots together, and an extend's difference at once", () => {
    const stand = standWith(MINE({ gib: 10 }));
    const { id } = mine(stand, { sizeGib: 3 });
    snapshot(stand, id, uuid(1));
    stand.finish(uuid(1));
    expect(() => stand.send("volume.extend", { ...ON(id), newSizeGib: 8 })).toThrow(
      QUOTA(
        "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. Requested 5G, quota is 10G and 6G has been consumed.",
      ),
    );
    stand.send("volume.extend", { ...ON(id), newSizeGib: 7 });
    expect(() => mine(stand, { sizeGib: 1 })).toThrow("10G has been consumed");
    stand.finish(id, "not-done");
    mine(stand, { sizeGib: 4 });
  });

  it("counts snapshots, under the flavor of their volumes", () => {
    const stand = standWith(MINE({ snapshots: 2, flavors: { silver: { snapshots: 1 } } }));
    const [gold, silver] = [mine(stand), mine(stand, { flavor: "silver" })];
    snapshot(stand, silver.id, uuid(1));
    stand.finish(uuid(1));
    expect(() => snapshot(stand, silver.id, uuid(2))).toThrow(
      QUOTA("SnapshotLimitExceeded: Maximum number of snapshots allowed (1) exceeded for quota 'snapshots_silver'."),
    );
    snapshot(stand, gold.id, uuid(2));
    stand.finish(uuid(2));
    expect(() => snapshot(stand, gold.id, uuid(3))).toThrow("(2) exceeded for quota 'snapshots'");
  });

  it("counts what is in error until it is deleted, and what is being deleted until it is gone", () => {
    const stand = standWith(MINE({ volumes: 1 }));
    const failed = stand.createVolume({ projectId: "mine", sizeGib: 5000 });
    expect(failed.status).toBe("error");
    expect(() => mine(stand)).toThrow("VolumeLimitExceeded");
    stand.send("volume.delete", ON(failed.id));
    const { id } = mine(stand);
    stand.send("volume.delete", ON(id));
    expect(() => mine(stand)).toThrow("VolumeLimitExceeded");
    stand.finish(id);
    mine(stand);
  });

  it("is asked by a dry run as by the real one, and not by the repeat of a request", () => {
    const stand = standWith(MINE({ volumes: 1 }));
    const idempotency = { key: "k", bodyHash: "h" };
    const { id } = mine(stand, { idempotency });
    expect(stand.createVolume({ projectId: "mine", idempotency }).id).toBe(id);
    const request = { projectId: "mine", flavor: "gold", zone: null, source: { kind: "blank" as const }, sizeGib: 1 };
    expect(() => stand.dryRun(request)).toThrow("VolumeLimitExceeded");
    stand.dryRun({ ...request, projectId: "other" });
  });

  it("that was lowered below what is there refuses only what is new", () => {
    const stand = standWith(MINE({ gib: 10 }));
    const { id } = mine(stand, { sizeGib: 10 });
    stand.send("catalogue.changed", sampleCatalogue({ quotas: MINE({ gib: 2 }) }));
    expect(() => mine(stand, { sizeGib: 1 })).toThrow("quota is 2G and 10G has been consumed");
    expect(stand.volume(id).status).toBe("available");
  });

  it("of a project goes before the default one, kind by kind; -1 is none", () => {
    const quotas: Quotas = {
      default: { volumes: 5, gib: 50, flavors: { gold: { gib: 7 } } },
      projects: { mine: { volumes: -1, flavors: { gold: { volumes: 2 } } } },
    };
    const limits = (project: string, flavor: string | null) =>
      (["volumes", "snapshots", "gib"] as const).map((kind) => limitOf(quotas, project, flavor, kind));
    expect(limits("mine", null)).toEqual([-1, -1, 50]);
    expect(limits("mine", "gold")).toEqual([2, -1, 7]);
    expect(limits("other", null)).toEqual([5, -1, 50]);
    expect(limits("other", "silver")).toEqual([-1, -1, -1]);
    // Names that objects have anyway are projects and flavors like any other.
    expect(limits("constructor", "toString")).toEqual([-1, -1, -1]);
  });
});

describe("usage", () => {
  it("is what a recount of the records gives, after any row of requests and answers", () => {
    const action = fc.record({
      what: fc.constantFrom("create", "extend", "snapshot", "delete", "answer"),
      pick: fc.nat(20),
      gib: fc.integer({ min: 1, max: 6 }),
      silver: fc.boolean(),
      other: fc.boolean(),
      outcome: fc.constantFrom("done" as const, "done" as const, "not-done" as const, "no-space" as const),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const stand = standWith({ default: { gib: 40, flavors: { silver: { volumes: 3 } } }, projects: {} });
        for (const [n, { what, pick, gib, silver, other, outcome }] of actions.entries()) {
          const volumes = [...stand.state.table("volume").keys()];
          const id = volumes[pick % volumes.length];
          const job = [...stand.state.table("job").values()][pick % Math.max(1, stand.state.table("job").size)];
          try {
            if (what === "create")
              stand.createVolume({
                projectId: other ? "other" : "mine",
                sizeGib: gib,
                flavor: silver ? "silver" : "gold",
              });
            else if (what === "answer") {
              if (job !== undefined) stand.answer(job, outcome);
            } else if (id === undefined) continue;
            else if (what === "snapshot") snapshot(stand, id, uuid(1000 + n));
            else if (what === "delete") stand.send("volume.delete", ON(id));
            else stand.send("volume.extend", { ...ON(id), newSizeGib: stand.volume(id).sizeGib + gib });
          } catch {
            // Refused: then nothing may have changed, also in the index.
          }
          expect(keptUsage(stand.state)).toEqual(countUsage(stand.state));
        }
      }),
      { numRuns: 100 },
    );
  });

  it("is the same after loading, in whatever order the ledger gives the records", () => {
    const stand = standWith({ default: {}, projects: {} });
    const { id } = mine(stand, { flavor: "silver", sizeGib: 2 });
    snapshot(stand, id, uuid(1));
    const loaded = new State(stand.state.settings, stand.state.catalogue.catalogue);
    const snapshots = [...stand.state.table("snapshot").values()];
    const volumes = [...stand.state.table("volume").values()];
    loaded.load([
      ...snapshots.map((record) => ({ kind: "snapshot" as const, id: record.id, record })),
      ...volumes.map((record) => ({ kind: "volume" as const, id: record.id, record })),
    ]);
    expect(loaded.usage.ofFlavor("mine", SILVER_ID)).toEqual({ volumes: 1, snapshots: 1, gib: 4 });
    expect(keptUsage(loaded)).toEqual(countUsage(stand.state));
  });
});
