import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runBerth } from "#scheduler/cli/program.ts";
import { SEQUENCE_LEAP } from "#scheduler/ledger/sqlite-replace.ts";
import { objectsOn } from "#test/kit/books.ts";
import { fake, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { RecordingTerminal } from "#test/kit/recording-terminal.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { until } from "#test/kit/until.ts";
import { untilGone, untilStatus } from "#test/kit/volumes.ts";

async function berth({ client, folder }: Installation, ...argv: string[]) {
  const terminal = new RecordingTerminal({ env: { BERTH_API_URL: client.url, BERTH_DATA: folder } });
  const exitCode = await runBerth(argv, terminal);
  return { exitCode, out: terminal.outText, err: terminal.errText };
}

async function available({ client }: Installation, name: string): Promise<string> {
  const { id } = await client.createVolume({ name });
  await untilStatus(client, id, "available");
  return id;
}

describe.skipIf(natsServerMissing() !== null)("berth backup and berth restore", () => {
  it("bring the ledger and catalogue of a running scheduler back, and it works on from there", async () => {
    await using installation = await startInstallation({ catalogue: () => goldCatalogue(["north"], fake("store")) });
    const { client, scheduler, folder } = installation;
    const kept = await available(installation, "kept");
    const deleted = await available(installation, "deleted afterwards");
    const file = join(temporaryFolder(), "monday.berth");

    const made = await berth(installation, "backup", file);
    expect(made).toMatchObject({ exitCode: 0, err: expect.stringContaining("Keep a copy of the sealing key") });
    expect(made.out).toMatch(/^sealing key +NOT in it$/m);
    const bytes = await readFile(file);
    expect(bytes.subarray(-65, -1).toString()).toBe(createHash("sha256").update(bytes.subarray(0, -65)).digest("hex"));
    expect(bytes.includes(await readFile(join(folder, "secret.key")))).toBe(false);
    expect(await berth(installation, "backup", file)).toMatchObject({ exitCode: 4 });
    expect((await readFile(file)).equals(bytes)).toBe(true);

    await client.deleteVolume(deleted);
    await until("it is deleted", async () => (await client.volume(deleted)) === null);
    const orphan = await available(installation, "made afterwards");
    await client.createZone("south");
    const { ledgerSeq } = await client.health();

    const refused = await berth(installation, "restore", file);
    expect(refused).toMatchObject({ exitCode: 1, err: expect.stringContaining("E_LEDGER_LOCKED") });
    await scheduler.kill("SIGKILL");
    const restored = await berth(installation, "restore", file);
    expect(restored).toMatchObject({ exitCode: 0, err: expect.stringContaining("`berth audit` finds both") });
    expect((await readdir(folder)).filter((name) => name.includes(".before-restore-"))).toHaveLength(2);
    scheduler.start();
    await installation.ready();

    expect((await client.volumes()).map(({ id }) => id).sort()).toEqual([kept, deleted].sort());
    expect((await client.health()).ledgerSeq).toBeGreaterThan(SEQUENCE_LEAP + ledgerSeq - 20);
    expect(await installation.readCatalogue()).not.toContain("south");
    // The agents went on all the time, and take work of the restored scheduler.
    const later = await available(installation, "after the restore");
    for (const id of [kept, deleted, later]) await client.deleteVolume(id);
    await untilGone(client, "volume");
    // What was made after the backup is nobody's now: it stands, and is not touched.
    const [backend] = await client.backends();
    if (backend === undefined) throw new Error("there is a backend");
    expect(await objectsOn(installation, backend)).toEqual([`volume-${orphan}`]);
  });

  it("refuse a damaged backup, and leave everything as it is", async () => {
    await using installation = await startInstallation({ catalogue: () => goldCatalogue(["north"], fake("store")) });
    const { scheduler, folder, client } = installation;
    const id = await available(installation, "data");
    const file = join(temporaryFolder(), "b.berth");
    await berth(installation, "backup", file);
    const bytes = await readFile(file);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    await writeFile(file, bytes);
    await scheduler.kill("SIGTERM");
    const before = await readdir(folder);
    expect(await berth(installation, "restore", file)).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining("is damaged: its checksum is another"),
    });
    expect(await readdir(folder)).toEqual(before);
    scheduler.start();
    await installation.ready();
    expect((await client.volume(id))?.status).toBe("available");
  });
});
