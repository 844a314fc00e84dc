import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { CallLimit } from "#agent/transport/call-limit.ts";
import { Circuit } from "#agent/transport/circuit.ts";
import { AnswerLost, NotAdmitted, Unreachable } from "#agent/transport/failures.ts";
import { pauseMs, withTries } from "#agent/transport/tries.ts";
import { callContext } from "#test/kit/driver-context.ts";
import { until } from "#test/kit/until.ts";

describe("a limit of calls", () => {
  test("lets in so many, the others in their order, and forgets who gave up", async () => {
    const limit = new CallLimit(2);
    const { signal } = new AbortController();
    const doors = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
    const begun: number[] = [];
    const calls = doors.map(({ promise }, n) =>
      limit.run(signal, () => {
        begun.push(n);
        return promise;
      }),
    );
    const tired = new AbortController();
    const gaveUp = limit.run(tired.signal, async () => begun.push(99));
    const last = limit.run(signal, async () => begun.push(5));
    await until("two are in", () => begun.length === 2);
    tired.abort();
    await expect(gaveUp).rejects.toMatchObject({ outcome: "unknown" });
    doors[1]?.resolve();
    await calls[1];
    doors[2]?.reject(new Error("failed"));
    await expect(calls[2]).rejects.toThrow("failed");
    for (const { resolve } of doors) resolve();
    await last;
    expect(begun).toEqual([0, 1, 2, 3, 5]);
  });

  test("is kept by those who come while others leave", async () => {
    const limit = new CallLimit(2);
    const { signal } = new AbortController();
    let running = 0;
    let most = 0;
    const call = () =>
      limit.run(signal, async () => {
        running += 1;
        most = Math.max(most, running);
        await nextTurn();
        running -= 1;
      });
    const waves: Promise<void>[] = [];
    for (let wave = 0; wave < 20; wave++) {
      waves.push(call(), call(), call());
      await nextTurn();
    }
    await Promise.all(waves);
    expect(most).toBe(2);
  });
});

describe("a circuit breaker", () => {
  const fails = (error: Error) => async () => {
    throw error;
  };

  test("opens after five failures in a row, for twice as long each time, and closes with the first success", async () => {
    let nowMs = 0;
    const circuit = new Circuit("array", () => nowMs);
    const away = fails(new Unreachable("away"));
    for (let n = 0; n < 4; n++) await expect(circuit.run(away)).rejects.toThrow("away");
    await circuit.run(async () => "fine");
    for (let n = 0; n < 5; n++) await expect(circuit.run(away)).rejects.toThrow("away");
    for (const openMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      nowMs += openMs - 1;
      await expect(circuit.run(async () => "fine")).rejects.toThrow("array is not tried before 1 s");
      nowMs += 1;
      await expect(circuit.run(away)).rejects.toThrow("away");
    }
    nowMs += 30_000;
    expect(await circuit.run(async () => "fine")).toBe("fine");
    await expect(circuit.run(away)).rejects.toThrow("away");
    expect(await circuit.run(async () => "fine")).toBe("fine");
  });

  test("lets one call try when its time is over, not all of them", async () => {
    let nowMs = 0;
    const circuit = new Circuit("array", () => nowMs);
    for (let n = 0; n < 5; n++) await circuit.run(fails(new AnswerLost("lost"))).catch(() => undefined);
    nowMs = 1_000;
    const trial = Promise.withResolvers<string>();
    const first = circuit.run(() => trial.promise);
    await expect(circuit.run(async () => "second")).rejects.toThrow("is not tried");
    trial.resolve("first");
    expect(await first).toBe("first");
    expect(await circuit.run(async () => "second")).toBe("second");
  });

  test("opens at once when the login is refused, and never for what the system answered", async () => {
    const circuit = new Circuit("array", () => 0);
    for (let n = 0; n < 9; n++) await expect(circuit.run(fails(new Error("no such pool")))).rejects.toThrow("pool");
    await expect(circuit.run(fails(new NotAdmitted("wrong password")))).rejects.toThrow("wrong password");
    await expect(circuit.run(async () => "fine")).rejects.toThrow("is not tried");
  });
});

describe("tries", () => {
  test("are made of what was never sent, of lost answers where that is safe, and of nothing that was answered", async () => {
    for (const [error, safe, expected] of [
      [new Unreachable("away"), false, 3],
      [new AnswerLost("lost"), true, 3],
      [new AnswerLost("lost"), false, 1],
      [new NotAdmitted("wrong password"), true, 1],
      [new Error("no such pool"), true, 1],
    ] as const) {
      let tries = 0;
      const attempt = async () => {
        tries += 1;
        throw error;
      };
      await expect(withTries(callContext(), { tries: 3, safe }, attempt)).rejects.toBe(error);
      expect(tries, `${error.message}, ${safe}`).toBe(expected);
    }
  });

  test("come later each time, within bounds", () => {
    for (const [tried, mostMs] of [
      [1, 100],
      [2, 200],
      [5, 1_600],
      [50, 5_000],
    ] as const) {
      expect(pauseMs(tried)).toBeLessThanOrEqual(mostMs);
      expect(pauseMs(tried)).toBeGreaterThanOrEqual(mostMs / 2);
    }
  });

  test("end with the job", async () => {
    const job = new AbortController();
    const attempt = async () => {
      job.abort();
      throw new Unreachable("away");
    };
    const call = withTries(callContext({ signal: job.signal }), { tries: 9, safe: true }, attempt);
    await expect(call).rejects.toMatchObject({ outcome: "unknown", code: "E_DEADLINE" });
  });
});
