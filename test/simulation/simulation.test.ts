import { describe, expect, it } from "vitest";
import { BUGS, isBug, SWEEPLESS } from "./bugs.ts";
import { NO_FAULTS, STORM, STORM_WITHOUT_STRAYS } from "./faults.ts";
import { runHistory, runThroughLoss } from "./history.ts";

/** Many histories on a machine that may be busy: a bound for what hangs. */
const LONG = { timeout: 180_000 };

describe("random histories of a zone", LONG, () => {
  it("hold all invariants while nothing fails", () => {
    for (let seed = 1; seed <= 100; seed++) runHistory(seed, 150, NO_FAULTS);
  });

  it("hold all invariants while messages are lost, doubled and late and everything dies at random", () => {
    for (let seed = 1; seed <= 420; seed++) runHistory(seed, 300, STORM);
  });

  it("hold all invariants while most is done in groups", () => {
    for (let seed = 30_001; seed <= 30_200; seed++) runHistory(seed, 300, STORM, null, "groups");
  });

  it("never take more space than there is, in the same storm without strays", () => {
    for (let seed = 10_001; seed <= 10_250; seed++) runHistory(seed, 300, STORM_WITHOUT_STRAYS);
  });

  it("come back from the marks when the ledger is lost, and go on", () => {
    for (let seed = 20_001; seed <= 20_050; seed++) runThroughLoss(seed, 200, STORM);
  });

  it("replay exactly from their seed", () => {
    const [one, other] = [runHistory(4716, 300, STORM), runHistory(4716, 300, STORM)];
    expect(one.log).toEqual(other.log);
    expect(one.log.length).toBeGreaterThan(10);
  });
});

/** Histories in which a planted bug must be found, by what it does and not by what else may come of it. */
const BOUND = 300;

describe("a planted bug is found:", LONG, () => {
  it.each(Object.keys(BUGS).filter(isBug))("%s", (bug) => {
    expect(firstFinding(bug), `in ${BOUND} histories`).toBeLessThanOrEqual(BOUND);
  });

  it("that strays are shrugged off, and not that nobody sweeps", () => {
    const { faults, leaning } = BUGS["shrugs-off-strays"];
    for (let seed = 1; seed <= 50; seed++) runHistory(seed, 300, faults, SWEEPLESS, leaning);
  });
});

function firstFinding(bug: keyof typeof BUGS): number {
  const { faults, leaning, found } = BUGS[bug];
  for (let seed = 1; seed <= BOUND; seed++) {
    try {
      runHistory(seed, 300, faults, bug, leaning);
    } catch (error) {
      const [first = ""] = error instanceof Error ? error.message.split("\n") : [];
      if (found.test(first)) return seed;
    }
  }
  return Number.POSITIVE_INFINITY;
}
