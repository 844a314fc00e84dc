import { afterEach, beforeEach, expect, test } from "vitest";
import { runBerth } from "#scheduler/cli/program.ts";
import { followEvacuations } from "#scheduler/dispatch/evacuator.ts";
import { type ApiStand, DONE, openApiStand } from "#test/kit/api-stand.ts";
import { RecordingTerminal } from "#test/kit/recording-terminal.ts";

let stand: ApiStand;
let url = "";
let ticker: NodeJS.Timeout;
beforeEach(async () => {
  stand = await openApiStand();
  url = await stand.api.listen({ host: "127.0.0.1", port: 0 });
  followEvacuations(stand.engine, stand.sealingKey, stand.log);
  ticker = setInterval(() => void stand.engine.submit("tick", {}), 20);
});
afterEach(() => {
  clearInterval(ticker);
  return stand.api.close();
});

async function berth(...argv: string[]): Promise<{ exitCode: number; out: string; err: string }> {
  const terminal = new RecordingTerminal({ env: { BERTH_API_URL: url } });
  const exitCode = await runBerth(argv, terminal);
  return { exitCode, out: terminal.outText, err: terminal.errText };
}

async function json(...argv: string[]): Promise<unknown> {
  const { exitCode, out, err } = await berth(...argv, "--json");
  expect([exitCode, err], argv.join(" ")).toEqual([0, ""]);
  return JSON.parse(out);
}

test("a backend is drained of its volumes, and then it can be removed", async () => {
  for (const name of ["one", "two", "three"]) await json("volume", "create", "--size", "1", "--name", name, "--wait");
  const drain = ["backend", "drain", "store-1", "--reason", "old", "--migrate", "--at-once", "1", "--wait"];
  expect(await json(...drain)).toMatchObject({
    evacuation: { admission: "draining", left: 0, evacuation: { moved: 3, atOnce: 1, endedAt: expect.any(String) } },
  });
  for (const name of ["one", "two", "three"])
    expect((await berth("volume", "show", name)).out, name).toMatch(/backend +store-2/);
  expect((await berth("backend", "history", "store-1")).out).toMatch(/backend\.evacuate +.*3 volumes moved away/);
  expect((await berth("backend", "remove", "store-1")).exitCode).toBe(0);
});

test("what stays is told, with why; the exit code says that it is not empty", async () => {
  for (const name of ["keeps", "goes"]) await json("volume", "create", "--size", "1", "--name", name, "--wait");
  await json("snapshot", "create", "keeps", "--name", "s", "--wait");
  const failed = await berth("backend", "drain", "store-1", "--reason", "old", "--migrate", "--wait");
  expect([failed.exitCode, failed.err]).toEqual([
    expect.any(Number),
    expect.stringContaining("1 volume could not be moved away from store-1"),
  ]);
  expect(failed.exitCode).not.toBe(0);
  const shown = await berth("backend", "evacuation", "store-1");
  expect(shown.out).toMatch(/moved +1/);
  expect(shown.out).toMatch(/keeps +available +.*snapshot/s);
  expect(await json("backend", "evacuation", "store-1")).toMatchObject({
    evacuation: { left: 1, staying: 1, stayingVolumes: [{ name: "keeps", code: "E_HAS_DEPENDENTS" }] },
  });
});

test("it is watched while it goes on, and a backend that is enabled again ends it", async () => {
  await json("volume", "create", "--size", "1", "--name", "slow", "--wait");
  stand.agent = (job) => (job.operation.kind === "volume.copy" ? null : DONE);
  await json("backend", "drain", "store-1", "--reason", "old", "--migrate");
  await expect
    .poll(async () => (await berth("backend", "evacuation", "store-1")).out)
    .toMatch(/slow +copying to store-2/);
  expect((await berth("backend", "evacuation", "store-1")).err).toContain("--wait");
  await json("backend", "enable", "store-1");
  await expect.poll(async () => (await berth("backend", "evacuation", "store-1")).out).toMatch(/ended/);
  stand.agent = () => DONE;
});

test.each([
  [["backend", "drain", "store-1", "--reason", "x", "--wait"], "go with --migrate"],
  [["backend", "drain", "store-1", "--reason", "x", "--migrate", "--at-once", "0"], "atOnce"],
  [["backend", "drain", "store-1", "--reason", "x", "--migrate", "--at-once", "many"], "--at-once"],
])("%j is refused", async (argv, words) => {
  const { exitCode, err } = await berth(...argv);
  expect(exitCode).not.toBe(0);
  expect(err).toContain(words);
});
