import { describe, expect, it } from "vitest";
import { Bandwidth, type Clock } from "#agent/copy/bandwidth.ts";
import { copyBlocks } from "#agent/copy/copy-blocks.ts";
import { endAt } from "#test/kit/copy-ends.ts";
import { callContext } from "#test/kit/driver-context.ts";
import { startNbdDouble } from "#test/kit/nbd-double.ts";

const MIB = 1024 ** 2;
const never = new AbortController().signal;

/** Waiting moves it on to the earliest that anybody waits for. */
class FakeClock implements Clock {
  #nowMs = 0;
  readonly #waiting: { readonly atMs: number; readonly wake: () => void }[] = [];

  readonly nowMs = (): number => this.#nowMs;
  readonly wait = (ms: number): Promise<void> =>
    new Promise((wake) => void this.#waiting.push({ atMs: this.#nowMs + ms, wake }));

  advance(ms: number): void {
    this.#nowMs += ms;
    const due = this.#waiting.filter(({ atMs }) => atMs <= this.#nowMs);
    for (const one of due) {
      this.#waiting.splice(this.#waiting.indexOf(one), 1);
      one.wake();
    }
  }
}

/** What the limit lets through: what the time gives, a quarter of a second's worth at once, and one request. */
function mostBytes(limitBytesPerS: number, ms: number): number {
  return (limitBytesPerS * (ms + 250)) / 1000 + MIB;
}

describe("a bandwidth limit", () => {
  it("lets no more through than the time gives, whoever asks, and no less", async () => {
    const clock = new FakeClock();
    const limitBytesPerS = 4 * MIB;
    const bandwidth = new Bandwidth(limitBytesPerS, clock);
    let passedBytes = 0;
    for (let n = 0; n < 100; n++) void bandwidth.take(MIB, never).then(() => (passedBytes += MIB));
    for (let ms = 0; ms <= 20_000; ms += 50) {
      await Promise.resolve();
      await Promise.resolve();
      expect(passedBytes).toBeLessThanOrEqual(mostBytes(limitBytesPerS, ms));
      expect(passedBytes).toBeGreaterThanOrEqual((limitBytesPerS * ms) / 1000 - MIB);
      clock.advance(50);
    }
  });

  it("does not save up what was long not used", async () => {
    const clock = new FakeClock();
    const bandwidth = new Bandwidth(4 * MIB, clock);
    await bandwidth.take(1, never);
    clock.advance(3_600_000);
    let passedBytes = 0;
    for (let n = 0; n < 100; n++) void bandwidth.take(MIB, never).then(() => (passedBytes += MIB));
    await new Promise(setImmediate);
    expect(passedBytes).toBeLessThanOrEqual(mostBytes(4 * MIB, 0));
  });

  it("bounds what a copy reads", async () => {
    const clock = new FakeClock();
    const source = await startNbdDouble(16 * MIB);
    source.image.fill(0x77);
    const target = await startNbdDouble(16 * MIB);
    const limitBytesPerS = 2 * MIB;
    let ended = false;
    const copy = copyBlocks(callContext(), {
      source: await endAt(source.path),
      target: await endAt(target.path),
      sizeBytes: 16 * MIB,
      resumeFromBytes: 0,
      targetIsFresh: true,
      bandwidthLimitBytesPerS: limitBytesPerS,
      clock,
      onProgress: () => undefined,
    }).finally(() => {
      ended = true;
    });
    let ms = 0;
    const readBytes = (): number => source.asked.reduce((sum, [, , lengthBytes]) => sum + lengthBytes, 0);
    for (; !ended; ms += 100) {
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      expect(readBytes()).toBeLessThanOrEqual(mostBytes(limitBytesPerS, ms));
      clock.advance(100);
    }
    await copy;
    expect(target.image.equals(source.image)).toBe(true);
  });

  it("ends its waiting with the signal", async () => {
    const controller = new AbortController();
    const bandwidth = new Bandwidth(1);
    await bandwidth.take(MIB, controller.signal);
    const waiting = bandwidth.take(1, controller.signal);
    controller.abort();
    await expect(waiting).rejects.toThrow();
  });
});
