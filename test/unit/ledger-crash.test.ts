import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { openSqliteLedger } from "#scheduler/ledger/sqlite.ts";
import { uuid } from "#test/kit/records.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

const COMMITTER = join(import.meta.dirname, "ledger-committer.ts");

test("what was acknowledged before kill -9 is there afterwards, and no commit is half there", {
  timeout: 60_000,
}, async () => {
  const path = join(temporaryFolder(), "ledger.sqlite");
  let acknowledged = 0;
  for (const commits of [1, 7, 40, 200, 900]) {
    acknowledged = await commitThenKill(path, commits);
    const ledger = await openSqliteLedger(path);
    const { seq, changes } = await ledger.load();
    const records = [...changes];
    await ledger.close();

    expect(seq).toBeGreaterThanOrEqual(acknowledged);
    const volumes = records.filter((change) => change.kind === "volume");
    expect(volumes.map((change) => change.id).sort()).toEqual(Array.from({ length: seq + 1 }, (_, n) => uuid(n)));
    expect(volumes.find((change) => change.id === uuid(0))?.record?.name).toBe(String(seq));
    expect(records.filter((change) => change.kind === "job").map((change) => change.id)).toEqual([`job-${seq}`]);
  }
});

/** Runs the committer for so many commits, kills it in the middle of the next ones; returns the last it acknowledged. */
async function commitThenKill(path: string, commits: number): Promise<number> {
  const child: ChildProcess = spawn(process.execPath, [COMMITTER, path], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  if (child.stdout === null) throw new Error("the committer has no stdout");
  const closed = once(child, "close");
  let count = 0;
  let last = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line);
    count += 1;
    if (count === commits) child.kill("SIGKILL");
  }
  await closed;
  if (count < commits) throw new Error(`the committer ended by itself after ${count} commits`);
  return last;
}
