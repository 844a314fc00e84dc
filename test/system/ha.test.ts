import { execFile } from "node:child_process";
import { copyFile, readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { leaseCell } from "#scheduler/leadership/shared-cells.ts";
import { JetStreamLedger } from "#scheduler/ledger/jetstream.ts";
import { Bus } from "#shared/bus.ts";
import { findProgram } from "#shared/die-with-parent.ts";
import type { BerthClient } from "#test/kit/berth-client.ts";
import { fake, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { type HaInstallation, type HaOptions, LEASE_MS } from "#test/kit/ha-installation.ts";
import { expectNothingLost, GOES_ON_BOUND_MS, insist, secondsUntilAnswered, startHa } from "#test/kit/ha-users.ts";
import { quietLog } from "#test/kit/nats-ledgers.ts";
import { natsServerMissing, startNatsServer } from "#test/kit/nats-server.ts";
import { Stream } from "#test/kit/stream.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { until } from "#test/kit/until.ts";

const DEPLOY = resolve(import.meta.dirname, "../../deploy");
const TEST_BOUND_MS = 60_000;
const USERS = 4;

async function started(options: Partial<HaOptions> = {}): Promise<HaInstallation> {
  return await startHa({
    catalogue: () => goldCatalogue(["north"], fake("slow", { slow_ms: 20, capacity_gib: 10_000 })),
    ...options,
  });
}

describe.skipIf(natsServerMissing() !== null)("several schedulers", { timeout: TEST_BOUND_MS }, () => {
  it("kill -9 of the leader: another leads within seconds, and no accepted request is lost or doubled", async () => {
    await using berth = await started();
    await using stream = new Stream(berth.client, USERS, ["north"]);
    await stream.goesOnBy(20);
    const killed = await berth.leader();
    await killed.program.kill("SIGKILL");
    const seconds = await secondsUntilAnswered(stream, 1);
    console.info(`writes went on ${seconds.toFixed(1)} s after the leader's kill -9`);
    expect(seconds * 1000).toBeLessThan(GOES_ON_BOUND_MS);
    await stream.goesOnBy(20);

    // It comes back as a standby, and its own copy of the ledger is brought along.
    killed.program.start();
    await until("the killed one follows", async () => {
      const { role, lagCommits } = await killed.client.health();
      return role === "standby" && lagCommits < 50;
    });
    // And leads again when the others are gone.
    for (const { program } of berth.schedulers) if (program !== killed.program) await program.kill("SIGTERM");
    expect((await berth.leader()).program.name).toBe(killed.program.name);
    await stream.goesOnBy(10);
    await expectNothingLost(berth, await stream.end());
  });

  it("a leader that was paused longer than its lease steps down when it wakes, and writes nothing", async () => {
    await using berth = await started();
    await using stream = new Stream(berth.client, USERS, ["north"]);
    await stream.goesOnBy(20);
    const paused = await berth.leader();
    paused.program.signal("SIGSTOP");
    const running = berth.schedulers.filter((scheduler) => scheduler !== paused);
    await until("another leads", async () => {
      const roles = await Promise.all(running.map(async ({ client }) => (await client.health()).role));
      return roles.includes("leader");
    });
    await pause(LEASE_MS);
    paused.program.signal("SIGCONT");
    // What it had under way when it was stopped, and what it is asked now, is refused or handed on.
    await until("it follows", async () => (await paused.client.health()).role === "standby");
    expect(paused.program.logged("not leading any more")).toHaveLength(1);
    expect((await berth.leader()).program.name).not.toBe(paused.program.name);
    await stream.goesOnBy(20);
    await expectNothingLost(berth, await stream.end());
  });

  it("any of them answers: a standby hands on, and says what it is", async () => {
    await using berth = await started({ schedulers: 2 });
    const leader = await berth.leader();
    const standby = berth.schedulers.find((scheduler) => scheduler !== leader)?.client ?? leader.client;
    const key = { "idempotency-key": "one-and-the-same" };
    const create = (client: BerthClient) => insist(() => client.createVolume({ name: "by the standby" }, key));
    const made = await create(standby);
    expect((await create(leader.client)).id).toBe(made.id);
    expect((await leader.client.explain(made.id)).rounds).toEqual((await standby.explain(made.id)).rounds);
    expect(await standby.health()).toMatchObject({ role: "standby", leaderUrl: leader.client.url, agentsUp: 2 });
    await insist(() => standby.createZone("south"));
    await expect(standby.createZone("south")).rejects.toMatchObject({ status: 409 });

    // Key and catalogue outlive the leader. It goes in peace, so another need not wait for the lease to end.
    await leader.program.kill("SIGTERM");
    await until("the standby leads", async () => (await standby.health()).role === "leader");
    expect((await create(standby)).id).toBe(made.id);
    await expect(standby.createZone("south")).rejects.toMatchObject({ status: 409 });
  });

  it("one of three nats-servers is killed, and comes back: work goes on", async () => {
    await using berth = await started({ natsServers: 3, schedulers: 2 });
    await using stream = new Stream(berth.client, USERS, ["north"]);
    await stream.goesOnBy(10);
    // Only one: another may follow once nats-server says that the first has caught up.
    const server = berth.natsServers[Math.floor(Math.random() * berth.natsServers.length)];
    await server?.kill("SIGKILL");
    const seconds = await secondsUntilAnswered(stream, USERS + 1);
    console.info(`writes went on ${seconds.toFixed(1)} s after kill -9 of a nats-server`);
    await stream.goesOnBy(10);
    await server?.restart();
    await stream.goesOnBy(10);
    await expectNothingLost(berth, await stream.end());
    // Standbys have followed through all of it.
    for (const { client } of berth.schedulers)
      await until("all are where the leader is", async () => (await client.health()).lagCommits === 0);
  });

  it("nats-server's configurations for it are valid, and let a scheduler do what it must", async () => {
    const folder = temporaryFolder();
    for (const file of ["ha/nats-server.conf", "nats/zone-users.conf"])
      await copyFile(join(DEPLOY, file), join(folder, basename(file)));
    const environment = settingsIn(await readFile(join(DEPLOY, "ha/nats-server.env"), "utf8"));
    const passwords = settingsIn(await readFile(join(DEPLOY, "examples/nats-server.env"), "utf8"));
    const env = { ...environment, ...passwords };
    const server = findProgram("nats-server") ?? "";
    await promisify(execFile)(server, ["-t", "-c", join(folder, "nats-server.conf")], { env, timeout: 10_000 });

    await using nats = await startNatsServer({ configFile: join(folder, "zone-users.conf"), environment: passwords });
    const credentials = { user: "scheduler", password: passwords.BERTH_NATS_SCHEDULER_PASSWORD ?? "" };
    const bus = await Bus.connect({ url: nats.url, name: "scheduler", log: quietLog, credentials, replicas: 1 });
    const copyPath = join(folder, "copy.sqlite");
    const ledger = await JetStreamLedger.open({ bus, copyPath, schedulerId: "one", log: quietLog });
    await ledger.lead();
    await ledger.commit(1, []);
    await ledger.snapshot();
    const cell = leaseCell(bus);
    await cell.ensure();
    expect(await cell.write(Buffer.from("mine"), 0, 5_000)).toBe(1);
    expect((await cell.read())?.revision).toBe(1);
    await ledger.close();
    await bus.close();
  });
});

/** What a file for systemd's EnvironmentFile sets. */
function settingsIn(text: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => line.includes("=") && !line.startsWith("#"));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1).replaceAll('"', "")]),
  );
}
