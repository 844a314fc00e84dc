import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { volumeName } from "#agent/drivers/names.ts";
import { runBerth } from "#scheduler/cli/program.ts";
import { SEQUENCE_LEAP } from "#scheduler/ledger/sqlite-replace.ts";
import type { BerthClient, SeenVolume } from "#test/kit/berth-client.ts";
import { untilBooksBalance } from "#test/kit/books.ts";
import { fake, file, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import type { HaInstallation, Scheduler } from "#test/kit/ha-installation.ts";
import { insist, startHa } from "#test/kit/ha-users.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { RecordingTerminal } from "#test/kit/recording-terminal.ts";
import { Stream } from "#test/kit/stream.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { until } from "#test/kit/until.ts";
import { untilGone, untilStatus } from "#test/kit/volumes.ts";

const TEST_BOUND_MS = 90_000;
const HOUR_MS = 3_600_000;

type Environment = Readonly<Record<string, string>>;

async function berth(env: Environment, ...argv: string[]) {
  const terminal = new RecordingTerminal({ env: { BERTH_PROJECT: "tests", USER: "ann", ...env } });
  const exitCode = await runBerth(argv, terminal);
  return { exitCode, out: terminal.outText, err: terminal.errText };
}

/** Image files, for they stay when all programs and the ledger are gone. */
async function withImages(settings: Environment = {}): Promise<HaInstallation> {
  return await startHa({
    catalogue: (folder) => goldCatalogue(["north"], file("images", folder)),
    schedulers: 2,
    settings,
  });
}

/** One that hands on: what works there works everywhere. */
async function standby(installation: HaInstallation): Promise<Scheduler> {
  const leader = await installation.leader();
  const found = installation.schedulers.find((scheduler) => scheduler !== leader);
  if (found === undefined) throw new Error("there is one scheduler only");
  return found;
}

async function available(client: BerthClient, name: string, size = 1): Promise<string> {
  const { id } = await insist(() => client.createVolume({ name, size }));
  await untilStatus(client, id, "available");
  return id;
}

/** A whole volume with its mark, as a create that nobody awaits leaves it. */
async function plant(images: string, like: string, id: string, ageMs: number): Promise<void> {
  const mark = (await readFile(join(images, `${volumeName(like)}.json`), "utf8")).replaceAll(like, id);
  const path = join(images, `${volumeName(id)}.json`);
  await writeFile(path, mark);
  const when = new Date(Date.now() - ageMs);
  await utimes(path, when, when);
  await writeFile(join(images, volumeName(id)), "");
}

const facts = ({ id, name, size, status, volume_type }: SeenVolume): string =>
  [id, name, size, status, volume_type].join();

const startAll = ({ schedulers }: HaInstallation): void => {
  for (const { program } of schedulers) program.start();
};

async function stopAll({ schedulers }: HaInstallation): Promise<void> {
  await Promise.all(schedulers.map(({ program }) => program.kill("SIGTERM")));
}

describe.skipIf(natsServerMissing() !== null)("with the records on nats-server", { timeout: TEST_BOUND_MS }, () => {
  it("all volumes come back from their marks when nats-server has lost everything", async () => {
    await using installation = await withImages();
    const { client } = await standby(installation);
    for (let n = 0; n < 5; n++) await available(client, `data ${n}`, 1 + n);
    const first = (await client.volumes())[0]?.id ?? "";
    const { id: snapshotId } = await client.createSnapshot(first);
    await untilStatus(client, snapshotId, "available", "snapshot");
    const before = (await client.volumes()).map(facts).sort();

    await stopAll(installation);
    const [nats] = installation.natsServers;
    await nats?.kill("SIGKILL");
    await rm(nats?.storeDir ?? "", { recursive: true });
    await nats?.restart();
    // Their copies of the ledger are there, and must not be believed.
    startAll(installation);
    await installation.ready(1);
    expect(await client.volumes()).toEqual([]);

    const env = { BERTH_API_URL: client.url };
    expect(await berth(env, "audit", "--adopt", "--yes")).toMatchObject({ exitCode: 0, out: "6 are adopted.\n" });
    expect((await client.volumes()).map(facts).sort()).toEqual(before);
    expect((await client.snapshots()).map(({ id, volume_id }) => [id, volume_id])).toEqual([[snapshotId, first]]);
    await client.deleteSnapshot(snapshotId);
    await untilGone(client, "snapshot");
    for (const { id } of await client.volumes()) await client.deleteVolume(id);
    await untilGone(client, "volume");
    await untilBooksBalance({ client, folder: installation.folder });
  });

  it("audit, repair and reset work through any scheduler; only the leader sweeps, whoever that is", async () => {
    await using installation = await withImages({ BERTH_SWEEP_INTERVAL_MS: "300" });
    const images = join(installation.folder, "backends", "images");
    const asked = await standby(installation);
    const { client } = asked;
    const env = { BERTH_API_URL: client.url };
    const kept = await available(client, "kept");
    const old = randomUUID();
    await plant(images, kept, old, 2 * HOUR_MS);
    const audited = await berth(env, "audit", "--json");
    expect(JSON.parse(audited.out)).toMatchObject({ backends: [{ counts: { recorded: 1, orphans: 1 } }] });
    const repaired = await berth(env, "audit", "--repair", "--yes");
    expect([repaired.exitCode, repaired.err]).toEqual([0, ""]);
    await untilBooksBalance({ client, folder: installation.folder });
    const reset = ["volume", "reset", "kept", "--to", "available", "--reason", "a look", "--yes"];
    const { exitCode, err } = await berth(env, ...reset);
    expect([exitCode, err]).toEqual([4, expect.stringContaining("available")]);

    const gone = await available(client, "gone");
    await client.deleteVolume(gone);
    await until("it is deleted", async () => (await client.volume(gone)) === null);
    const sweptBy = (): string[] =>
      installation.schedulers.flatMap(({ program }) =>
        program.logged("found what was deleted", gone).map(() => program.name),
      );
    const leader = await installation.leader();
    await plant(images, kept, gone, 0);
    await untilBooksBalance({ client, folder: installation.folder });
    expect(sweptBy()).toEqual([leader.program.name]);

    // The next leader does it, and the one that steps down does not go on to.
    await leader.program.kill("SIGTERM");
    leader.program.start();
    await until("the standby leads", async () => (await client.health()).role === "leader");
    await installation.ready(1);
    await plant(images, kept, gone, 0);
    await untilBooksBalance({ client, folder: installation.folder });
    expect(sweptBy().sort()).toEqual([leader.program.name, asked.program.name].sort());
  });

  it("a backup is made while all goes on, and comes back on nats-server as well as in a file", async () => {
    await using installation = await startHa({
      catalogue: () => goldCatalogue(["north"], fake("store", { capacity_gib: 10_000 })),
      schedulers: 2,
    });
    const { client } = await standby(installation);
    const kept = await available(client, "kept");
    const folder = temporaryFolder();
    const backup = join(folder, "monday.berth");
    {
      await using stream = new Stream(client, 4, ["north"]);
      await stream.goesOnBy(20);
      const made = await berth({ BERTH_API_URL: client.url }, "backup", backup);
      expect([made.exitCode, made.out]).toEqual([0, expect.stringMatching(/^sealing key +NOT in it$/m)]);
      await stream.goesOnBy(20);
      await stream.end();
    }
    const later = await available(client, "made after the backup");
    await stopAll(installation);

    // What is on nats-server goes to a place of its own, and the backup in its stead.
    const env = { BERTH_NATS_URL: installation.natsServers[0]?.url ?? "", BERTH_LEASE_MS: "1000" };
    const key = join(installation.folder, "secret.key");
    const place = async (name: string): Promise<Environment> => {
      const data = join(folder, name);
      await mkdir(data);
      return { ...env, BERTH_DATA: data, BERTH_SECRET_KEY_FILE: key };
    };
    const aside = await place("aside");
    const restored = await place("restored");
    expect(await berth(restored, "restore", backup)).toMatchObject({ exitCode: 0 });
    const early = await berth(restored, "ledger", "move", "--to", "nats");
    expect(early).toMatchObject({ exitCode: 4, err: expect.stringContaining("holds records already") });
    expect(await berth(aside, "ledger", "move", "--to", "embedded")).toMatchObject({ exitCode: 0 });
    expect(await readdir(aside.BERTH_DATA ?? "")).toContain("ledger.sqlite");
    expect(await berth(restored, "ledger", "move", "--to", "nats")).toMatchObject({ exitCode: 0 });

    startAll(installation);
    await installation.ready(1);
    expect((await client.health()).ledgerSeq).toBeGreaterThan(SEQUENCE_LEAP);
    expect((await client.volume(kept))?.status).toBe("available");
    expect(await client.volume(later)).toBeNull();
    // It is a ledger to work with: what had been under way in the backup comes to its end.
    await until("nothing passes", async () =>
      (await client.volumes()).every(({ status }) => ["available", "error"].includes(status)),
    );
    const found = await berth({ BERTH_API_URL: client.url }, "audit", "--json");
    expect(found.exitCode).toBe(0);
    for (const { id } of await client.volumes()) await client.deleteVolume(id);
    await untilGone(client, "volume");
    await using stream = new Stream(installation.client, 2, ["north"]);
    await stream.goesOnBy(10);
    await stream.end();
  });
});
