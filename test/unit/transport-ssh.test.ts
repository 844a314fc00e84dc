import { readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { LeaseLost } from "#agent/drivers/driver.ts";
import { Credentials, type Login } from "#agent/transport/credentials.ts";
import { posixQuoting } from "#agent/transport/ssh/quote.ts";
import { createSshRunner, type SshSetting } from "#agent/transport/ssh/runner.ts";
import { Secret } from "#shared/secret.ts";
import { callContext, leaseFor } from "#test/kit/driver-context.ts";
import { recordingLog } from "#test/kit/recording-log.ts";
import { newSshKeys } from "#test/kit/ssh-keys.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { until } from "#test/kit/until.ts";
import { Desk } from "#test/simulators/kit/desk.ts";
import { startSshServer } from "#test/simulators/kit/ssh-server.ts";

const KEYS = newSshKeys();
const READ = { changes: false };
const CHANGE = { changes: true };
const lost = expect.objectContaining({ name: "AnswerLost", outcome: "unknown" });
const notAdmitted = expect.objectContaining({ name: expect.stringMatching(/NotAdmitted/), outcome: "not-done" });

function loginOf(password: string | null, privateKey: string | null = null): Login {
  return {
    login: "admin",
    password: password === null ? null : new Secret(password),
    privateKey: privateKey === null ? null : new Secret(privateKey),
  };
}

/** An appliance that says what it was told. `password` can be changed. */
async function appliance() {
  const desk = new Desk();
  const dataFolder = temporaryFolder();
  const told = { password: "right", lines: [] as string[] };
  const server = await startSshServer({
    desk,
    dataFolder,
    port: 0,
    ident: "appliance",
    users: () => [{ name: "admin", password: told.password, publicKeys: [KEYS.public] }],
    methodOf: (line) => line.split(" ")[0] ?? "",
    async run(line, session) {
      told.lines.push(line);
      if (line === "read-input") return { stdout: `${await session.readLine()}`, exitCode: 0 };
      if (line === "fail") return { stdout: "", stderr: "no such pool\n", exitCode: 2 };
      if (line === "flood") return { stdout: "x".repeat(100_000), exitCode: 0 };
      return { stdout: line, exitCode: 0 };
    },
    busy: () => ({ stdout: "busy", exitCode: 1 }),
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const keyFolder = join(temporaryFolder(), "keys");
  const open = (fields: Partial<SshSetting> = {}) => {
    const runner = createSshRunner(
      {
        host: "127.0.0.1",
        port: server.port,
        credentials: new Credentials(async () => loginOf("right")),
        hostKey: null,
        maxConcurrentCalls: 4,
        tries: 3,
        ...fields,
      },
      keyFolder,
    );
    onTestFinished(() => runner.close());
    return runner;
  };
  return { desk, server, told, keyFolder, open };
}

describe("a command", () => {
  test("arrives as it was given, and its answer is told with its exit code", async () => {
    const { open, told } = await appliance();
    const runner = open();
    const args = ["zfs", "create", "-o", 'org.berth:name=\'; rm -rf ~ "$HOME" `id` 🚢', ""];
    expect(await runner.run(callContext(), args, READ)).toEqual({
      exitCode: 0,
      stdout: args.map(posixQuoting).join(" "),
      stderr: "",
    });
    expect(told.lines).toEqual([`zfs create -o 'org.berth:name='\\''; rm -rf ~ "$HOME" \`id\` 🚢' ''`]);
    await expect(runner.run(callContext(), ["fail"], READ)).rejects.toMatchObject({
      name: "CommandFailed",
      exitCode: 2,
      stderr: "no such pool\n",
    });
    expect(await runner.run(callContext(), ["fail"], { ...READ, answers: [2] })).toMatchObject({ exitCode: 2 });
    await expect(runner.run(callContext(), ["list", "a\nb"], READ)).rejects.toMatchObject({ outcome: "not-done" });
  });

  test("can be given a secret on its input or in an argument, and neither is in a log or an error", async () => {
    const { open } = await appliance();
    const runner = open();
    const { log, lines } = recordingLog();
    const context = callContext({ log });
    const secret = new Secret("hush-hush");
    expect((await runner.run(context, ["read-input"], { ...READ, input: secret })).stdout).toBe("hush-hush");
    expect((await runner.run(context, ["say", secret], READ)).stdout).toBe("say hush-hush");
    const failed = await runner.run(context, ["fail"], READ).catch((error: unknown) => error);
    expect(lines.join()).toContain("say");
    expect(`${lines.join()} ${failed} ${JSON.stringify(failed)}`).not.toContain("hush");
  });

  test("without the lease is not started if it would change anything", async () => {
    const { open, told } = await appliance();
    const runner = open();
    const context = callContext({ guard: leaseFor(1) });
    await runner.run(context, ["create"], CHANGE);
    await expect(runner.run(context, ["create"], CHANGE)).rejects.toBeInstanceOf(LeaseLost);
    await runner.run(context, ["list"], READ);
    expect(told.lines).toEqual(["create", "list"]);
  });

  test("whose answer is lost is given again only where that is safe", async () => {
    const { open, desk } = await appliance();
    const runner = open();
    desk.faults.set("lost-answer", { times: 2 });
    await runner.run(callContext(), ["list"], READ);
    desk.faults.set("lost-answer", { times: 1 });
    await expect(runner.run(callContext(), ["create"], CHANGE)).rejects.toEqual(lost);
    desk.faults.set("lost-answer", { times: 1 });
    await runner.run(callContext(), ["online"], { ...CHANGE, safeToRepeat: true });
    expect(desk.calls.byMethod()).toEqual({ create: 1, list: 3, online: 2 });
  });

  test("is waited for no longer than it may take, and no longer than its job", async () => {
    const { open, desk } = await appliance();
    const runner = open({ tries: 1 });
    desk.faults.set("hang");
    await expect(runner.run(callContext(), ["list"], { ...READ, timeoutMs: 100 })).rejects.toEqual(lost);
    const job = new AbortController();
    const call = runner.run(callContext({ signal: job.signal }), ["create"], CHANGE);
    await until("it is under way", () => desk.calls.byMethod().create === 1);
    job.abort();
    await expect(call).rejects.toMatchObject({ outcome: "unknown", code: "E_DEADLINE" });
    await until("no connection is left", () => desk.calls.report().connections === 0);
  });

  test("that says too much is cut off", async () => {
    const { open } = await appliance();
    const call = open({ tries: 1 }).run(callContext(), ["flood"], { ...READ, maxOutputBytes: 1000 });
    await expect(call).rejects.toEqual(lost);
  });
});

test("an appliance that takes the connection and says nothing is reported when its time is over", async () => {
  const { open, desk } = await appliance();
  desk.faults.set("black-hole");
  const runner = open({ tries: 1, connectTimeoutMs: 100 });
  await expect(runner.run(callContext(), ["list"], READ)).rejects.toMatchObject({ name: "Unreachable" });
  const job = AbortSignal.timeout(50);
  const call = open({ connectTimeoutMs: 20_000 }).run(callContext({ signal: job }), ["list"], READ);
  await expect(call).rejects.toMatchObject({ outcome: "unknown", code: "E_DEADLINE" });
});

describe("who the appliance is", () => {
  test("is learnt once, kept for all agents of the host, and then it must stay", async () => {
    const { open, keyFolder, server, desk } = await appliance();
    await open().run(callContext(), ["list"], READ);
    const [file = ""] = readdirSync(keyFolder);
    expect(file).toContain(String(server.port));
    await open().run(callContext(), ["list"], READ);
    await writeFile(join(keyFolder, file), "SHA256:anotherkey\n");
    const refused = open().run(callContext(), ["list"], READ);
    await expect(refused).rejects.toEqual(notAdmitted);
    await expect(refused).rejects.toThrow(server.hostKeyFingerprint);
    expect(desk.calls.byMethod()).toEqual({ list: 2 });
  });

  test("can be pinned by its fingerprint or its key", async () => {
    const { open, server } = await appliance();
    for (const hostKey of [server.hostKeyFingerprint, server.hostKey, `${server.hostKey} a comment`])
      await open({ hostKey }).run(callContext(), ["list"], READ);
    const other = newSshKeys().public;
    await expect(open({ hostKey: other }).run(callContext(), ["list"], READ)).rejects.toEqual(notAdmitted);
  });
});

describe("credentials", () => {
  test("are a password or a key", async () => {
    const { open } = await appliance();
    for (const login of [loginOf("right"), loginOf(null, KEYS.private), loginOf("right", KEYS.private)])
      await open({ credentials: new Credentials(async () => login) }).run(callContext(), ["list"], READ);
  });

  test("that are refused are read anew; if nothing changed, the account is left in peace for a while", async () => {
    const { open, told, server } = await appliance();
    let password = "right";
    let read = 0;
    const credentials = new Credentials(async () => {
      read += 1;
      return loginOf(password);
    });
    const runner = open({ credentials });
    await runner.run(callContext(), ["list"], READ);
    told.password = "changed";
    password = "changed";
    server.cutAll();
    await runner.run(callContext(), ["list"], READ);
    expect(read).toBe(2);
    password = "wrong";
    const other = open({ credentials: new Credentials(async () => loginOf("wrong")) });
    await expect(other.run(callContext(), ["list"], READ)).rejects.toThrow("does not take the login");
    await expect(other.run(callContext(), ["list"], READ)).rejects.toThrow("is not tried before");
  });
});

test("connections are kept, as many as commands may run at once, and closed with the backend", async () => {
  const { open, desk } = await appliance();
  const runner = open({ maxConcurrentCalls: 3 });
  desk.faults.set("slow", { delayMs: 10 });
  await Promise.all(Array.from({ length: 30 }, () => runner.run(callContext(), ["create"], CHANGE)));
  expect(desk.calls.report()).toMatchObject({ highWater: 3, connections: 3, connectionsHighWater: 3 });
  runner.close();
  await until("no connection is left", () => desk.calls.report().connections === 0);
  await expect(runner.run(callContext(), ["list"], READ)).rejects.toMatchObject({ name: "Unreachable" });
});

test("a connection that the appliance closed meanwhile is replaced", async () => {
  const { open, desk, server } = await appliance();
  const runner = open();
  await runner.run(callContext(), ["list"], READ);
  server.cutAll();
  await until("it is closed", () => desk.calls.report().connections === 0);
  await runner.run(callContext(), ["create"], CHANGE);
  expect(desk.calls.byMethod()).toEqual({ create: 1, list: 1 });
});
