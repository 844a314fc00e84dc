import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { asBerthError, BerthError, ERROR_CATALOGUE, fullMessage } from "#shared/errors.ts";

const architecture = readFileSync(new URL("../../ARCHITECTURE.md", import.meta.url), "utf8");

describe("the catalogue of errors", () => {
  it("stands whole in ARCHITECTURE.md, with status and what to do, and nothing else does", () => {
    const rows = [...architecture.matchAll(/^\| `(E_[A-Z_]+)` \| (\d{3}) \| (.+?) \|$/gm)];
    const documented = rows.map(([, code, status, next]) => [code, Number(status), next]);
    const actual = Object.entries(ERROR_CATALOGUE).map(([code, { status, next }]) => [code, status, next]);
    expect(documented.sort()).toEqual(actual.sort());
  });

  it("keeps the cause apart from the message, and tells the whole chain where only text can be kept", () => {
    const error = new BerthError("E_LEDGER", "the ledger did not take a commit", { cause: new Error("disk full") });
    expect(error.message).not.toContain("disk full");
    expect(fullMessage(error)).toBe("the ledger did not take a commit: disk full");
    expect(asBerthError("boom").code).toBe("E_INTERNAL");
  });
});
