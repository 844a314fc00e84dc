import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Space } from "#scheduler/core/space.ts";
import type { Claim } from "#shared/model/claim.ts";
import { measurementOf } from "#test/kit/core-stand.ts";

const claim = (bytes: number, settledSeq: number | null): Claim => ({
  virtualBytes: bytes,
  physicalBytes: bytes,
  settledSeq,
});

describe("what is not measured yet", () => {
  it("counts until a report has seen its result, by the ledger's sequence and no clock", () => {
    const space = new Space();
    space.put(1, "pending", claim(10, null), true);
    space.put(1, "done", claim(5, 7), true);
    const unmeasured = (): number => space.backend(1).unmeasuredVirtualBytes;
    expect(unmeasured()).toBe(15);
    space.measured(1, 6, measurementOf());
    expect(unmeasured()).toBe(15);
    space.measured(1, 7, measurementOf());
    expect(unmeasured()).toBe(10);
    expect(space.measured(1, 3, measurementOf())).toBe(false);
    space.put(1, "pending", claim(10, 7), true);
    expect(unmeasured()).toBe(0);
  });

  it("is, by backend and by pool, what a recount gives after any sequence of changes and reports", () => {
    const backend = fc.integer({ min: 1, max: 3 });
    const step = fc.oneof(
      fc.record({
        kind: fc.constant("put" as const),
        backend,
        key: fc.constantFrom("a", "b", "c", "d"),
        bytes: fc.integer({ min: 0, max: 100 }),
        seq: fc.option(fc.integer({ min: 0, max: 20 }), { nil: null }),
      }),
      fc.record({ kind: fc.constant("remove" as const), backend, key: fc.constantFrom("a", "b", "c", "d") }),
      fc.record({
        kind: fc.constant("measure" as const),
        backend,
        asOf: fc.integer({ min: 0, max: 20 }),
        pool: fc.constantFrom("one", "two"),
        bytes: fc.integer({ min: 0, max: 50 }),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const space = new Space();
        const claims = new Map<string, Claim>();
        const seen = new Map<number, { asOf: number; pool: string; promised: number }>();
        for (const one of steps) {
          const key = (id: number, name: string): string => `${id} ${name}`;
          if (one.kind === "put") {
            claims.set(key(one.backend, one.key), claim(one.bytes, one.seq));
            space.put(one.backend, one.key, claim(one.bytes, one.seq), true);
          } else if (one.kind === "remove") {
            claims.delete(key(one.backend, one.key));
            space.remove(one.backend, one.key);
          } else {
            const provisioned = { scope: "backend" as const, bytes: one.bytes, allocatedBytes: 0 };
            const taken = space.measured(one.backend, one.asOf, measurementOf({ poolId: one.pool, provisioned }));
            if (taken) seen.set(one.backend, { asOf: one.asOf, pool: one.pool, promised: one.bytes });
            // A claim that was measured stays so: a later report cannot make it unmeasured again.
            for (const [name, { settledSeq }] of claims)
              if (taken && name.startsWith(`${one.backend} `) && settledSeq !== null && settledSeq <= one.asOf)
                claims.delete(name);
          }
          const recount = (id: number): number => {
            let sum = 0;
            for (const [name, { virtualBytes, settledSeq }] of claims) {
              if (!name.startsWith(`${id} `)) continue;
              if (settledSeq === null || settledSeq > (seen.get(id)?.asOf ?? -1)) sum += virtualBytes;
            }
            return sum;
          };
          for (const id of [1, 2, 3]) {
            expect(space.backend(id).unmeasuredVirtualBytes).toBe(recount(id));
            const pool = space.pool(space.backend(id));
            const members = [...seen].filter(([, report]) => report.pool === seen.get(id)?.pool);
            if (pool === null) continue;
            expect(pool.unmeasuredVirtualBytes).toBe(members.reduce((sum, [member]) => sum + recount(member), 0));
            expect(pool.promisedBytes).toBe(members.reduce((sum, [, report]) => sum + report.promised, 0));
            expect(pool.newest.asOf).toBe(Math.max(...members.map(([, report]) => report.asOf)));
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
