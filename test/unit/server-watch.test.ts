import { beforeEach, describe, expect, it } from "vitest";
import { ServerWatch } from "#shared/bus/server-watch.ts";

let nowMs: number;
let tries: number;
let watch: ServerWatch;
beforeEach(() => {
  nowMs = 0;
  tries = 0;
  watch = new ServerWatch(
    () => {
      tries += 1;
    },
    () => nowMs,
  );
});

const silence = (): Promise<never> => Promise.reject(new Error("timeout"));
const failed = (answer: Promise<unknown>): Promise<unknown> => answer.catch(() => undefined);

/** A question a second, each without an answer. */
async function silentFor(seconds: number, row: "written" | "asked" = "written"): Promise<void> {
  for (let second = 0; second <= seconds; second++) {
    await failed(watch[row](silence()));
    nowMs += 1_000;
  }
}

describe("a server that does not answer", () => {
  it("is left after some seconds, and not for one answer that was lost", async () => {
    await silentFor(2);
    await watch.written(Promise.resolve());
    await silentFor(3);
    expect(tries).toBe(0);
    await silentFor(1);
    expect(tries).toBe(1);
  });

  it("is left though it answers questions, if it takes nothing", async () => {
    for (let second = 0; second < 5; second++) {
      await failed(watch.written(silence()));
      await watch.asked(Promise.resolve());
      nowMs += 1_000;
    }
    expect(tries).toBe(1);
  });

  it("is left ever more slowly when no other answers either", async () => {
    await silentFor(60, "asked");
    expect(tries).toBeLessThan(5);
    await watch.asked(Promise.resolve());
    const before = tries;
    await silentFor(5, "asked");
    expect(tries).toBe(before + 1);
  });
});
