import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { LeaseLost } from "#agent/drivers/driver.ts";
import { Credentials } from "#agent/transport/credentials.ts";
import { createHttpsClient, type HttpsRequest, type HttpsSetting } from "#agent/transport/https/client.ts";
import { Secret } from "#shared/secret.ts";
import { callContext, leaseFor } from "#test/kit/driver-context.ts";
import { recordingLog } from "#test/kit/recording-log.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { until } from "#test/kit/until.ts";
import { Desk } from "#test/simulators/kit/desk.ts";
import { startHttpServer } from "#test/simulators/kit/http-server.ts";

const READ: HttpsRequest = { method: "POST", path: "/json-rpc", name: "List", body: "List", changes: false };
const CHANGE: HttpsRequest = { ...READ, name: "Create", body: "Create", changes: true };
const unknown = expect.objectContaining({ name: "AnswerLost", outcome: "unknown" });
const unreachable = expect.objectContaining({ name: "Unreachable", outcome: "not-done" });
const notAdmitted = expect.objectContaining({ name: "NotAdmitted", outcome: "not-done" });

/** A web service whose calls are their bodies, and who wants `admin` with what stands in its password file. */
async function service() {
  const desk = new Desk();
  const dataFolder = temporaryFolder();
  const passwordFile = join(dataFolder, "password");
  await writeFile(passwordFile, "right");
  const server = await startHttpServer({
    desk,
    dataFolder,
    port: 0,
    tls: true,
    async handle({ body, headers }) {
      const shown = Buffer.from(String(headers.authorization).slice("Basic ".length), "base64").toString();
      if (headers.authorization !== undefined && shown !== `admin:${await readFile(passwordFile, "utf8")}`)
        return { kind: "answer", value: { status: 401, body: "" } };
      const served = await desk.serve(String(body), () => ({ status: 200, body: "x".repeat(1000) }));
      return served.kind === "refused" ? { kind: "answer", value: { status: 503, body: "busy" } } : served;
    },
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const { certificate } = server;
  if (certificate === null) throw new Error("it has no certificate");
  const open = (fields: Partial<HttpsSetting> = {}) => {
    const client = createHttpsClient({
      origin: server.url,
      trust: { caFile: certificate.certificateFile, certificateFingerprint: null, verify: true },
      basic: null,
      maxConcurrentCalls: 4,
      tries: 3,
      ...fields,
    });
    onTestFinished(() => client.close());
    return client;
  };
  return { desk, server, certificate, passwordFile, open };
}

describe("who the server is", () => {
  test("is believed by a CA file, by its fingerprint, or because nobody wants to know", async () => {
    const { open, certificate } = await service();
    const { fingerprint } = certificate;
    for (const trust of [
      { caFile: certificate.certificateFile, certificateFingerprint: null, verify: true },
      { caFile: null, certificateFingerprint: fingerprint, verify: true },
      { caFile: null, certificateFingerprint: fingerprint.replaceAll(":", "").toLowerCase(), verify: true },
      { caFile: null, certificateFingerprint: null, verify: false },
    ])
      expect(await open({ trust }).request(callContext(), READ)).toMatchObject({ status: 200 });
  });

  test("is seen anew with each connection, also where TLS could go on with an old session", async () => {
    const { open, certificate, server } = await service();
    const trust = { caFile: null, certificateFingerprint: certificate.fingerprint, verify: true };
    const client = open({ trust, maxConcurrentCalls: 1 });
    for (let time = 0; time < 3; time++) {
      expect(await client.request(callContext(), READ)).toMatchObject({ status: 200 });
      server.cutAll();
    }
  });

  test("is not believed by itself, nor with another fingerprint, and then nothing is sent", async () => {
    const { open, desk } = await service();
    for (const trust of [
      { caFile: null, certificateFingerprint: null, verify: true },
      { caFile: null, certificateFingerprint: "00".repeat(32), verify: true },
      { caFile: "/nowhere/ca.pem", certificateFingerprint: null, verify: true },
    ])
      await expect(open({ trust }).request(callContext(), READ)).rejects.toEqual(notAdmitted);
    expect(desk.calls.report().total).toBe(0);
  });
});

describe("a lost answer", () => {
  test("is asked for again where that is safe", async () => {
    const { open, desk } = await service();
    desk.faults.set("lost-answer", { times: 2 });
    expect(await open().request(callContext(), READ)).toMatchObject({ status: 200 });
    expect(desk.calls.byMethod()).toEqual({ List: 3 });
  });

  test("of a change is told, and the change is not made again", async () => {
    const { open, desk } = await service();
    desk.faults.set("lost-answer");
    await expect(open().request(callContext(), CHANGE)).rejects.toEqual(unknown);
    expect(desk.calls.byMethod()).toEqual({ Create: 1 });
  });

  test("that never comes is waited for no longer than it may take, and so is a server that says nothing at all", async () => {
    const { open, desk } = await service();
    desk.faults.set("hang");
    await expect(open({ tries: 1 }).request(callContext(), { ...READ, timeoutMs: 100 })).rejects.toEqual(unknown);
    desk.faults.clearAll();
    desk.faults.set("black-hole");
    const client = open({ tries: 1, connectTimeoutMs: 1_000 });
    await expect(client.request(callContext(), CHANGE)).rejects.toEqual(unreachable);
    await expect(client.request(callContext({ signal: AbortSignal.timeout(100) }), READ)).rejects.toMatchObject({
      outcome: "unknown",
      code: "E_DEADLINE",
    });
  });
});

test("an answer that does not end is cut off", async () => {
  const { open } = await service();
  const call = open({ tries: 1 }).request(callContext(), { ...READ, maxAnswerBytes: 999 });
  await expect(call).rejects.toEqual(unknown);
  expect((await open().request(callContext(), { ...READ, maxAnswerBytes: 1000 })).body.length).toBe(1000);
});

test("without the lease nothing that changes anything is sent", async () => {
  const { open, desk } = await service();
  const context = callContext({ guard: leaseFor(1) });
  await open().request(context, CHANGE);
  await expect(open().request(context, CHANGE)).rejects.toBeInstanceOf(LeaseLost);
  await open().request(context, READ);
  expect(desk.calls.byMethod()).toEqual({ Create: 1, List: 1 });
});

test("refused credentials are read anew, and are in no log", async () => {
  const { open, passwordFile, desk } = await service();
  const { log, lines } = recordingLog();
  let stands = "right";
  const basic = new Credentials(async () => ({ login: "admin", password: new Secret(stands), privateKey: null }));
  const client = open({ basic });
  await client.request(callContext({ log }), READ);
  stands = "changed";
  await writeFile(passwordFile, "changed");
  await client.request(callContext({ log }), CHANGE);
  expect(desk.calls.byMethod()).toEqual({ Create: 1, List: 1 });
  await writeFile(passwordFile, "changed again");
  await expect(client.request(callContext({ log }), READ)).rejects.toEqual(notAdmitted);
  expect(lines.length).toBeGreaterThan(1);
  expect(lines.join()).not.toMatch(/right|changed/);
});

test("so many calls at once as it is told, and no more; who waits can be called back", async () => {
  const { open, desk } = await service();
  const client = open({ maxConcurrentCalls: 2 });
  desk.faults.set("slow", { delayMs: 20 });
  const giveUp = new AbortController();
  const calls = Array.from({ length: 20 }, () => client.request(callContext(), CHANGE));
  const calledBack = client.request(callContext({ signal: giveUp.signal }), CHANGE);
  giveUp.abort();
  await expect(calledBack).rejects.toMatchObject({ outcome: "unknown", code: "E_DEADLINE" });
  await Promise.all(calls);
  expect(desk.calls.report()).toMatchObject({ byMethod: { Create: 20 }, highWater: 2, connectionsHighWater: 2 });
});

test("after failures in a row it is not tried for a while, and then again", async () => {
  const { open, server, desk } = await service();
  const client = open({ tries: 1 });
  desk.faults.set("cut", { times: 5 });
  for (let n = 0; n < 5; n++) await expect(client.request(callContext(), READ)).rejects.toEqual(unknown);
  await expect(client.request(callContext(), READ)).rejects.toThrow(/is not tried before/);
  expect(desk.calls.report().total).toBe(5);
  await until("it is tried again", async () => (await client.request(callContext(), READ)).status === 200);
  await server[Symbol.asyncDispose]();
  await expect(client.request(callContext(), CHANGE)).rejects.toMatchObject({ name: /Unreachable|AnswerLost/ });
});
