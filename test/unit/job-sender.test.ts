import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { JobSender } from "#scheduler/dispatch/job-sender.ts";
import type { PlaceInQueue } from "#shared/bus.ts";
import { createLog } from "#shared/log.ts";
import type { Job } from "#shared/model/job.ts";
import { jobRecord } from "#test/kit/records.ts";

const ACK_WAIT_MS = 1_000;
const LONG_MS = 60_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

interface Queue {
  place: PlaceInQueue;
  held: boolean | null;
  resets: number;
}

/** A queue that has the job's first message already, and an attempt that waits for it to go. */
function senderOf(queue: Queue): { readonly sender: JobSender; readonly job: Job } {
  const bus = {
    onReconnect: () => () => undefined,
    queues: {
      ensure: async () => undefined,
      forgetDeliveries: async () => {
        queue.resets += 1;
      },
      offer: async () => "already-there" as const,
      place: async () => queue.place,
    },
  };
  const sender = new JobSender({
    bus,
    log: createLog("test", "silent"),
    isCurrent: () => true,
    isHeld: () => queue.held,
  });
  return { sender, job: jobRecord({ attempt: 2, dispatched: true }) };
}

const GIVEN_OUT: PlaceInQueue = { kind: "given-out", ackWaitMs: ACK_WAIT_MS };

describe("a job whose message lies in the queue", () => {
  test.each<[string, Pick<Queue, "place" | "held">, boolean]>([
    ["is waited for while nobody has had it", { place: { kind: "waiting" }, held: false }, false],
    ["is waited for while an agent has it", { place: GIVEN_OUT, held: true }, false],
    ["is waited for while nobody can tell who has it", { place: GIVEN_OUT, held: null }, false],
    ["comes again when it was given out and no agent has it", { place: GIVEN_OUT, held: false }, true],
    ["comes again when it counts as done", { place: { kind: "passed-over" }, held: null }, true],
  ])("%s", async (_, given, comes) => {
    const queue: Queue = { ...given, resets: 0 };
    const { sender, job } = senderOf(queue);
    sender.send(job);
    await vi.advanceTimersByTimeAsync(LONG_MS);
    sender.stop();
    expect(queue.resets > 0).toBe(comes);
  });

  test("is not taken for abandoned before it could have come to another agent", async () => {
    const queue: Queue = { place: GIVEN_OUT, held: false, resets: 0 };
    const { sender, job } = senderOf(queue);
    sender.send(job);
    await vi.advanceTimersByTimeAsync(2 * ACK_WAIT_MS);
    queue.held = true;
    await vi.advanceTimersByTimeAsync(5_000);
    queue.held = false;
    await vi.advanceTimersByTimeAsync(2 * ACK_WAIT_MS);
    sender.stop();
    expect(queue.resets).toBe(0);
  });
});
