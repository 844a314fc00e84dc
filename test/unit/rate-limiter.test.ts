import { expect, test } from "vitest";
import { RateLimiter } from "#scheduler/api/rate-limiter.ts";

test("a burst, then as many as are let in over time, and no more saved up than a burst", () => {
  const clock = { nowMs: 0 };
  const limiter = new RateLimiter(10, 5, () => clock.nowMs);
  const taken = (): number => {
    let count = 0;
    while (limiter.take("p") === 0) count++;
    return count;
  };
  expect(taken()).toBe(5);
  clock.nowMs += 300;
  expect(taken()).toBe(3);
  clock.nowMs += 3_600_000;
  expect(taken()).toBe(5);
});

test("a refusal tells the whole seconds until the next is let in, and costs nothing", () => {
  const clock = { nowMs: 0 };
  const limiter = new RateLimiter(1, 1, () => clock.nowMs);
  expect(limiter.take("p")).toBe(0);
  for (let n = 0; n < 100; n++) expect(limiter.take("p")).toBe(1);
  clock.nowMs += 1_000;
  expect(limiter.take("p")).toBe(0);
});

test("a clock that goes back lets nobody in more often", () => {
  const clock = { nowMs: 10_000 };
  const limiter = new RateLimiter(1, 1, () => clock.nowMs);
  limiter.take("p");
  clock.nowMs = 0;
  expect(limiter.take("p")).toBe(1);
  clock.nowMs = 1_000;
  expect(limiter.take("p")).toBe(0);
});

test("it forgets who asked least lately, never more than it keeps", () => {
  const limiter = new RateLimiter(1, 1, () => 0);
  limiter.take("first");
  for (let n = 0; n < 19_999; n++) limiter.take(`p${n}`);
  expect(limiter.take("first")).toBe(1);
  for (let n = 0; n < 19_999; n++) limiter.take(`q${n}`);
  expect(limiter.take("first")).toBe(1);
  for (let n = 0; n < 20_000; n++) limiter.take(`r${n}`);
  expect(limiter.take("first")).toBe(0);
});
