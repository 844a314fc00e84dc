import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { StaticTokens } from "#scheduler/identity/static-tokens.ts";
import { tokenHashOf } from "#scheduler/identity/tokens.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { until } from "#test/kit/until.ts";

const TOKEN = "0123456789abcdef-ann";
const HASHED = "fedcba9876543210-bob";

function entry(token: object, user = "ann", roles: readonly string[] = ["member"]): object {
  return { ...token, user, project: "p1", roles };
}

function open(content: unknown): { tokens: StaticTokens; path: string; lines: string[] } {
  const path = join(temporaryFolder(), "tokens.json");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content, null, 2), { mode: 0o600 });
  const lines: string[] = [];
  const tokens = new StaticTokens(path, pino({}, { write: (line: string) => void lines.push(line) }));
  onTestFinished(() => tokens.close());
  return { tokens, path, lines };
}

function owner(tokens: StaticTokens, token: string) {
  return tokens.ownerOf(token, tokenHashOf(token));
}

test("tokens are known by themselves or by their hash", () => {
  const { tokens, lines } = open({
    tokens: [entry({ token: TOKEN }), entry({ sha256: tokenHashOf(HASHED) }, "bob", ["admin"])],
  });
  expect(owner(tokens, TOKEN)).toEqual({ userId: "ann", projectId: "p1", roles: new Set(["member", "reader"]) });
  expect(owner(tokens, HASHED)).toMatchObject({ userId: "bob", roles: new Set(["admin", "member", "reader"]) });
  expect(owner(tokens, "another-token-0000")).toBeNull();
  // The hash itself opens nothing.
  expect(owner(tokens, tokenHashOf(HASHED))).toBeNull();
  expect(lines).toEqual([]);
});

test("an edit is taken in; a broken one is told with its line and changes nothing", async () => {
  const { tokens, path, lines } = open({ tokens: [entry({ token: TOKEN })] });
  writeFileSync(path, JSON.stringify({ tokens: [entry({ token: HASHED }, "bob")] }));
  await until("the edit", () => owner(tokens, HASHED) !== null);
  expect(owner(tokens, TOKEN)).toBeNull();
  writeFileSync(path, `{ "tokens": [\n  { "user": "x" }\n] }`);
  await until("the refusal", () => lines.some((line) => line.includes("the old ones stay")));
  const refusal = lines.join("");
  expect(refusal).toContain(`${path}:2:3`);
  expect(refusal).not.toContain(HASHED);
  expect(owner(tokens, HASHED)).not.toBeNull();
  rmSync(path);
  writeFileSync(path, JSON.stringify({ tokens: [] }));
  await until("the next edit", () => owner(tokens, HASHED) === null);
});

test.each([
  ["", "is empty"],
  ["{", "this is not JSON"],
  [{ tokens: [entry({})] }, "has neither token nor sha256, or both"],
  [{ tokens: [entry({ token: TOKEN, sha256: tokenHashOf(TOKEN) })] }, "has neither token nor sha256, or both"],
  [{ tokens: [entry({ token: TOKEN }), entry({ sha256: tokenHashOf(TOKEN) })] }, "is the token of another entry"],
  [{ tokens: [entry({ token: "short" })] }, "at least 16 characters"],
  [{ tokens: [entry({ token: TOKEN }, "ann", ["root"])] }, "admin"],
  [{ tokens: [entry({ token: TOKEN }, "ann", [])] }, "roles"],
  [{ tokens: [{ ...entry({ token: TOKEN }), projekt: "p" }] }, "projekt"],
])("a file that says %s is refused at the start", (content, why) => {
  expect(() => open(content)).toThrow(why);
  expect(() => open(content)).toThrow(/tokens\.json:\d+:\d+ /);
});

test("one that others can read is warned of", () => {
  const path = join(temporaryFolder(), "tokens.json");
  writeFileSync(path, '{ "tokens": [] }');
  chmodSync(path, 0o644);
  const lines: string[] = [];
  const tokens = new StaticTokens(path, pino({}, { write: (line: string) => void lines.push(line) }));
  onTestFinished(() => tokens.close());
  expect(lines.join()).toContain("chmod o=");
});
