import { expect, test } from "vitest";
import { formulaText, verdictText } from "#shared/explain.ts";
import { type Arithmetic, REASONS, type Reason, type Verdict } from "#shared/model/placement.ts";
import { gibToBytes } from "#shared/units.ts";

function sum(constraint: Arithmetic["constraint"], terms: Partial<Record<keyof Arithmetic, number>>): Arithmetic {
  const none = { available: null, total: null, free: null, reserved: null, provisioned: null, unmeasured: null };
  const { ratio = null, ...gib } = terms;
  const bytes = Object.fromEntries(Object.entries(gib).map(([name, value]) => [name, gibToBytes(Number(value))]));
  return { needed: 0, ...none, ...bytes, constraint, ratio };
}

function verdict(reason: Reason | null, extra: Partial<Verdict> = {}): Verdict {
  return {
    backendId: 1,
    backendName: "store-1",
    fits: reason === null,
    reason,
    detail: null,
    arithmetic: null,
    reportAgeMs: null,
    ...extra,
  };
}

test.each<[string, Arithmetic, string]>([
  [
    "backend-limit",
    sum("backend-limit", { needed: 10, available: 75, total: 50, ratio: 2, provisioned: 20, unmeasured: 5 }),
    "10 GiB needed, 75 GiB available (limit 50 GiB × 2 − provisioned 20 GiB − not yet measured 5 GiB)",
  ],
  [
    "provisioned",
    sum("provisioned", {
      needed: 10,
      available: 4.5,
      total: 100,
      free: 10,
      reserved: 5,
      ratio: 1,
      provisioned: 90,
      unmeasured: 0.5,
    }),
    "10 GiB needed, 4.5 GiB available ((total 100 GiB − reserved 5 GiB) − provisioned 90 GiB − not yet measured 0.5 GiB)",
  ],
  [
    "physical",
    sum("physical", { needed: 10, available: -3, total: 100, free: 12, reserved: 10, unmeasured: 5 }),
    "10 GiB needed, -3 GiB available physically (free 12 GiB − kept free 10 GiB − not yet measured 5 GiB)",
  ],
  ["objects", { ...sum("objects", {}), needed: 1, available: 0 }, "1 object is needed, its object limit leaves 0"],
  [
    "no-space-answer",
    { ...sum("no-space-answer", { needed: 10 }), available: gibToBytes(8) - 1 },
    "10 GiB needed, but since its last report it answered that there is no room for 8 GiB",
  ],
  ["unlimited", sum("unlimited", {}), "its capacity is infinite"],
])("the sum of %s is written out", (_constraint, arithmetic, text) => {
  expect(formulaText(arithmetic)).toBe(text);
});

test.each<[Reason | null, Partial<Verdict>, string]>([
  [null, {}, "fits"],
  [null, { arithmetic: sum("unlimited", {}), reportAgeMs: 3_000 }, "fits: its capacity is infinite; report 3 s old"],
  ["wrong-zone", { detail: "south" }, "is in zone south, which is not the zone asked for"],
  ["disabled", { detail: "new disks" }, "is disabled: new disks"],
  ["draining", { detail: "" }, "is being drained"],
  ["source-elsewhere", {}, "is not where the source of the copy is"],
  ["already-tried", {}, "was tried for this volume before and could not make it"],
  [
    "agent-down",
    { detail: "north", reportAgeMs: 130_000 },
    "no agent is up that could reach it (north); report 2 min old",
  ],
  [
    "backend-down",
    { detail: "no such folder", reportAgeMs: 500 },
    "cannot be used, says its agent: no such folder; report 500 ms old",
  ],
  ["no-report", {}, "no agent has reported its capacity yet"],
  ["report-old", { reportAgeMs: 300_000 }, "its last capacity report is too old to be believed; report 5 min old"],
  ["capability-missing", { detail: "clone", reportAgeMs: 0 }, "cannot do clone; report 0 ms old"],
  [
    "capacity-unknown",
    {},
    "cannot say how much space is free, and its settings do not allow placing there all the same (allow_unknown_capacity)",
  ],
  [
    "object-limit",
    { arithmetic: { ...sum("objects", {}), needed: 1, available: -1 } },
    "has reached its object limit: 1 object is needed, its object limit leaves 0",
  ],
  [
    "not-enough-free",
    {
      arithmetic: sum("physical", { needed: 2, available: 1, free: 1, reserved: 0, unmeasured: 0 }),
      reportAgeMs: 12_000,
    },
    "has not enough free: 2 GiB needed, 1 GiB available physically (free 1 GiB − kept free 0 GiB − not yet measured 0 GiB); report 12 s old",
  ],
])("the sentence for %s", (reason, extra, text) => {
  expect(verdictText(verdict(reason, extra))).toBe(text);
});

test("each reason has a sentence of its own", () => {
  const texts = REASONS.map((reason) => verdictText(verdict(reason)));
  expect(new Set(texts).size).toBe(REASONS.length);
  for (const text of texts) expect(text).not.toMatch(/undefined|null/);
});
