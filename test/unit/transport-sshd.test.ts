import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { Credentials } from "#agent/transport/credentials.ts";
import { createSshRunner, type SshRunner, type SshSetting } from "#agent/transport/ssh/runner.ts";
import { dieWithParent, findProgram } from "#shared/die-with-parent.ts";
import { Secret } from "#shared/secret.ts";
import { callContext } from "#test/kit/driver-context.ts";
import { freePort } from "#test/kit/free-port.ts";
import { newSshKeys } from "#test/kit/ssh-keys.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { until } from "#test/kit/until.ts";

const SSHD = findProgram("sshd");
const READ = { changes: false };
/** sshd of root wants this folder, which its service makes when it starts. */
const PRIVILEGES_FOLDER = "/run/sshd";

if (SSHD === null)
  console.warn("skipped: sshd is not installed (sh deploy/install-packages.sh --with-tests installs it)");

/** OpenSSH itself, on a port and with keys of its own, for the user who runs the tests. */
async function startSshd(
  folder: string,
  userKey: string,
): Promise<{ readonly port: number; readonly child: ChildProcess }> {
  const hostKey = join(folder, "host_key");
  writeFileSync(hostKey, newSshKeys().private, { mode: 0o600 });
  const authorized = join(folder, "authorized_keys");
  writeFileSync(authorized, `${userKey}\n`, { mode: 0o600 });
  chmodSync(folder, 0o700);
  if (process.getuid?.() === 0) mkdirSync(PRIVILEGES_FOLDER, { recursive: true, mode: 0o755 });
  const port = await freePort();
  const options = {
    AuthorizedKeysFile: authorized,
    ListenAddress: "127.0.0.1",
    PasswordAuthentication: "no",
    PidFile: "none",
    StrictModes: "no",
    UsePAM: "no",
    MaxStartups: "100",
  };
  const told = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const args = ["-D", "-e", "-f", "/dev/null", "-p", String(port), "-h", hostKey, ...told];
  const line = dieWithParent({ command: SSHD ?? "sshd", args });
  const child = spawn(line.command, line.args, { stdio: ["ignore", "ignore", "pipe"] });
  child.stderr?.resume();
  onTestFinished(async () => {
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  });
  await until("sshd listens", async () => {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    socket.destroy();
    return true;
  });
  return { port, child };
}

describe.skipIf(SSHD === null)("with OpenSSH", () => {
  const keys = newSshKeys();
  let folder: string;
  let port: number;
  beforeEach(async () => {
    folder = temporaryFolder();
    ({ port } = await startSshd(folder, keys.public));
  });

  function open(fields: Partial<SshSetting> = {}): SshRunner {
    const login = { login: userInfo().username, password: null, privateKey: new Secret(keys.private) };
    const runner = createSshRunner(
      {
        host: "127.0.0.1",
        port,
        credentials: new Credentials(async () => login),
        hostKey: null,
        maxConcurrentCalls: 4,
        tries: 1,
        ...fields,
      },
      join(folder, "keys"),
    );
    onTestFinished(() => runner.close());
    return runner;
  }

  test("arguments reach a real shell's program as they were given", async () => {
    const odd = [
      "a b",
      "'",
      `"$HOME"`,
      "`id`",
      "$(id)",
      "*",
      "; exit 3",
      "\\",
      "ü🚢",
      "",
      "-n",
      "a'b'c",
      "!!",
      "~",
      "#",
    ];
    const { stdout } = await open().run(callContext(), ["printf", "%s|", ...odd], READ);
    expect(stdout).toBe(odd.map((one) => `${one}|`).join(""));
  });

  test("exit codes, both outputs and the input are as they should be", async () => {
    const runner = open();
    const failed = runner.run(callContext(), ["sh", "-c", "echo out; echo err >&2; exit 7"], READ);
    await expect(failed).rejects.toMatchObject({ name: "CommandFailed", exitCode: 7, stderr: "err\n" });
    const input = new Secret("a secret");
    expect(await runner.run(callContext(), ["cat"], { ...READ, input })).toMatchObject({ stdout: "a secret" });
    const killed = runner.run(callContext(), ["sh", "-c", "kill -9 $$"], READ);
    await expect(killed).rejects.toMatchObject({ name: "CommandFailed", exitCode: null });
  });

  test("many at once share a few connections", async () => {
    const runner = open();
    const numbers = Array.from({ length: 40 }, (_, n) => String(n));
    const said = await Promise.all(numbers.map((n) => runner.run(callContext(), ["echo", n], READ)));
    expect(said.map(({ stdout }) => stdout.trim())).toEqual(numbers);
  });

  test("another host key than the pinned one is refused", async () => {
    const shown = execFileSync("ssh-keygen", ["-l", "-f", join(folder, "host_key")], { encoding: "utf8" });
    const hostKey = shown.split(" ")[1] ?? "";
    await open({ hostKey }).run(callContext(), ["true"], READ);
    const other = newSshKeys().public;
    await expect(open({ hostKey: other }).run(callContext(), ["true"], READ)).rejects.toThrow("not the pinned");
  });

  test("a login that it does not take is told as that", async () => {
    const privateKey = new Secret(newSshKeys().private);
    const credentials = new Credentials(async () => ({ login: userInfo().username, password: null, privateKey }));
    await expect(open({ credentials }).run(callContext(), ["true"], READ)).rejects.toThrow("does not take the login");
  });
});
