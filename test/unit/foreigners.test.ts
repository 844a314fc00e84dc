import { expect, test } from "vitest";
import { Foreigners } from "#scheduler/dispatch/foreigners.ts";
import { Engine } from "#scheduler/engine.ts";
import type { Bus } from "#shared/bus.ts";
import { BerthError } from "#shared/errors.ts";
import { createLog } from "#shared/log.ts";
import { CoreStand } from "#test/kit/core-stand.ts";

const TIMEOUT_MS = 10_000;

/** A zone whose first agents were killed with the question in hand. */
function zoneOf(silent: number) {
  const { state } = CoreStand.ready();
  const log = createLog("test", "silent");
  const ledger = { commit: async () => undefined, readDetails: async () => [] };
  const asked: number[] = [];
  const bus: Pick<Bus, "request"> = {
    request: async (_subject, call, _question, timeoutMs) => {
      asked.push(timeoutMs);
      if (asked.length <= silent) throw new BerthError("E_TIMEOUT", "no answer in time");
      const object = { reference: "image", sizeBytes: 1024, countedBytes: 0, identity: "1", whyNot: null };
      return call.answer.parse({ objects: [object], next: null });
    },
  };
  return { foreigners: new Foreigners(bus, new Engine(state, ledger, 0, log), TIMEOUT_MS), asked };
}

test("another agent is asked for one object when the first one is silent", async () => {
  const { foreigners, asked } = zoneOf(1);
  expect((await foreigners.find(1, "image"))?.reference).toBe("image");
  expect(asked).toHaveLength(2);
});

test("and none for longer than the whole time", async () => {
  const { foreigners, asked } = zoneOf(100);
  await expect(foreigners.find(1, "image")).rejects.toMatchObject({ code: "E_TIMEOUT" });
  expect(asked.reduce((sum, one) => sum + one, 0)).toBe(TIMEOUT_MS);
});
