import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runBerth } from "#scheduler/cli/program.ts";
import { gibToBytes } from "#shared/units.ts";
import { type ApiStand, DONE, openApiStand } from "#test/kit/api-stand.ts";
import { RecordingTerminal } from "#test/kit/recording-terminal.ts";

/** Every command against the real API and core; only the agents are pretended. */

let stand: ApiStand;
let url = "";

beforeAll(async () => {
  stand = await openApiStand();
  url = await stand.api.listen({ host: "127.0.0.1", port: 0 });
});

afterAll(async () => {
  await stand.api.close();
});

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

describe("the life of a volume", () => {
  test("create, show, list, extend, explain, delete", async () => {
    const create = await json(
      "volume",
      "create",
      "--flavor",
      "gold",
      "--size",
      "10",
      "--zone",
      "north",
      "--name",
      "data",
      "--wait",
    );
    expect(create).toMatchObject({
      volume: { name: "data", status: "available", sizeGib: 10, flavor: "gold", zone: "north", backend: "store-1" },
    });
    expect(await json("volume", "show", "data")).toEqual(create);
    expect(await json("volume", "list", "--name", "data", "--status", "available")).toMatchObject({
      volumes: [{ name: "data" }],
    });
    expect(await json("volume", "extend", "data", "--size", "12", "--wait")).toMatchObject({ volume: { sizeGib: 12 } });
    const explained = await berth("volume", "explain", "data");
    expect(explained.exitCode).toBe(0);
    expect(explained.out).toMatch(
      /ORDER +BACKEND +VERDICT +NEEDED +AVAILABLE +REPORT +WHY\n +1 +store-1 +✔ fits +10 GiB +100 GiB +.*available = /,
    );
    expect(explained.out).toContain("Placed on store-1, the first that fits; those behind it were not looked at.");
    expect((await berth("volume", "delete", "data", "--wait")).out).toMatch(/^Volume [0-9a-f-]{36} is deleted\.\n$/);
    expect((await berth("volume", "show", "data")).exitCode).toBe(3);
  });

  test("connect gives what the host needs, the secret with it; disconnect takes it away", async () => {
    await json("volume", "create", "--size", "1", "--name", "attached", "--wait");
    const connected = await json(
      "volume",
      "connect",
      "attached",
      "--initiator",
      "iqn.2026-01.test.host:a",
      "--host",
      "a",
    );
    expect(connected).toMatchObject({
      driverVolumeType: "iscsi",
      data: { target_lun: 1, auth_password: expect.stringMatching(/^[A-Za-z0-9]{12,}$/) },
    });
    expect(await json("volume", "show", "attached")).toMatchObject({ volume: { attachments: [{ host: "a" }] } });
    expect((await berth("volume", "delete", "attached")).exitCode).toBe(4);
    expect((await berth("volume", "disconnect", "attached")).exitCode).toBe(0);
    expect((await berth("volume", "delete", "attached", "--wait")).exitCode).toBe(0);
  });

  test("snapshots, and volumes with their data", async () => {
    await json("volume", "create", "--size", "2", "--name", "source", "--wait");
    const snapshot = await json("snapshot", "create", "source", "--name", "before", "--wait");
    expect(snapshot).toMatchObject({ snapshot: { name: "before", status: "available", sizeGib: 2 } });
    expect(await json("snapshot", "show", "before")).toEqual(snapshot);
    expect(await json("snapshot", "list", "--volume", "source")).toMatchObject({ snapshots: [{ name: "before" }] });
    expect(await json("volume", "create", "--from-snapshot", "before", "--name", "restored", "--wait")).toMatchObject({
      volume: { status: "available", sizeGib: 2, snapshotId: expect.any(String) },
    });
    expect(await json("volume", "create", "--from-volume", "source", "--name", "cloned", "--wait")).toMatchObject({
      volume: { status: "available", sourceVolumeId: expect.any(String) },
    });
    expect((await berth("volume", "delete", "source")).exitCode).toBe(4);
    expect((await berth("snapshot", "delete", "before", "--wait")).exitCode).toBe(0);
    for (const name of ["source", "restored", "cloned"])
      expect((await berth("volume", "delete", name, "--wait")).exitCode).toBe(0);
  });

  test("one idempotency key is one volume; with another request it is a conflict", async () => {
    const argv = ["volume", "create", "--idempotency-key", "once", "-q"];
    const first = await berth(...argv, "--size", "1");
    expect(await berth(...argv, "--size", "1")).toEqual(first);
    expect((await berth(...argv, "--size", "2")).exitCode).toBe(4);
    expect((await berth("volume", "delete", first.out.trim(), "--wait")).exitCode).toBe(0);
  });
});

describe("nothing fits", () => {
  test("a dry run says why, makes nothing and ends with 1", async () => {
    await stand.report(1);
    const before = await json("volume", "list");
    const { exitCode, out, err } = await berth("volume", "create", "--size", "5000", "--zone", "north", "--dry-run");
    expect(exitCode).toBe(1);
    expect(out).toMatch(/1 +store-1 +✘ not-enough-free +5000 GiB +100 GiB/);
    expect(out).toMatch(/3 +store-3 +✘ wrong-zone/);
    expect(err).toContain("store-1: not-enough-free, store-2: not-enough-free, store-3: wrong-zone");
    expect(err).toContain("(E_NO_PLACEMENT)");
    expect(await json("volume", "list")).toEqual(before);
  });

  test("the real one with --wait ends with 1 and the same reasons", async () => {
    const { exitCode, err } = await berth("volume", "create", "--size", "5000", "--name", "huge", "--wait");
    expect(exitCode).toBe(1);
    expect(err).toContain("volume huge ended in error: no backend of flavor gold fits (store-1: not-enough-free");
    expect(err).toContain("Next: See `berth volume explain huge`.");
    expect((await berth("volume", "explain", "huge")).out).toContain("No backend fits.");
    expect((await berth("volume", "delete", "huge", "--wait")).exitCode).toBe(0);
  });

  test("a backend's own failure is told in its words", async () => {
    const usual = stand.agent;
    stand.agent = (job) =>
      job.operation.kind === "snapshot.create" ? { outcome: "not-done", message: "no" } : usual(job);
    await json("volume", "create", "--size", "1", "--name", "unlucky", "--wait");
    const { exitCode, err } = await berth("snapshot", "create", "unlucky", "--name", "s", "--wait");
    expect(exitCode).toBe(1);
    expect(err).toContain("snapshot s ended in error");
    stand.agent = usual;
    expect((await berth("snapshot", "delete", "s", "--wait")).exitCode).toBe(0);
    expect((await berth("volume", "delete", "unlucky", "--wait")).exitCode).toBe(0);
  });
});

describe("the operator's catalogue", () => {
  test("zones", async () => {
    expect(await json("zone", "create", "west", "The west")).toMatchObject({
      zone: { name: "west", description: "The west" },
    });
    expect((await berth("zone", "list", "-q")).out).toBe("north\nsouth\nwest\n");
    expect((await berth("zone", "delete", "north")).exitCode).toBe(4);
    expect((await berth("zone", "delete", "west")).exitCode).toBe(0);
    expect((await berth("zone", "delete", "west")).exitCode).toBe(3);
  });

  test("flavors and their order", async () => {
    await json("flavor", "create", "bronze", 'a "third"');
    expect((await berth("flavor", "create", "bronze")).exitCode).toBe(4);
    await json("backend", "join", "store-1", "bronze");
    await json("backend", "join", "2", "bronze");
    await json("backend", "join", "3", "bronze", "--position", "0");
    const ids = (answer: unknown): string =>
      JSON.stringify(answer)
        .match(/"id":\d+/g)
        ?.join() ?? "";
    expect(ids(await json("flavor", "show", "bronze"))).toBe('"id":3,"id":1,"id":2');
    expect(ids(await json("flavor", "order", "bronze", "store-2", "1"))).toBe('"id":2,"id":1,"id":3');
    expect(ids(await json("flavor", "order", "bronze", "3"))).toBe('"id":3,"id":2,"id":1');
    await json("backend", "leave", "2", "bronze");
    expect((await berth("flavor", "order", "bronze", "2")).err).toContain(
      "Next: Put it there with `berth backend join 2 bronze`.",
    );
    expect((await berth("flavor", "default", "bronze")).out).toBe("The default flavor is bronze.\n");
    expect(await json("flavor", "default", "--none")).toEqual({ defaultFlavor: null });
    expect(await json("flavor", "default", "gold")).toEqual({ defaultFlavor: "gold" });
    expect((await berth("flavor", "default", "-q")).out).toBe("gold\n");
    expect((await berth("flavor", "show", "bronz")).err).toContain("did you mean bronze?");
    expect((await berth("flavor", "delete", "bronze")).exitCode).toBe(0);
  });

  test("backends: add, change, take out", async () => {
    const added = await json(
      "backend",
      "add",
      "silver",
      "fake",
      "name_label=toybox",
      "capacity_gib=5",
      "max_concurrent=3",
      "--zone",
      "south",
    );
    expect(added).toMatchObject({
      backend: {
        name: "toybox",
        zone: "south",
        flavors: ["silver"],
        settings: { maxConcurrent: 3 },
        parameters: { capacity_gib: 5 },
      },
    });
    expect(
      await json("backend", "add", "--no-flavor", "fake", "capacity_gib=1", "--zone", "north", "--name", "lonely"),
    ).toMatchObject({
      backend: { name: "lonely", flavors: [] },
    });
    expect(await json("backend", "set", "toybox", "reserved_percentage=5", "report_max_age_s=30")).toMatchObject({
      backend: { settings: { maxConcurrent: 3, reservedPercentage: 5, reportMaxAgeMs: 30_000 } },
    });
    expect(await json("backend", "disable", "toybox", "--reason", "firmware")).toMatchObject({
      backend: { admission: { state: "disabled", reason: "firmware" } },
    });
    expect((await berth("volume", "create", "--flavor", "silver", "--size", "200", "--dry-run")).out).toContain(
      "is disabled: firmware",
    );
    expect(await json("backend", "drain", "toybox", "--reason", "old")).toMatchObject({
      backend: { admission: { state: "draining" } },
    });
    expect(await json("backend", "enable", "toybox")).toMatchObject({ backend: { admission: { state: "enabled" } } });
    expect((await berth("backend", "list", "--zone", "south", "--flavor", "silver", "-q")).out).toBe("3\n4\n");
    expect((await berth("backend", "remove", "toybox")).exitCode).toBe(0);
    expect((await berth("backend", "delete", "lonely")).exitCode).toBe(0);
    expect((await berth("backend", "remove", "99")).exitCode).toBe(3);
  });

  test("all faults of a backend at once, a secret only by reference, and what is not built yet", async () => {
    const wrong = await berth("backend", "add", "gold", "file", "pth=/x", "--zone", "north");
    expect(wrong.exitCode).toBe(2);
    expect(wrong.err).toContain("did you mean path?");
    expect(wrong.err).toContain("capacity_gib");
    const secret = await berth(
      "backend",
      "add",
      "gold",
      "fake",
      "capacity_gib=1",
      "password=hunter2",
      "--zone",
      "north",
    );
    expect(secret.exitCode).toBe(2);
    expect(secret.err).toContain("never the secret itself");
    expect(secret.err + secret.out).not.toContain("hunter2");
    expect(await berth("backend", "add", "gold", "vmax", "name_label=toybox", "--zone", "north")).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining("not built yet"),
    });
  });

  test("refresh measures now; the view hides secrets", async () => {
    stand.measured.length = 0;
    const { out } = await berth("backend", "show", "store-1", "--refresh");
    expect(stand.measured).toEqual([1]);
    expect(out).toMatch(/^health +up$/m);
    expect(out).toMatch(/^parameters +capacity_gib=100 password=file:\[hidden\]$/m);
  });

  test("what a zone's backends share is set by words", async () => {
    const words = ["xenapi_url=https://xen1", "xenapi_user=root", "xenapi_password=file:/etc/berth/xen"];
    const { out } = await berth("zone", "set", "north", ...words);
    expect(out).toMatch(/^xenapi_url=https:\/\/xen1$/m);
    expect(out).not.toContain("/etc/berth/xen");
    expect((await berth("zone", "set", "north")).exitCode).toBe(2);
    expect((await berth("zone", "set", "north", "xenapi_password=hunter2")).err).not.toContain("hunter2");
    const away = words.map((word) => `${word.split("=")[0]}=`);
    expect((await berth("zone", "set", "north", ...away, "--json")).out).not.toContain("settings");
  });

  test("types, and the parameters of one", async () => {
    expect((await berth("backend", "types")).out).toMatch(/^vmax +not yet +EMC VMAX/m);
    expect((await berth("backend", "types", "file")).out).toMatch(/^path +yes +string +absolute folder/m);
    expect((await berth("backend", "types", "vmax")).out).toContain("Known, but not built yet.");
    expect((await berth("backend", "types", "fil")).err).toContain("did you mean file?");
  });

  test("the old spelling is the same code", async () => {
    await json("sm", "flavor_create", "tin", "Not all that glitters");
    expect(
      await json("sm", "backend_add", "tin", "fake", "capacity_gib=5", "--zone", "south", "--name", "old"),
    ).toMatchObject({
      backend: { flavors: ["tin"] },
    });
    expect(await json("sm", "flavor_list")).toEqual(await json("flavor", "list"));
    expect((await berth("sm", "backend_list", "-q")).out).toBe((await berth("backend", "list", "-q")).out);
    expect((await berth("sm", "backend_remove", "old")).exitCode).toBe(0);
    await json("sm", "backend_add", "tin", "fake", "capacity_gib=5", "--zone", "south", "--name", "older");
    expect((await berth("sm", "backend_delete", "older")).exitCode).toBe(0);
    expect((await berth("sm", "flavor_delete", "tin")).exitCode).toBe(0);
  });
});

test("status and agents show health, capacity and report age", async () => {
  await stand.report(2, { freeBytes: gibToBytes(7) });
  expect((await berth("agent", "list", "--zone", "north")).out).toMatch(
    /^agent-north +north +up +.* ago +0 +host-1 +4242 +2 of 2 open$/m,
  );
  const { exitCode, out } = await berth("status");
  expect(exitCode).toBe(0);
  for (const title of ["Zones", "Agents", "Backends"]) expect(out).toContain(`\n\n${title}\n`);
  expect(out).toMatch(/^ +2 +store-2 +fake +north +enabled +up +7 GiB +100 GiB/m);
  stand.agent = () => DONE;
});
