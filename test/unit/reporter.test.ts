import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Driver } from "#agent/drivers/driver.ts";
import { Reporter } from "#agent/reporter.ts";
import type { Bus } from "#shared/bus.ts";
import { createLog } from "#shared/log.ts";
import { backendOf } from "#test/kit/catalogue.ts";
import { measurementOf } from "#test/kit/core-stand.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** How often a system that tells its measure in so long is asked in half a minute, in which work goes on all the time. */
async function measuredInHalfAMinute(tookMs: number): Promise<number> {
  let count = 0;
  const measure: Driver["measure"] = async () => {
    count += 1;
    await new Promise((resolve) => setTimeout(resolve, tookMs));
    return measurementOf();
  };
  const served = { stop: async () => undefined };
  const bus: Pick<Bus, "publish" | "serve" | "subscribe"> = {
    publish: () => undefined,
    serve: () => served,
    subscribe: () => served,
  };
  const backends = { side: () => null, open: () => [], driver: async () => ({ measure }) };
  let seq = 0;
  const reporter = new Reporter({
    bus,
    backends,
    knownSeq: () => seq,
    agentId: "a",
    zone: "north",
    host: "h",
    intervalMs: 10_000,
    afterWorkMs: 1_000,
    measureTimeoutMs: 60_000,
    log: createLog("test", "silent"),
  });
  reporter.start();
  reporter.opened(backendOf(1));
  for (let ms = 0; ms < 30_000; ms += 100) {
    seq += 1;
    reporter.worked(1);
    await vi.advanceTimersByTimeAsync(100);
  }
  await reporter.stop();
  return count;
}

test("after work a system is measured each second, but for no more than a tenth of the time, and once an interval at the least", async () => {
  expect(await measuredInHalfAMinute(5)).toBeGreaterThanOrEqual(28);
  expect(await measuredInHalfAMinute(200)).toBeLessThanOrEqual(15);
  const ofSlow = await measuredInHalfAMinute(3_000);
  expect(ofSlow).toBeGreaterThanOrEqual(2);
  expect(ofSlow).toBeLessThanOrEqual(4);
});
