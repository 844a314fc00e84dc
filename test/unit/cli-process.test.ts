import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

const MAIN = fileURLToPath(import.meta.resolve("#scheduler/cli/main.ts"));

function start(...argv: readonly string[]): ChildProcessByStdio<null, Readable, Readable> {
  const child = spawn(process.execPath, [MAIN, ...argv], {
    env: { XDG_CACHE_HOME: temporaryFolder() },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

async function ended(child: ChildProcessByStdio<null, Readable, Readable>) {
  const closed = once(child, "close");
  const [out, err] = await Promise.all(
    [child.stdout, child.stderr].map(async (stream) => (await stream.setEncoding("utf8").toArray()).join("")),
  );
  await closed;
  return { exitCode: child.exitCode, out, err };
}

test("the process ends with the command's exit code, results on stdout and errors on stderr", async () => {
  expect(await ended(start("--version"))).toEqual({
    exitCode: 0,
    out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    err: "",
  });
  expect(await ended(start("volum"))).toEqual({
    exitCode: 2,
    out: "",
    err: expect.stringContaining("did you mean volume?"),
  });
});

test("a reader that goes away early is no fault", async () => {
  const child = start("--help");
  child.stdout.destroy();
  const errors = child.stderr.setEncoding("utf8").toArray();
  const [exitCode] = await once(child, "close");
  expect([exitCode, (await errors).join("")]).toEqual([0, ""]);
});
