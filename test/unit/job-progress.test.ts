import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Deadline } from "#agent/deadline.ts";
import type { ProgressStep } from "#agent/drivers/driver.ts";
import { JobProgress } from "#agent/job-progress.ts";
import type { JobProgressAnswer } from "#shared/protocol/progress.ts";

const TOTAL = 1_000_000;
const step = (doneBytes: number): ProgressStep => ({ doneBytes, totalBytes: TOTAL, checkpointBytes: 0 });

function stand(answer: (told: ProgressStep) => JobProgressAnswer = () => ({ goOn: true, checkpointBytes: 0 })) {
  const told: ProgressStep[] = [];
  const counts = { advances: 0, givenUp: 0 };
  const controller = new AbortController();
  const progress = new JobProgress({
    tell: async (one) => {
      told.push(one);
      return answer(one);
    },
    signal: controller.signal,
    onAdvance: () => counts.advances++,
    onGivenUp: () => counts.givenUp++,
  });
  return { progress, told, counts, controller };
}

describe("an agent's word on a job's progress", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("goes about once a second, always the newest, however often it is said", async () => {
    const { progress, told } = stand();
    for (let ms = 0; ms < 10_000; ms++) {
      progress.tell(step(ms));
      await vi.advanceTimersByTimeAsync(1);
    }
    expect(told.length).toBeGreaterThanOrEqual(9);
    expect(told.length).toBeLessThanOrEqual(11);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(told.at(-1)).toEqual(step(9_999));
    progress.end();
    progress.tell(step(TOTAL));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(told.at(-1)).toEqual(step(9_999));
  });

  it("asks where to begin until it is told", async () => {
    let deaf = 3;
    const { progress } = stand(() => {
      if (deaf-- > 0) throw new Error("nobody there");
      return { goOn: true, checkpointBytes: 42 };
    });
    const asked = progress.checkpointBytes();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await asked).toBe(42);
  });

  it("gives a try up when the scheduler says so", async () => {
    const { progress, counts } = stand(() => ({ goOn: false, checkpointBytes: null }));
    progress.tell(step(1));
    await vi.advanceTimersByTimeAsync(1);
    expect(counts.givenUp).toBe(1);
  });

  it("is an advance only where it is further than ever, and by enough", () => {
    const { progress, counts } = stand();
    for (const doneBytes of [0, 10, 15, 19, 20, 20, 5, 29]) progress.tell(step(doneBytes));
    expect(counts.advances).toBe(2);
  });
});

describe("a deadline", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("begins anew with each advance, and ends who stands still", async () => {
    const deadline = new Deadline(1_000);
    for (let n = 0; n < 5; n++) {
      await vi.advanceTimersByTimeAsync(900);
      deadline.startAnew();
    }
    expect(deadline.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(deadline.signal.aborted).toBe(true);
  });

  it("that has ended does not begin again", async () => {
    const deadline = new Deadline(1_000);
    deadline.end();
    deadline.startAnew();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(deadline.signal.aborted).toBe(false);
  });
});
