import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LeaseLost } from "#agent/drivers/driver.ts";
import { Lease } from "#agent/lease.ts";

const ACK_WAIT_MS = 10_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function lease(renew: () => Promise<void>, heldSinceMs = performance.now()): Lease {
  return new Lease({
    ackWaitMs: ACK_WAIT_MS,
    heldSinceMs,
    nowMs: () => performance.now(),
    renew: async () => await renew(),
  });
}

describe("a lease", () => {
  it("is held as long as the server confirms its renewals", async () => {
    const one = lease(async () => undefined);
    await vi.advanceTimersByTimeAsync(10 * ACK_WAIT_MS);
    expect(() => one.assertHeld()).not.toThrow();
    one.release();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends before the queue gives the job to another, when renewals do not get through", async () => {
    const one = lease(async () => await Promise.reject(new Error("cut off")));
    await vi.advanceTimersByTimeAsync(ACK_WAIT_MS * 0.69);
    expect(one.held).toBe(true);
    await vi.advanceTimersByTimeAsync(ACK_WAIT_MS * 0.02);
    expect(one.held).toBe(false);
    expect(one.lost.aborted).toBe(true);
    expect(() => one.assertHeld()).toThrow(LeaseLost);
  });

  it("counts from when the renewal was asked for, not from its answer", async () => {
    const one = lease(async () => await new Promise((resolve) => setTimeout(resolve, 3_000)));
    await vi.advanceTimersByTimeAsync(5 * ACK_WAIT_MS);
    expect(one.held).toBe(true);
    one.release();
  });

  it("never comes back: a renewal is not even asked for once it ran out", async () => {
    const renew = vi.fn(async () => undefined);
    const paused = lease(renew, performance.now() - ACK_WAIT_MS);
    expect(() => paused.assertHeld()).toThrow(LeaseLost);
    await vi.advanceTimersByTimeAsync(ACK_WAIT_MS);
    expect(renew).not.toHaveBeenCalled();
  });

  it("is lost with the connection while the server may not have written down that it gave out the job", async () => {
    const one = lease(async () => undefined);
    await vi.advanceTimersByTimeAsync(500);
    one.doubt();
    expect(one.lost.aborted).toBe(true);
    expect(() => one.assertHeld()).toThrow(LeaseLost);
  });

  it("outlives the connection by what was confirmed before its last moments, and a renewal lengthens it again", async () => {
    let connected = true;
    const one = lease(async () => {
      if (!connected) throw new Error("cut off");
    });
    const leaseMs = ACK_WAIT_MS * 0.7;
    // Renewed at a third of the lease and at two thirds, the latter too short a time ago.
    await vi.advanceTimersByTimeAsync((leaseMs * 2) / 3 + 500);
    connected = false;
    one.doubt();
    expect(one.held).toBe(true);
    await vi.advanceTimersByTimeAsync((leaseMs * 2) / 3 - 600);
    expect(one.held).toBe(true);
    await vi.advanceTimersByTimeAsync(200);
    expect(one.held).toBe(false);

    connected = true;
    const other = lease(async () => undefined);
    await vi.advanceTimersByTimeAsync(2_000);
    other.doubt();
    await vi.advanceTimersByTimeAsync(3 * ACK_WAIT_MS);
    expect(other.held).toBe(true);
    other.release();
  });

  it("that is released lets nothing change any more", () => {
    const one = lease(async () => undefined);
    one.release();
    expect(() => one.assertHeld()).toThrow(LeaseLost);
    expect(one.lost.aborted).toBe(false);
  });
});
