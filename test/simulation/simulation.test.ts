import { describe, expect, it } from "vitest";
import { runHistory } from "./history.ts";
import { type Faults, NO_FAULTS } from "./world.ts";

const STORM: Faults = {
  loseMessage: 0.1,
  doubleMessage: 0.1,
  schedulerCrash: 0.03,
  agentCrash: 0.08,
  loseAnswer: 0.1,
  refuse: 0.1,
  lateCopy: 0.05,
};

describe("random histories of a zone", () => {
  it("hold all invariants while nothing fails", () => {
    for (let seed = 1; seed <= 100; seed++) runHistory(seed, 150, NO_FAULTS);
  });

  it("hold all invariants while messages are lost, doubled and late and everything dies at random", () => {
    for (let seed = 1; seed <= 300; seed++) runHistory(seed, 200, STORM);
  });

  it("replay exactly from their seed", () => {
    const [one, other] = [runHistory(4711, 200, STORM), runHistory(4711, 200, STORM)];
    expect(one.log).toEqual(other.log);
    expect(one.log.length).toBeGreaterThan(10);
  });
});
