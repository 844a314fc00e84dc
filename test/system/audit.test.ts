import { randomUUID } from "node:crypto";
import { readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Type } from "typebox";
import { describe, expect, it } from "vitest";
import { volumeName } from "#agent/drivers/names.ts";
import { AuditAnswer, type BackendAuditView } from "#scheduler/api/operator/audit-schemas.ts";
import { runBerth } from "#scheduler/cli/program.ts";
import { parser } from "#shared/schema.ts";
import { SeenVolume } from "#test/kit/berth-client.ts";
import { untilBooksBalance } from "#test/kit/books.ts";
import { fake, file, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { filesIn } from "#test/kit/image-folder.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { RecordingTerminal } from "#test/kit/recording-terminal.ts";
import { Stream } from "#test/kit/stream.ts";
import { until } from "#test/kit/until.ts";
import { untilGone, untilStatus } from "#test/kit/volumes.ts";

const TEST_BOUND_MS = 90_000;
const HOUR_MS = 3_600_000;
const audits = parser(AuditAnswer);
const seenVolumes = parser(Type.Object({ volumes: Type.Array(SeenVolume) }));

interface Told {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** The `berth` command, by a person who types `answer` when asked. */
async function berth({ client }: Installation, argv: readonly string[], answer?: string): Promise<Told> {
  const env = { BERTH_API_URL: client.url, BERTH_PROJECT: "tests", USER: "ann" };
  const terminal = new RecordingTerminal(answer === undefined ? { env } : { env, answer });
  const exitCode = await runBerth(argv, terminal);
  return { exitCode, out: terminal.outText, err: terminal.errText };
}

async function audit(installation: Installation): Promise<BackendAuditView[]> {
  const { out, err } = await berth(installation, ["audit", "--json"]);
  expect(err).toBe("");
  return audits.parse(JSON.parse(out)).backends;
}

async function fileNorth(settings: Readonly<Record<string, string>> = {}): Promise<Installation> {
  return await startInstallation({
    catalogue: (folder) => goldCatalogue(["north"], file("images", folder)),
    settings,
  });
}

const imagesOf = ({ folder }: Installation): string => join(folder, "backends", "images");

async function available({ client }: Installation, name = "data"): Promise<string> {
  const { id } = await client.createVolume({ name, size: 1 });
  await untilStatus(client, id, "available");
  return id;
}

/** A whole volume with its mark, as a create that nobody awaits leaves it. */
async function plant(folder: string, like: string, id: string, ageMs: number): Promise<void> {
  const mark = (await readFile(join(folder, `${volumeName(like)}.json`), "utf8")).replaceAll(like, id);
  const path = join(folder, `${volumeName(id)}.json`);
  await writeFile(path, mark);
  const when = new Date(Date.now() - ageMs);
  await utimes(path, when, when);
  await writeFile(join(folder, volumeName(id)), "");
}

/** What a mark tells again. */
function markedFields(volume: SeenVolume): string {
  const { id, name, size, status, volume_type, availability_zone, "os-vol-host-attr:host": host } = volume;
  return [id, name, size, status, volume_type, availability_zone, host].join();
}

/** Of another project than the tests'. */
async function otherVolumes({ client }: Installation): Promise<SeenVolume[]> {
  return seenVolumes.parse(JSON.parse((await client.send("GET", "/v3/other-project/volumes/detail")).text)).volumes;
}

describe.skipIf(natsServerMissing() !== null)("berth audit", { timeout: TEST_BOUND_MS }, () => {
  it("brings all volumes and snapshots back when the ledger is lost, with id, name, flavor, size and project", async () => {
    await using installation = await startInstallation({
      catalogue: (folder) =>
        goldCatalogue(["north", "south"], file("one", folder), file("two", folder, {}, { zone: "south" })),
    });
    const { client } = installation;
    const zones = ["north", "south"];
    const made = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        client.createVolume({ name: `data "${n}" 🚢`, size: 1 + (n % 3), availability_zone: zones[n % 2] ?? "" }),
      ),
    );
    for (const { id } of made) await untilStatus(client, id, "available");
    const [first, second] = made;
    for (const source of [first, first, second]) {
      const { id } = await client.createSnapshot(source?.id ?? "");
      await untilStatus(client, id, "available", "snapshot");
    }
    await client.extendVolume(first?.id ?? "", 7);
    await untilStatus(client, first?.id ?? "", "available");
    const comparable = async () => ({
      volumes: (await client.volumes()).map(markedFields).sort(),
      snapshots: (await client.snapshots())
        .map(({ id, volume_id, size, status }) => [id, volume_id, size, status].join())
        .sort(),
      others: (await otherVolumes(installation)).map(markedFields),
    });
    await client.send("POST", "/v3/other-project/volumes", { volume: { size: 2, name: "of others" } });
    await until("theirs is available", async () => (await otherVolumes(installation))[0]?.status === "available");
    const before = await comparable();
    expect([before.volumes.length, before.snapshots.length, before.others.length]).toEqual([12, 3, 1]);

    await installation.scheduler.kill("SIGKILL");
    for (const name of await readdir(installation.folder))
      if (name.startsWith("ledger.sqlite")) await rm(join(installation.folder, name));
    installation.scheduler.start();
    await installation.ready();
    expect(await client.volumes()).toEqual([]);

    const refused = await berth(installation, ["audit", "--adopt"]);
    expect([refused.exitCode, refused.err]).toEqual([2, expect.stringContaining("nobody can be asked")]);
    const declined = await berth(installation, ["audit", "--adopt"], "n");
    expect([declined.exitCode, declined.out]).toEqual([0, expect.stringContaining(first?.id ?? "?")]);
    expect(await client.volumes()).toEqual([]);
    const adopted = await berth(installation, ["audit", "--adopt", "--yes"]);
    expect([adopted.exitCode, adopted.out, adopted.err]).toEqual([0, "16 are adopted.\n", ""]);
    expect(await comparable()).toEqual(before);
    expect((await audit(installation)).map(({ counts }) => [counts.recorded, counts.orphans])).toEqual(
      (await client.backends()).map(({ volumes, snapshots }) => [volumes + snapshots, 0]),
    );

    // They live on.
    for (const { id } of await client.snapshots()) await client.deleteSnapshot(id);
    await untilGone(client, "snapshot");
    for (const { id } of await client.volumes()) await client.deleteVolume(id);
    await untilGone(client, "volume");
    const [theirs] = await otherVolumes(installation);
    await client.send("DELETE", `/v3/other-project/volumes/${theirs?.id}`);
    await untilBooksBalance(installation);
  });

  it("has no false alarm on 1,000 volumes while users create and delete", async () => {
    await using installation = await startInstallation({
      catalogue: () =>
        goldCatalogue(
          ["north"],
          fake("many", { capacity_gib: 10_000, slow_ms: 2 }, { settings: { maxConcurrent: 64 } }),
        ),
    });
    const { client } = installation;
    for (let n = 0; n < 20; n++) await Promise.all(Array.from({ length: 50 }, () => client.createVolume({ size: 1 })));
    await until("all are available", async () =>
      (await client.volumes()).every(({ status }) => status === "available"),
    );
    await using stream = new Stream(client, 4, ["north"]);
    let audited = 0;
    let inWork = 0;
    for (let round = 0; round < 15; round++) {
      await stream.goesOnBy(3);
      for (const { error, counts, orphans, missing, differing } of await audit(installation)) {
        expect({ error, orphans, missing, differing, foreign: counts.foreign }).toEqual({
          error: null,
          orphans: [],
          missing: [],
          differing: [],
          foreign: 0,
        });
        expect(counts.recorded).toBeGreaterThanOrEqual(1000);
        audited += counts.recorded;
        inWork += counts.inWork;
      }
    }
    console.info(`${audited} objects compared, ${inWork} of them in work`);
    await stream.end();
  });

  it("removes what bears our mark, has no record and is old enough, and nothing else", async () => {
    await using installation = await fileNorth();
    const folder = imagesOf(installation);
    const kept = await available(installation);
    const [old, young, stranger] = [randomUUID(), randomUUID(), randomUUID()];
    await plant(folder, kept, old, 2 * HOUR_MS);
    await plant(folder, kept, young, 0);
    await writeFile(join(folder, volumeName(stranger)), "somebody's");
    const [found] = await audit(installation);
    expect(found).toMatchObject({ counts: { recorded: 1, orphans: 2, foreign: 1 }, foreign: [volumeName(stranger)] });

    const repaired = await berth(installation, ["audit", "--repair"], "y");
    expect(repaired.exitCode).toBe(0);
    expect(repaired.out).toContain(old);
    expect(repaired.out).not.toContain(young);
    expect(repaired.err).toContain("Remove this one, 1 GiB in all?");
    await until("the old one is gone", async () => (await audit(installation))[0]?.counts.orphans === 1);
    expect(await filesIn(folder)).toEqual(
      [kept, young]
        .flatMap((id) => [volumeName(id), `${volumeName(id)}.json`])
        .concat(volumeName(stranger))
        .sort(),
    );
  });

  it("tells what is missing; a person says that it is lost, and that it is back, and the backend has the last word", async () => {
    await using installation = await fileNorth();
    const { client } = installation;
    const folder = imagesOf(installation);
    const id = await available(installation);
    const reset = (to: string, reason: string) =>
      berth(installation, ["volume", "reset", "data", "--to", to, "--reason", reason, "--yes"]);
    expect(await reset("error", "I think so")).toMatchObject({
      exitCode: 4,
      err: expect.stringContaining("stands on backend 1"),
    });

    const files = [volumeName(id), `${volumeName(id)}.json`];
    for (const name of files) await rename(join(folder, name), join(installation.folder, name));
    expect((await audit(installation))[0]).toMatchObject({ counts: { missing: 1 }, missing: [{ id, name: "data" }] });
    expect(await reset("error", "the disk broke")).toMatchObject({ exitCode: 0, out: expect.stringContaining("ann@") });
    expect(await client.volume(id)).toMatchObject({ status: "error" });
    expect(await reset("available", "it must be there")).toMatchObject({
      exitCode: 4,
      err: expect.stringContaining("no backend holds"),
    });

    for (const name of files) await rename(join(installation.folder, name), join(folder, name));
    expect(await reset("available", "the disk is back")).toMatchObject({ exitCode: 0 });
    expect(await client.volume(id)).toMatchObject({ status: "available" });
    const explained = await berth(installation, ["volume", "explain", "data"]);
    expect(explained.out).toContain("from error to available by ann@test-host: the disk is back");
    await client.deleteVolume(id);
    await untilGone(client, "volume");
    await untilBooksBalance(installation);
  });

  it("sweeps away, by itself, what stands again after it was deleted", async () => {
    await using installation = await fileNorth({ BERTH_SWEEP_INTERVAL_MS: "300" });
    const { client } = installation;
    const kept = await available(installation, "kept");
    const id = await available(installation, "gone");
    await client.deleteVolume(id);
    await until("it is deleted", async () => (await client.volume(id)) === null);
    // As if an agent that was paused in the midst of the create had woken now.
    await plant(imagesOf(installation), kept, id, 0);
    await untilBooksBalance(installation);
    expect(await client.volume(kept)).toMatchObject({ status: "available" });
    expect(installation.scheduler.logged("found what was deleted", id).length).toBeGreaterThan(0);
  });
});
