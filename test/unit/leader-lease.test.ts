import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { Lease } from "#scheduler/leadership/lease.ts";
import { MemoryCell } from "#test/kit/memory-cell.ts";
import { quietLog } from "#test/kit/nats-ledgers.ts";

const LEASE_MS = 3_000;

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

interface Candidate {
  readonly lease: Lease;
  readonly held: () => boolean;
  readonly lost: () => boolean;
  /** Stops beating, as a process that is stopped. */
  readonly stop: () => void;
}

/** A scheduler as far as the lease goes: it stands by, and then holds. `pulse`: timers of its own. */
function candidate(cell: MemoryCell, name: string): Candidate {
  const over = new AbortController();
  onTestFinished(() => over.abort());
  const holder = { schedulerId: name, apiUrl: `http://${name}` };
  const lease = new Lease({ cell, leaseMs: LEASE_MS, holder, log: quietLog });
  let held = false;
  let lost = false;
  void lease.acquire(over.signal).then(async (acquired) => {
    held = acquired;
    if (!acquired) return;
    await lease.hold(over.signal);
    lost = !over.signal.aborted;
  });
  return { lease, held: () => held, lost: () => lost, stop: () => over.abort() };
}

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

test("the first has it at once, and keeps it while it renews", async () => {
  const cell = new MemoryCell();
  const first = candidate(cell, "first");
  await pass(10);
  expect([first.held(), first.lease.isCurrent]).toEqual([true, true]);
  const second = candidate(cell, "second");
  await pass(20 * LEASE_MS);
  expect([first.lease.isCurrent, second.held()]).toEqual([true, false]);
  expect(second.lease.leader).toEqual({ schedulerId: "first", apiUrl: "http://first" });
});

test("of a silent holder it goes to exactly one other, and not before its lease has passed", async () => {
  const cell = new MemoryCell();
  const first = candidate(cell, "first");
  await pass(10);
  const others = [candidate(cell, "second"), candidate(cell, "third")];
  await pass(LEASE_MS);
  first.stop();
  for (let waited = 0; first.lease.isCurrent; waited += 100) {
    expect(waited).toBeLessThanOrEqual(LEASE_MS);
    expect(others.filter(({ held }) => held())).toEqual([]);
    await pass(100);
  }
  await pass(LEASE_MS + 2_000);
  expect(others.filter(({ held }) => held())).toHaveLength(1);
});

test("a holder that another has followed learns it at its next renewal", async () => {
  const cell = new MemoryCell();
  const first = candidate(cell, "first");
  await pass(10);
  const stored = await cell.read();
  await cell.write(Buffer.from(JSON.stringify({ term: "other", holder: null })), stored?.revision ?? 0);
  await pass(LEASE_MS);
  expect([first.lost(), first.lease.isCurrent]).toEqual([true, false]);
});

test("given back, it is taken without waiting for its end", async () => {
  const cell = new MemoryCell();
  const first = candidate(cell, "first");
  await pass(10);
  const second = candidate(cell, "second");
  first.stop();
  await first.lease.release();
  expect(first.lease.isCurrent).toBe(false);
  await pass(LEASE_MS / 2);
  expect(second.held()).toBe(true);
});

test("an outage of the server takes it from nobody: not while it lasts, and not afterwards", async () => {
  const cell = new MemoryCell();
  const first = candidate(cell, "first");
  await pass(10);
  const second = candidate(cell, "second");
  await pass(LEASE_MS);
  cell.isAway = true;
  await pass(10 * LEASE_MS);
  expect(first.lease.isCurrent).toBe(false);
  cell.isAway = false;
  await pass(2 * LEASE_MS);
  expect([first.lease.isCurrent, first.lost(), second.held()]).toEqual([true, false, false]);
});

test("a renewal whose answer was lost does not cost it", async () => {
  const cell = new MemoryCell();
  const first = candidate(cell, "first");
  await pass(10);
  cell.losesAnswer = true;
  await pass(2 * LEASE_MS);
  expect([first.lease.isCurrent, first.lost()]).toEqual([true, false]);
});
