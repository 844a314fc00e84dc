import { readFile, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { Catalogue, EMPTY_CATALOGUE } from "#shared/model/catalogue.ts";
import { parser } from "#shared/schema.ts";
import { berthCommand, type Outcome } from "#test/kit/berth-command.ts";
import { fake, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { until } from "#test/kit/until.ts";
import { untilStatus } from "#test/kit/volumes.ts";

const TEST_BOUND_MS = 120_000;
const catalogues = parser(Catalogue, "catalogue");

/** As an editor does: the file is read, changed and written. */
async function edit({ catalogueFile }: Installation, change: (text: string) => string): Promise<void> {
  await writeFile(catalogueFile, change(await readFile(catalogueFile, "utf8")));
}

async function editCatalogue(berth: Installation, change: (catalogue: Catalogue) => Catalogue): Promise<void> {
  await edit(berth, (text) => `${JSON.stringify(change(catalogues.parse(JSON.parse(text))), null, 2)}\n`);
}

async function names({ client }: Installation): Promise<string[]> {
  return (await client.backends()).map(({ name }) => name);
}

/** Waits until the scheduler has found something wrong with the file, and gives what. */
async function problemOf({ client }: Installation): Promise<string> {
  return await until("the file is found wrong", async () => (await client.health()).catalogueProblem);
}

async function untilNoProblem({ client }: Installation): Promise<void> {
  await until("the file is right again", async () => (await client.health()).catalogueProblem === null);
}

describe.skipIf(natsServerMissing() !== null)("the catalogue's file", { timeout: TEST_BOUND_MS }, () => {
  it("can be edited by hand while all runs: what is right comes into force, agents and all", async () => {
    await using berth = await startInstallation({
      catalogue: () => goldCatalogue(["north"], fake("one")),
      agentsPerZone: 1,
    });
    await editCatalogue(berth, () => goldCatalogue(["north"], fake("one", { full: true }), fake("two")));
    await until("the new backend is up", async () => (await berth.client.backend("two")).health === "up");
    const { id } = await berth.client.createVolume({});
    expect(await untilStatus(berth.client, id, "available")).toMatchObject({
      "os-vol-host-attr:host": expect.stringContaining("two"),
    });
  });

  it("is not believed when it is broken: told with its line, the running one stays, and commands do not write over it", async () => {
    await using berth = await startInstallation({
      catalogue: () => goldCatalogue(["north"], fake("one"), fake("two")),
      agentsPerZone: 1,
    });
    const { client, catalogueFile } = berth;
    const right = await readFile(catalogueFile, "utf8");

    await edit(berth, (text) => text.replace('"nextBackendId": 3,', '"nextBackendId": 3'));
    expect(await problemOf(berth)).toMatch(/catalogue\.json:4:\d+ this is not JSON: comma expected/);
    expect(berth.scheduler.logged("the catalogue file is not in force", "catalogue.json:4:")).toHaveLength(1);
    expect(await client.health()).toMatchObject({ status: "degraded" });
    expect(await names(berth)).toEqual(["one", "two"]);
    const { id } = await client.createVolume({});
    await untilStatus(client, id, "available");

    const refused = await berthCommand(berth, "flavor", "create", "silver");
    expect(refused).toMatchObject({ exitCode: 4, err: expect.stringMatching(/catalogue\.json:4:\d+/) });
    expect(await readFile(catalogueFile, "utf8")).not.toContain("silver");

    const line = right.split("\n").findIndex((text) => text.includes('"name": "two"')) + 1;
    await writeFile(catalogueFile, right.replace('"name": "two"', '"name": "one"'));
    await until("the other fault is found", async () => (await problemOf(berth)).includes(`catalogue.json:${line}:`));
    expect(await problemOf(berth)).toContain("one is taken: another backend has it");

    await writeFile(catalogueFile, right);
    await untilNoProblem(berth);
    expect(await berthCommand(berth, "flavor", "create", "silver")).toMatchObject({ exitCode: 0 });
    expect(await readFile(catalogueFile, "utf8")).toContain('"name": "silver"');
  });

  it("cannot drop what is in use, and can when it no longer is", async () => {
    await using berth = await startInstallation({
      catalogue: () => goldCatalogue(["north"], fake("one"), fake("two")),
      agentsPerZone: 1,
    });
    const { client } = berth;
    const { id } = await client.createVolume({});
    await untilStatus(client, id, "available");
    await editCatalogue(berth, (catalogue) => ({
      ...catalogue,
      backends: catalogue.backends.filter(({ name }) => name !== "one"),
      flavors: catalogue.flavors.map((flavor) => ({ ...flavor, backends: [2] })),
    }));
    expect(await problemOf(berth)).toMatch(
      new RegExp(`catalogue\\.json:\\d+:\\d+ backend 1 \\(one\\) is still used by 1 object: volume ${id}`),
    );
    expect(await names(berth)).toEqual(["one", "two"]);
    // A scheduler that starts with such a file says so and does not serve it.
    expect(await berth.scheduler.kill("SIGTERM")).toBe(0);
    berth.scheduler.start();
    expect(await berth.scheduler.ended()).toBe(1);
    expect(berth.scheduler.logged("drops what is in use", "backend 1")).not.toEqual([]);

    await editCatalogue(berth, () => goldCatalogue(["north"], fake("one"), fake("two")));
    await berth.scheduler.restart();
    await berth.ready();
    await client.deleteVolume(id);
    await until("it is gone", async () => (await client.volume(id)) === null);
    await editCatalogue(berth, (catalogue) => ({
      ...catalogue,
      backends: catalogue.backends.filter(({ name }) => name !== "one"),
      flavors: catalogue.flavors.map((flavor) => ({ ...flavor, backends: [2] })),
    }));
    await until("it is dropped", async () => (await names(berth)).join() === "two");
  });
});

describe.skipIf(natsServerMissing() !== null)("the berth command", { timeout: TEST_BOUND_MS }, () => {
  it("carries an operator through a whole day", async () => {
    await using berth = await startInstallation({ catalogue: () => EMPTY_CATALOGUE });
    const run = (...argv: readonly string[]): Promise<Outcome> => berthCommand(berth, ...argv);
    const done = async (...argv: readonly string[]): Promise<string> => {
      const outcome = await run(...argv);
      expect(outcome, argv.join(" ")).toMatchObject({ exitCode: 0 });
      return outcome.out;
    };
    const refused = async (exitCode: number, text: RegExp, ...argv: readonly string[]): Promise<void> => {
      const outcome = await run(...argv);
      expect(outcome, argv.join(" ")).toMatchObject({ exitCode, out: "", err: expect.stringMatching(text) });
    };

    // Morning: zones, flavors and backends, in new words and old.
    await done("zone", "create", "north", "The first machine room");
    berth.addAgent("north-1", "north");
    await done("flavor", "create", "gold", "Not all that glitters");
    await done("sm", "flavor_create", "silver", "Good enough for most");
    await done("flavor", "default", "gold");
    expect(await done("flavor", "list")).toMatch(/gold.*Not all that glitters/);
    const xen = ["name_label=toybox", "server=myserver", "serverpath=/local/scratch/myname"];
    await Promise.all([
      refused(4, /flavor gold exists already/, "flavor", "create", "gold"),
      refused(1, /vmax \(EMC VMAX .*\) is known but not built yet/, "sm", "backend_add", "gold", "vmax"),
      // A Xen SR needs its zone's pool.
      refused(2, /zone has no xenapi_url.*berth zone set north/, "sm", "backend_add", "gold", "nfs", ...xen),
      refused(2, /floppy does not exist/, "backend", "add", "gold", "floppy"),
      // All faults at once, with the nearest name.
      refused(
        2,
        /capacity_gib must be .*; slowms is not .*slow_ms/,
        ...["backend", "add", "gold", "fake", "capacity_gib=ten", "slowms=5"],
      ),
    ]);
    await done("backend", "add", "gold", "file", `path=${berth.folder}/images`, "capacity_gib=20", "name_label=images");
    await done(...["sm", "backend_add", "gold", "fake", "capacity_gib=100", "--name", "spare"]);
    await done("backend", "join", "spare", "silver");
    await done(
      "backend",
      "add",
      "--no-flavor",
      "fake",
      "capacity_gib=1",
      "password=file:/etc/hostname",
      "--name",
      "vault",
    );
    expect(await done("backend", "show", "vault")).not.toContain("/etc/hostname");
    expect(await done("sm", "backend_list")).toMatch(/images.*spare/s);
    await until("all backends are up", async () => (await berth.client.health()).backendsUp === 3);
    expect(await done("backend", "show", "images", "--refresh")).toContain("20 GiB");
    await done("flavor", "order", "gold", "spare");
    expect(await done("flavor", "show", "gold")).toMatch(/spare.*images/s);
    await done("flavor", "order", "gold", "images");
    const views = await Promise.all([["agent", "list"], ["zone", "list"], ["status"]].map((view) => done(...view)));
    for (const view of views) expect(view).toContain("north");

    // Noon: users come.
    expect(await done("volume", "create", "--size", "2", "--dry-run")).toContain("images");
    await done("volume", "create", "--flavor", "gold", "--size", "2", "--zone", "north", "--name", "data", "--wait");
    expect(await done("volume", "explain", "data")).toMatch(/images.*fits/);
    await done("volume", "extend", "data", "3", "--wait");
    expect(JSON.parse(await done("volume", "show", "data", "--json"))).toMatchObject({
      volume: { status: "available", sizeGib: 3, backend: "images" },
    });
    await done("snapshot", "create", "data", "--name", "before", "--wait");
    await done("volume", "create", "--from-snapshot", "before", "--name", "restored", "--wait");
    await done("volume", "create", "--size", "1", "--flavor", "silver", "--name", "cheap", "--wait");
    expect(await done("volume", "connect", "cheap", "--host", "a")).toContain("auth_password");
    await refused(4, /is in-use/, "volume", "delete", "cheap");
    await done("volume", "disconnect", "cheap", "--host", "a");

    // Evening: nothing that is used can be taken away.
    await Promise.all([
      refused(4, /still used by 3 objects/, "backend", "remove", "images"),
      refused(4, /still used by 3 objects/, "sm", "backend_remove", "1"),
      refused(4, /is the default one/, "flavor", "delete", "gold"),
      refused(4, /still used by 1 object/, "sm", "flavor_delete", "silver"),
      refused(4, /zone north still has backends/, "zone", "delete", "north"),
      refused(4, /still has snapshot/, "volume", "delete", "data"),
      refused(3, /could not be found|no volume/i, "volume", "show", "nobody"),
    ]);
    await done("backend", "disable", "images", "--reason", "firmware update");
    expect(await done("volume", "create", "--size", "2", "--dry-run")).toMatch(/images.*firmware update/);
    await done("backend", "drain", "spare", "--reason", "to be replaced");
    await refused(1, /it would not be placed/, "volume", "create", "--size", "2", "--dry-run", "--quiet");
    await done("backend", "enable", "images");

    await done("snapshot", "delete", "before", "--wait");
    const volumes = ["data", "restored", "cheap"];
    await Promise.all(volumes.map((name) => done("volume", "delete", name, "--wait")));
    for (const words of [
      ["backend", "remove", "1"],
      ["sm", "backend_delete", "2"],
      ["backend", "delete", "vault"],
    ])
      await done(...words);
    await done("flavor", "default", "--none");
    await done("sm", "flavor_delete", "gold");
    await done("flavor", "delete", "silver");
    await done("zone", "delete", "north");
    const left = catalogues.parse(JSON.parse(await readFile(berth.catalogueFile, "utf8")));
    expect(left).toMatchObject({ nextBackendId: 4, backends: [], flavors: [], zones: [] });
  });
});
