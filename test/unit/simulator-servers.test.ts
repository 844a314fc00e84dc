import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { promisify } from "node:util";
import ssh2, { type ConnectConfig } from "ssh2";
import { expect, onTestFinished, test } from "vitest";
import { findProgram } from "#shared/die-with-parent.ts";
import { newSshKeys } from "#test/kit/ssh-keys.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { until } from "#test/kit/until.ts";
import { Desk } from "#test/simulators/kit/desk.ts";
import { startHttpServer } from "#test/simulators/kit/http-server.ts";
import { startSshServer } from "#test/simulators/kit/ssh-server.ts";

const run = promisify(execFile);
const KEYS = newSshKeys();

async function sshServer(desk: Desk, dataFolder = temporaryFolder()) {
  const server = await startSshServer({
    desk,
    dataFolder,
    port: 0,
    ident: "simulated",
    users: () => [{ name: "admin", password: "secret", publicKeys: [KEYS.public] }],
    methodOf: (line) => line.split(" ")[0] ?? "",
    run: async (line, session) => {
      if (line === "ask") session.write("Who? ");
      const said = line === "ask" ? await session.readLine() : line;
      return { stdout: `${session.user}: ${said}\n`, stderr: "a word\n", exitCode: line.startsWith("bad") ? 3 : 0 };
    },
    busy: () => ({ stdout: "busy\n", exitCode: 9 }),
    prompt: "> ",
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

function execute(config: ConnectConfig, command: string, input = ""): Promise<{ out: string; code: number | null }> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    let answered = false;
    client.on("error", reject);
    client.on("close", () => {
      if (!answered) reject(new Error("cut"));
    });
    client.on("ready", () =>
      client.exec(command, (error, channel) => {
        if (error) return reject(error);
        let out = "";
        channel.on("data", (text: Buffer) => {
          out += text.toString();
        });
        channel.stderr.resume();
        channel.on("close", (code: number | null) => {
          if (code === undefined || code === null) return;
          answered = true;
          client.end();
          resolve({ out, code });
        });
        channel.end(input);
      }),
    );
    client.connect({ host: "127.0.0.1", username: "admin", ...config });
  });
}

test("a simulated appliance answers commands over SSH, by password and by key", async () => {
  const desk = new Desk();
  const { port } = await sshServer(desk);
  expect(await execute({ port, password: "secret" }, "list all")).toEqual({ out: "admin: list all\n", code: 0 });
  expect(await execute({ port, privateKey: KEYS.private }, "bad")).toEqual({ out: "admin: bad\n", code: 3 });
  expect(await execute({ port, password: "secret" }, "ask", "me\n")).toEqual({ out: "Who? admin: me\n", code: 0 });
  await expect(execute({ port, password: "wrong" }, "list")).rejects.toThrow("authentication");
  const other = newSshKeys().private;
  await expect(execute({ port, privateKey: other }, "list")).rejects.toThrow("authentication");
  expect(desk.calls.byMethod()).toEqual({ ask: 1, bad: 1, list: 1 });
  desk.faults.set("auth");
  await expect(execute({ port, password: "secret" }, "list")).rejects.toThrow("authentication");
});

test("a simulated appliance keeps its host key and port, cuts, refuses and falls silent", async () => {
  const desk = new Desk();
  const dataFolder = temporaryFolder();
  const first = await sshServer(desk, dataFolder);
  await first[Symbol.asyncDispose]();
  const { port, hostKey, hostKeyFingerprint } = await sshServer(desk, dataFolder).catch(() => first);
  expect({ port, hostKey, hostKeyFingerprint }).toEqual({
    port: first.port,
    hostKey: first.hostKey,
    hostKeyFingerprint: first.hostKeyFingerprint,
  });
  const password = "secret";
  desk.faults.set("lost-answer", { times: 1 });
  await expect(execute({ port, password }, "list")).rejects.toThrow();
  desk.faults.set("refuse", { times: 1 });
  expect(await execute({ port, password }, "list")).toEqual({ out: "busy\n", code: 9 });
  desk.faults.set("black-hole");
  await expect(execute({ port, password, readyTimeout: 300 }, "list")).rejects.toThrow("Timed out");
});

test.skipIf(findProgram("ssh") === null)(
  "an interactive session goes from prompt to prompt, with the real ssh",
  async () => {
    const { port } = await sshServer(new Desk());
    const folder = temporaryFolder();
    const key = `${folder}/key`;
    writeFileSync(key, KEYS.private, { mode: 0o600 });
    const options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"];
    const child = run("ssh", [...options, "-T", "-i", key, "-p", String(port), "admin@127.0.0.1"]);
    child.child.stdin?.end("list\nquit\n");
    expect((await child).stdout).toBe("> admin: list\n> ");
  },
);

test("a simulated HTTPS service has a certificate of its own, which holds", async () => {
  const desk = new Desk();
  const dataFolder = temporaryFolder();
  const server = await startHttpServer({
    desk,
    dataFolder,
    port: 0,
    tls: true,
    handle: async ({ body, path }) => {
      const served = await desk.serve("Echo", () => ({ status: 200, body: `${path} ${body}` }));
      return served.kind === "refused" ? { kind: "answer", value: { status: 503, body: "busy" } } : served;
    },
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const { certificate, port } = server;
  if (certificate === null) throw new Error("it has no certificate");
  const post = (text: string) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const ca = readFileSync(certificate.certificateFile);
      const sent = request({ host: "127.0.0.1", port, path: "/rpc", method: "POST", ca, agent: false }, (answer) => {
        let got = "";
        answer.on("data", (chunk: Buffer) => {
          got += chunk.toString();
        });
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text: got }));
      });
      sent.on("error", reject);
      sent.end(text);
    });
  expect(await post("hello")).toEqual({ status: 200, text: "/rpc hello" });
  const { stdout } = await run("openssl", [
    "x509",
    "-in",
    certificate.certificateFile,
    "-noout",
    "-fingerprint",
    "-sha256",
  ]);
  expect(stdout).toContain(certificate.fingerprint);
  desk.faults.set("refuse", { times: 1 });
  expect(await post("hello")).toEqual({ status: 503, text: "busy" });
  desk.faults.set("cut", { times: 1 });
  await expect(post("hello")).rejects.toThrow();
  await until("no connection is left", () => desk.calls.report().connections === 0);
});
