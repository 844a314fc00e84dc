import { describe, expect, it } from "vitest";
import { BUGS, type Bug, isBug } from "./bugs.ts";
import { NO_FAULTS, STORM, STORM_WITHOUT_STRAYS } from "./faults.ts";
import { runHistory, runThroughLoss } from "./history.ts";

/** Many histories on a machine that may be busy: a bound for what hangs. */
const LONG = { timeout: 180_000 };

describe("random histories of a zone", LONG, () => {
  it("hold all invariants while nothing fails", () => {
    for (let seed = 1; seed <= 150; seed++) runHistory(seed, 150, NO_FAULTS);
  });

  it("hold all invariants while messages are lost, doubled and late and everything dies at random", () => {
    for (let seed = 1; seed <= 600; seed++) runHistory(seed, 300, STORM);
  });

  it("hold all invariants while most is done in groups", () => {
    for (let seed = 30_001; seed <= 30_300; seed++) runHistory(seed, 300, STORM, null, "groups");
  });

  it("never take more space than there is, in the same storm without strays", () => {
    for (let seed = 10_001; seed <= 10_300; seed++) runHistory(seed, 300, STORM_WITHOUT_STRAYS);
  });

  it("come back from the marks when the ledger is lost, and go on", () => {
    for (let seed = 20_001; seed <= 20_060; seed++) runThroughLoss(seed, 200, STORM);
  });

  it("replay exactly from their seed", () => {
    const [one, other] = [runHistory(4716, 300, STORM), runHistory(4716, 300, STORM)];
    expect(one.log).toEqual(other.log);
    expect(one.log.length).toBeGreaterThan(10);
  });
});

describe("a planted bug is found:", LONG, () => {
  it.each(Object.keys(BUGS).filter(isBug))("%s", (bug: Bug) => {
    expect(() => {
      for (let seed = 1; seed <= 600; seed++) runHistory(seed, 300, STORM, bug);
      for (let seed = 1; seed <= 600; seed++) runHistory(seed, 300, STORM_WITHOUT_STRAYS, bug);
      for (let seed = 1; seed <= 600; seed++) runHistory(seed, 300, STORM, bug, "groups");
    }).toThrow(/^seed \d+: /);
  });
});
