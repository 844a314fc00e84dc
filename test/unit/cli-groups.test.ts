import { afterAll, beforeAll, expect, test } from "vitest";
import { setAdmission } from "#scheduler/catalogue/edits.ts";
import { runBerth } from "#scheduler/cli/program.ts";
import type { Admission } from "#shared/model/catalogue.ts";
import { type ApiStand, DONE, openApiStand } from "#test/kit/api-stand.ts";
import { RecordingTerminal } from "#test/kit/recording-terminal.ts";

let stand: ApiStand;
let url = "";
beforeAll(async () => {
  stand = await openApiStand();
  url = await stand.api.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => stand.api.close());

async function berth(...argv: string[]): Promise<{ exitCode: number; out: string; err: string }> {
  const terminal = new RecordingTerminal({ env: { BERTH_API_URL: url } });
  const exitCode = await runBerth(argv, terminal);
  return { exitCode, out: terminal.outText, err: terminal.errText };
}

/** The document on stdout of a command that must succeed. */
async function json(...argv: string[]): Promise<unknown> {
  const { exitCode, out, err } = await berth(...argv, "--json");
  expect([exitCode, err], argv.join(" ")).toEqual([0, ""]);
  return JSON.parse(out);
}

test("the life of a group", async () => {
  for (const name of ["data", "log"])
    await json("volume", "create", "--flavor", "gold", "--size", "1", "--name", name, "--wait");
  expect(await json("group", "create", "--flavor", "gold", "--name", "db")).toMatchObject({
    group: { name: "db", status: "available", volumeIds: [] },
  });
  expect(await json("group", "update", "db", "--add-volume", "data", "--add-volume", "log")).toMatchObject({
    group: { volumeIds: [expect.any(String), expect.any(String)] },
  });
  expect(await json("group-snapshot", "create", "db", "--name", "before", "--wait")).toMatchObject({
    groupSnapshot: { name: "before", status: "available" },
  });
  expect(await json("group-snapshot", "list", "--group", "db")).toMatchObject({ groupSnapshots: [{ name: "before" }] });
  expect(await json("group", "create", "--from-snapshot", "before", "--name", "copy", "--wait")).toMatchObject({
    group: { name: "copy", status: "available", volumeIds: [expect.any(String), expect.any(String)] },
  });
  const listed = await berth("group", "list");
  expect(listed.out).toMatch(/copy +available +2 /);
  expect((await berth("group", "show", "db")).out).toMatch(/name +db/);
  expect((await berth("group-snapshot", "show", "before")).out).toMatch(/status +available/);

  const refused = await berth("group", "delete", "db", "--delete-volumes");
  expect([refused.exitCode, refused.err]).toEqual([
    expect.any(Number),
    expect.stringContaining("still has group snapshot"),
  ]);
  expect(refused.exitCode).not.toBe(0);
  expect(await json("group-snapshot", "delete", "before", "--wait")).toMatchObject({ deleted: expect.any(String) });
  expect(await json("group", "update", "db", "--remove-volume", "log")).toMatchObject({
    group: { volumeIds: [expect.any(String)] },
  });
  for (const name of ["db", "copy"]) await json("group", "delete", name, "--delete-volumes", "--wait");
  expect(await json("group", "list")).toEqual({ groups: [] });
  expect(await json("volume", "list")).toMatchObject({ volumes: [{ name: "log" }] });
});

test("a volume is made in a group, beside its others; the group is put right by hand", async () => {
  await json("group", "create", "--flavor", "gold", "--type", "default_cgsnapshot_type", "--name", "web");
  const asked = ["--flavor", "gold", "--size", "1", "--group", "web"];
  await json("volume", "create", ...asked, "--name", "front", "--wait");
  expect((await berth("volume", "create", ...asked, "--dry-run")).exitCode).toBe(0);
  const admit = (admission: Admission) =>
    stand.engine.submit(
      "catalogue.changed",
      setAdmission(stand.state.catalogue.catalogue, { backendId: 1, admission }),
    );
  await admit({ state: "disabled", reason: "full" });
  const refused = await berth("volume", "create", ...asked, "--dry-run");
  expect([refused.exitCode, refused.out]).toEqual([1, expect.stringContaining("group")]);
  await admit({ state: "enabled" });
  expect(await json("group", "show", "web")).toMatchObject({ group: { volumeIds: [expect.any(String)] } });
  expect(await json("group", "reset", "web", "--to", "error")).toMatchObject({ group: { status: "error" } });
  expect(await json("group", "reset", "web", "--to", "available")).toMatchObject({ group: { status: "available" } });
  await json("group", "delete", "web", "--delete-volumes", "--wait");
});

test("a group snapshot that could not be taken says why", async () => {
  await json("volume", "create", "--flavor", "gold", "--size", "1", "--name", "busy", "--wait");
  await json("group", "create", "--flavor", "gold", "--name", "writes");
  await json("group", "update", "writes", "--add-volume", "busy");
  stand.agent = (job) =>
    job.operation.kind === "group-snapshot.create" ? { outcome: "not-done", message: "somebody writes" } : DONE;
  const failed = await berth("group-snapshot", "create", "writes", "--wait");
  expect([failed.exitCode, failed.err]).toEqual([1, expect.stringContaining("ended in error: somebody writes")]);
  stand.agent = () => DONE;
});

test("a volume goes back to its newest snapshot", async () => {
  await json("volume", "create", "--flavor", "gold", "--size", "1", "--name", "disk", "--wait");
  await json("snapshot", "create", "disk", "--name", "then", "--wait");
  expect(await json("volume", "revert", "disk", "then", "--wait")).toMatchObject({ volume: { status: "available" } });
});

test("what cannot be meant is refused before anything is asked", async () => {
  for (const argv of [
    ["group", "create"],
    ["group", "create", "--flavor", "gold", "--from-group", "x"],
    ["group", "update", "x"],
  ])
    expect((await berth(...argv)).exitCode, argv.join(" ")).not.toBe(0);
});
