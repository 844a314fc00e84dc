import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseSettings } from "#scheduler/cli/backend-settings.ts";
import { exitCodeOf, exitCodeOfStatus } from "#scheduler/cli/exit-codes.ts";
import { asFailure } from "#scheduler/cli/failure.ts";
import { parseKeyValues, parseSeconds, parseWholeNumber } from "#scheduler/cli/key-value.ts";
import { BerthError } from "#shared/errors.ts";

describe("key=value words", () => {
  test("only the first = divides, and values may be empty", () => {
    expect(parseKeyValues(["a=1", "path=/x=y", "empty="], "parameter")).toEqual({ a: "1", path: "/x=y", empty: "" });
  });

  test("any pairs come back as they were", () => {
    const key = fc.string({ minLength: 1 }).filter((text) => !text.includes("="));
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(key, fc.string()), { selector: ([name]) => name }), (pairs) => {
        const words = pairs.map(([name, value]) => `${name}=${value}`);
        expect(Object.entries(parseKeyValues(words, "parameter")).sort()).toEqual([...pairs].sort());
      }),
    );
  });

  test("a word without a key is named by its place and not shown, for it may be a secret", () => {
    expect(() => parseKeyValues(["a=1", "hunter2"], "parameter")).toThrow("parameter 2 is not written key=value");
    expect(() => parseKeyValues(["=hunter2"], "parameter")).toThrow("parameter 1 is not written key=value");
  });

  test("a key given twice is refused", () => {
    expect(() => parseKeyValues(["a=1", "a=2"], "parameter")).toThrow("parameter a is given twice");
  });
});

test("whole numbers are whole numbers", () => {
  expect(parseWholeNumber("10", "--size")).toBe(10);
  expect(parseWholeNumber("-5", "--size")).toBe(-5);
  for (const text of ["", " ", "1.5", "1e3", "0x10", "ten", "10G", "99999999999999999999"])
    expect(() => parseWholeNumber(text, "--size"), text).toThrow(`--size must be a whole number, not "${text}"`);
});

test("seconds are above 0 and come as milliseconds", () => {
  expect(parseSeconds("1.5", "--timeout")).toBe(1500);
  for (const text of ["", "0", "-1", "soon", "Infinity"])
    expect(() => parseSeconds(text, "--timeout"), text).toThrow("--timeout must be a number of seconds above 0");
});

describe("settings of a backend", () => {
  test("are taken by the names of the Xen line, in the API's names and units", () => {
    expect(parseSettings({ max_concurrent: "8", report_max_age_s: "1.5", allow_unknown_capacity: "true" })).toEqual({
      maxConcurrent: 8,
      reportMaxAgeMs: 1500,
      allowUnknownCapacity: true,
    });
    expect(parseSettings({ report_max_age_s: "default" })).toEqual({ reportMaxAgeMs: null });
  });

  test("unknown and wrong ones are refused by name", () => {
    expect(() => parseSettings({ max_concurent: "1" })).toThrow("did you mean max_concurrent?");
    expect(() => parseSettings({ reserved_percentage: "" })).toThrow("reserved_percentage must be a number");
    expect(() => parseSettings({ allow_unknown_capacity: "maybe" })).toThrow("must be true or false");
  });
});

test("exit codes follow the error's code, or the HTTP status of a code from the future", () => {
  expect(exitCodeOf("E_NOT_FOUND")).toBe(3);
  expect(exitCodeOf("E_IN_USE")).toBe(4);
  expect(exitCodeOf("E_UNAVAILABLE")).toBe(5);
  expect(exitCodeOf("E_TIMEOUT")).toBe(6);
  expect(exitCodeOf("E_NO_PLACEMENT")).toBe(1);
  expect([400, 404, 409, 503, 418, 500].map(exitCodeOfStatus)).toEqual([2, 3, 4, 5, 1, 1]);
});

test("what nobody foresaw is a fault inside with exit code 1; a Berth error keeps its code", () => {
  expect(asFailure(new TypeError("boom"))).toMatchObject({ code: "E_INTERNAL", exitCode: 1, message: "boom" });
  expect(asFailure("text")).toMatchObject({ code: "E_INTERNAL", message: "text" });
  expect(asFailure(new BerthError("E_CONFIG", "no"))).toMatchObject({ code: "E_CONFIG", exitCode: 1 });
});
