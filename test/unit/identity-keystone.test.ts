import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { KeystoneTokens } from "#scheduler/identity/keystone.ts";
import { TokenIdentities, tokenHashOf } from "#scheduler/identity/tokens.ts";
import { KeystoneDouble } from "#test/kit/keystone-double.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { until } from "#test/kit/until.ts";

const START_MS = Date.parse("2026-11-21T12:00:00Z");

interface Stand {
  readonly keystone: KeystoneDouble;
  readonly tokens: KeystoneTokens;
  readonly clock: { nowMs: number };
  readonly passwordFile: string;
  ask(token: string): Promise<unknown>;
}

async function open(options: { applicationCredential?: string; timeoutMs?: number } = {}): Promise<Stand> {
  const keystone = await KeystoneDouble.start();
  onTestFinished(() => keystone[Symbol.asyncDispose]());
  keystone.tokens.set("good", {
    userId: "ann",
    projectId: "p1",
    roles: ["Member", "something-else"],
    expiresAt: "2026-11-21T13:00:00.000000Z",
  });
  const passwordFile = join(temporaryFolder(), "password");
  writeFileSync(passwordFile, "the-password\n");
  const clock = { nowMs: START_MS };
  const tokens = new KeystoneTokens({
    url: `${keystone.url}/v3/`,
    caFile: null,
    timeoutMs: options.timeoutMs ?? 5_000,
    cacheMs: 300_000,
    nowMs: () => clock.nowMs,
    account: {
      user: "berth",
      project: "service",
      domain: "default",
      applicationCredential: options.applicationCredential ?? null,
      passwordFile,
    },
  });
  onTestFinished(() => tokens.close());
  return { keystone, tokens, clock, passwordFile, ask: async (token) => tokens.ownerOf(token, tokenHashOf(token)) };
}

const ANN = { userId: "ann", projectId: "p1", roles: new Set(["member", "reader"]) };

test("a token is asked about once, and then remembered; roles include what they imply", async () => {
  const { keystone, ask } = await open();
  expect(await ask("good")).toEqual(ANN);
  expect(await ask("good")).toEqual(ANN);
  expect(keystone.asked).toEqual(["POST", "GET good"]);
});

test("it is asked about again after the cache's time, and never believed beyond its own end", async () => {
  const { keystone, clock, ask } = await open();
  await ask("good");
  clock.nowMs += 299_000;
  await ask("good");
  expect(keystone.questions).toHaveLength(1);
  clock.nowMs += 2_000;
  await ask("good");
  expect(keystone.questions).toHaveLength(2);
  // One second before its end; the cache would hold it for five minutes more.
  clock.nowMs = START_MS + 3_599_000;
  expect(await ask("good")).toEqual(ANN);
  clock.nowMs += 1_000;
  expect(await ask("good")).toBeNull();
});

test("one that is revoked is good for as long as it is remembered, and no longer", async () => {
  const { keystone, clock, ask } = await open();
  await ask("good");
  keystone.tokens.delete("good");
  expect(await ask("good")).toEqual(ANN);
  clock.nowMs += 300_000;
  expect(await ask("good")).toBeNull();
});

test("a bad token is remembered for a moment only", async () => {
  const { keystone, clock, ask } = await open();
  expect(await ask("bad")).toBeNull();
  expect(await ask("bad")).toBeNull();
  expect(keystone.questions).toHaveLength(1);
  clock.nowMs += 10_001;
  keystone.tokens.set("bad", { userId: "u", projectId: "p", roles: [], expiresAt: "2026-11-21T13:00:00Z" });
  expect(await ask("bad")).toMatchObject({ userId: "u" });
});

test("many who send one token at once are one question", async () => {
  const { keystone, ask } = await open();
  const { promise, resolve } = Promise.withResolvers<void>();
  keystone.hold = promise;
  const asking = Array.from({ length: 50 }, () => ask("good"));
  resolve();
  expect(await Promise.all(asking)).toEqual(asking.map(() => ANN));
  expect(keystone.asked).toEqual(["POST", "GET good"]);
});

test("more unknown tokens at once than Keystone is asked about are refused, and the others answered", async () => {
  const { keystone, ask } = await open();
  const { promise, resolve } = Promise.withResolvers<void>();
  keystone.hold = promise;
  const asking = Array.from({ length: 501 }, (_, n) => ask(`unknown-${n}`).catch((error: Error) => error.message));
  resolve();
  const answers = await Promise.all(asking);
  expect(answers.filter((answer) => answer === null)).toHaveLength(500);
  expect(answers.at(-1)).toContain("500 tokens to look at already");
});

test("Berth's own token is renewed once when it is refused, also when its password has changed", async () => {
  const { keystone, passwordFile, ask } = await open();
  await ask("good");
  keystone.ownTokens.clear();
  expect(await ask("bad")).toBeNull();
  expect(keystone.asked).toEqual(["POST", "GET good", "GET bad", "POST", "GET bad"]);
  keystone.ownTokens.clear();
  keystone.password = "another";
  await expect(ask("bad-2")).rejects.toThrow("does not take Berth's own account (HTTP 401)");
  writeFileSync(passwordFile, "another");
  expect(await ask("bad-3")).toBeNull();
});

test("and before it ends", async () => {
  const { keystone, clock, ask } = await open();
  keystone.ownTokenExpiresAt = "2026-11-21T12:10:00.000000Z";
  await ask("a");
  clock.nowMs += 8 * 60_000;
  await ask("b");
  expect(keystone.asked.filter((what) => what === "POST")).toHaveLength(1);
  clock.nowMs += 60_001;
  await ask("c");
  expect(keystone.asked.filter((what) => what === "POST")).toHaveLength(2);
});

test("an own token that is always refused is no endless question", async () => {
  const { keystone, ask } = await open();
  keystone.faults.push(401, 401, 401);
  await expect(ask("good")).rejects.toMatchObject({ code: "E_KEYSTONE", status: 503 });
  expect(keystone.questions).toHaveLength(2);
});

test("by an application credential", async () => {
  const { keystone, ask } = await open({ applicationCredential: "the-id" });
  expect(await ask("good")).toEqual(ANN);
  keystone.password = "another";
  keystone.ownTokens.clear();
  await expect(ask("bad")).rejects.toThrow("does not take Berth's own account");
});

test.each([500, 503, 403, "nonsense", "hang"] as const)(
  "no answer of use (%s) is 503, and nothing is remembered of it",
  async (fault) => {
    const { keystone, ask } = await open({ timeoutMs: fault === "hang" ? 200 : 5_000 });
    keystone.faults.push(fault, ...(fault === "nonsense" ? [fault] : []));
    await expect(ask("good")).rejects.toMatchObject({ code: "E_KEYSTONE", status: 503 });
    expect(await ask("good")).toEqual(ANN);
  },
);

test("a connection that broke is tried once more", async () => {
  const { keystone, ask } = await open();
  keystone.faults.push("cut");
  expect(await ask("good")).toEqual(ANN);
  keystone.faults.push("cut", "cut");
  await expect(ask("other")).rejects.toMatchObject({ code: "E_KEYSTONE" });
});

test("Keystone down: what is remembered goes on, all else is 503", async () => {
  const { keystone, ask } = await open();
  await ask("good");
  const { url } = keystone;
  await keystone[Symbol.asyncDispose]();
  expect(await ask("good")).toEqual(ANN);
  await expect(ask("other")).rejects.toThrow(`Keystone at ${url} does not answer`);
});

test("an id that could stand in no path is not taken in", async () => {
  const { keystone, ask } = await open();
  keystone.tokens.set("odd", { userId: "ann", projectId: "../x", roles: [], expiresAt: "2026-11-21T13:00:00Z" });
  await expect(ask("odd")).rejects.toThrow("is not understood");
});

test("who asks: the token's user, the service beside them, and no token for no project", async () => {
  const { keystone, tokens } = await open();
  const expiresAt = "2026-11-21T13:00:00Z";
  keystone.tokens.set("nova", { userId: "nova", projectId: "service", roles: ["service"], expiresAt });
  keystone.tokens.set("system", { userId: "root", projectId: null, roles: ["admin"], expiresAt });
  const identities = new TokenIdentities(tokens);
  expect(identities.challenge).toBe(`Keystone uri="${keystone.url}"`);
  const identify = async (headers: Record<string, string>) => identities.identify(headers);
  expect(await identify({ "x-auth-token": "good" })).toEqual({ ...ANN, isService: false, isAssumed: false });
  expect(await identify({ authorization: "Bearer good" })).toMatchObject({ userId: "ann" });
  const both = { "x-auth-token": "good", "x-service-token": "nova" };
  expect(await identify(both)).toEqual({ ...ANN, isService: true, isAssumed: false });
  // Another user's token beside it makes no service of it, and a bad one is not passed over.
  expect(await identify({ ...both, "x-service-token": "good" })).toMatchObject({ userId: "ann", isService: false });
  await expect(identify({ ...both, "x-service-token": "bad" })).rejects.toMatchObject({ code: "E_UNAUTHENTICATED" });
  // One token is refused at once, while Keystone is asked about the other and does not answer.
  keystone.faults.push(503);
  const half = { "x-auth-token": "unheard-of", "x-service-token": "two words" };
  await expect(identify(half)).rejects.toMatchObject({ code: "E_UNAUTHENTICATED" });
  await until("Keystone was asked", () => keystone.faults.length === 0);
  await expect(identify({ "x-auth-token": "system" })).rejects.toMatchObject({ code: "E_FORBIDDEN" });
  await expect(identify({})).rejects.toMatchObject({ code: "E_UNAUTHENTICATED" });
  const before = keystone.asked.length;
  for (const odd of ["caf\u00e9", "two words", "x".repeat(8193)])
    await expect(identify({ "x-auth-token": odd })).rejects.toMatchObject({ code: "E_UNAUTHENTICATED" });
  expect(keystone.asked).toHaveLength(before);
});
