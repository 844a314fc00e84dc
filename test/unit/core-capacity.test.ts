import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { availableBytes, fits, type Need } from "#scheduler/core/capacity.ts";
import { Space } from "#scheduler/core/space.ts";
import type { Measurement } from "#shared/model/capacity.ts";
import type { BackendSettings } from "#shared/model/catalogue.ts";
import { gibToBytes } from "#shared/units.ts";
import { backendOf } from "#test/kit/catalogue.ts";
import { measurementOf } from "#test/kit/core-stand.ts";

interface Case {
  readonly measured: Partial<Measurement>;
  readonly settings?: Partial<BackendSettings>;
  readonly claims?: readonly number[];
}

function stand({ measured, settings = {}, claims = [] }: Case) {
  const space = new Space();
  const backend = backendOf(1, { settings: { ...backendOf(1).settings, ...settings } });
  space.measured(1, 1, measurementOf({ poolId: "pool", ...measured }));
  const physical = measured.costs?.volume === "none" ? 0 : 1;
  for (const [n, gib] of claims.entries()) {
    const virtualBytes = gibToBytes(gib);
    space.put(1, `claim ${n}`, { virtualBytes, physicalBytes: virtualBytes * physical, settledSeq: null }, true);
  }
  const own = space.backend(1);
  const pool = space.pool(own);
  if (pool === null) throw new Error("a measured backend has a pool");
  return {
    space,
    ask: (gib: number, maxOverSubscriptionRatio: number | null = null) => {
      const virtualBytes = gibToBytes(gib);
      const physicalBytes = virtualBytes * physical;
      const need: Need = { virtualBytes, physicalBytes, object: true, maxOverSubscriptionRatio };
      return fits(backend, own, pool, need);
    },
    available: () => availableBytes(backend, own, pool),
  };
}

const THIN: Partial<Measurement> = { thin: true, costs: { volume: "none", snapshot: "none", clone: "none" } };
/** Total 1000, free 400, provisioned 1500, 10 % reserved, ratio 2: the reference's worked example. */
const WORKED: Case = {
  measured: {
    ...THIN,
    totalBytes: gibToBytes(1000),
    freeBytes: gibToBytes(400),
    provisioned: { scope: "pool", bytes: gibToBytes(1500) },
  },
  settings: { reservedPercentage: 10, maxOverSubscriptionRatio: 2 },
};

describe("the sums", () => {
  it("give the reference's worked example: 300 fits, 301 does not", () => {
    expect(stand(WORKED).ask(300).reason).toBeNull();
    expect(stand(WORKED).ask(301)).toMatchObject({
      reason: "not-enough-free",
      arithmetic: { constraint: "provisioned", available: gibToBytes(300), ratio: 2, reserved: gibToBytes(100) },
    });
  });

  it("ignore the ratio on thick storage", () => {
    const thick = stand({
      measured: {
        totalBytes: gibToBytes(1000),
        freeBytes: gibToBytes(400),
        provisioned: { scope: "pool", bytes: gibToBytes(600) },
      },
      settings: { reservedPercentage: 10, maxOverSubscriptionRatio: 2 },
    });
    expect(thick.ask(300).reason).toBeNull();
    expect(thick.ask(301).reason).toBe("not-enough-free");
  });

  it("take the flavor's ratio where it is lower than the backend's, and never a higher one", () => {
    const fitting = (ratio: number) => [stand(WORKED).ask(300, ratio).reason, stand(WORKED).ask(301, ratio).reason];
    expect(fitting(2)).toEqual([null, "not-enough-free"]);
    expect(fitting(5)).toEqual([null, "not-enough-free"]);
    // (1000 − 100)·1.75 − 1500 = 75
    expect(stand(WORKED).ask(75, 1.75).reason).toBeNull();
    expect(stand(WORKED).ask(76, 1.75)).toMatchObject({
      arithmetic: { constraint: "provisioned", available: gibToBytes(75), ratio: 1.75 },
    });
  });

  it("keep the physical floor free, whatever may be promised", () => {
    const floor = stand({
      measured: { ...THIN, freeBytes: gibToBytes(20), provisioned: { scope: "pool", bytes: gibToBytes(80) } },
      settings: { physicalFreeFloorGib: 21, maxOverSubscriptionRatio: 10 },
    });
    expect(floor.ask(1)).toMatchObject({ reason: "not-enough-free", arithmetic: { constraint: "physical" } });
  });

  it("keep to what one backend may take of a larger pool", () => {
    const limited = stand({
      measured: {
        backendLimitBytes: gibToBytes(10),
        provisioned: { scope: "backend", bytes: gibToBytes(4), allocatedBytes: gibToBytes(1) },
      },
      claims: [2],
    });
    expect(limited.ask(4).reason).toBeNull();
    expect(limited.ask(5)).toMatchObject({ arithmetic: { constraint: "backend-limit", available: gibToBytes(4) } });
  });

  it("count what is promised and not yet taken, over all backends of the pool", () => {
    const shared = stand({
      measured: { provisioned: { scope: "backend", bytes: gibToBytes(30), allocatedBytes: 0 } },
    });
    shared.space.measured(
      2,
      1,
      measurementOf({ poolId: "pool", provisioned: { scope: "backend", bytes: gibToBytes(50), allocatedBytes: 0 } }),
    );
    expect(shared.ask(20).reason).toBeNull();
    expect(shared.ask(21).reason).toBe("not-enough-free");
  });

  it("take infinite as no limit and unknown as no answer", () => {
    expect(stand({ measured: { freeBytes: "infinite", totalBytes: "infinite" } }).ask(1e6).reason).toBeNull();
    expect(stand({ measured: { freeBytes: "unknown" } }).ask(1).reason).toBe("capacity-unknown");
    expect(
      stand({ measured: { freeBytes: "unknown" }, settings: { allowUnknownCapacity: true } }).ask(1).reason,
    ).toBeNull();
    expect(stand({ measured: { freeBytes: "infinite" } }).available()).toBe("infinite");
    expect(stand({ measured: { totalBytes: "unknown" } }).available()).toBe("unknown");
  });

  it("never promise more than there is, and let in exactly what is shown as available", () => {
    const gib = fc.integer({ min: 0, max: 1000 });
    const cases = fc.record({
      total: gib,
      used: gib,
      provisioned: gib,
      reservedPercentage: fc.integer({ min: 0, max: 100 }),
      maxOverSubscriptionRatio: fc.integer({ min: 1, max: 5 }),
      floor: fc.integer({ min: 0, max: 100 }),
      thin: fc.boolean(),
      claims: fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 5 }),
      ask: fc.integer({ min: 1, max: 2000 }),
      flavorRatio: fc.option(fc.double({ min: 1, max: 6, noNaN: true }), { nil: null }),
    });
    fc.assert(
      fc.property(cases, (given) => {
        const free = Math.max(0, given.total - given.used);
        const one = stand({
          measured: {
            ...(given.thin ? THIN : {}),
            totalBytes: gibToBytes(given.total),
            freeBytes: gibToBytes(free),
            provisioned: { scope: "pool", bytes: gibToBytes(given.provisioned) },
          },
          settings: {
            reservedPercentage: given.reservedPercentage,
            maxOverSubscriptionRatio: given.maxOverSubscriptionRatio,
            physicalFreeFloorGib: given.floor,
          },
          claims: given.claims,
        });
        const fitted = one.ask(given.ask).reason === null;
        const claimed = given.claims.reduce((sum, claim) => sum + claim, 0);
        const ratio = given.thin ? given.maxOverSubscriptionRatio : 1;
        if (fitted) {
          expect(given.provisioned + claimed + given.ask).toBeLessThanOrEqual(given.total * ratio);
          if (!given.thin) expect(claimed + given.ask).toBeLessThanOrEqual(free - given.floor);
        }
        const strict = one.ask(given.ask, given.flavorRatio);
        // A flavor can only be stricter, and what it says holds of everything in the pool, of whatever flavor.
        if (strict.reason === null) {
          expect(fitted).toBe(true);
          const least = given.thin ? Math.min(ratio, given.flavorRatio ?? ratio) : 1;
          expect(given.provisioned + claimed + given.ask).toBeLessThanOrEqual(given.total * least);
        } else if (fitted) expect(given.thin && given.flavorRatio !== null && given.flavorRatio < ratio).toBe(true);
        const available = one.available();
        if (typeof available !== "number") throw new Error("numbers were given");
        expect(fitted).toBe(gibToBytes(given.ask) <= available);
        // Who fits with more fits with less.
        if (fitted && given.ask > 1) expect(one.ask(given.ask - 1).reason).toBeNull();
      }),
      { numRuns: 2000 },
    );
  });
});
