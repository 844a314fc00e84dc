import { createHash, randomBytes, randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { volumeName } from "#agent/drivers/names.ts";
import { runBerth } from "#scheduler/cli/program.ts";
import { file, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { filesIn } from "#test/kit/image-folder.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { RecordingTerminal } from "#test/kit/recording-terminal.ts";
import { until } from "#test/kit/until.ts";
import { untilStatus } from "#test/kit/volumes.ts";

const TEST_BOUND_MS = 120_000;
const GIB = 1024 ** 3;
const DATA_BYTES = 3 * 1024 ** 2;

async function berth({ client }: Installation, ...argv: string[]) {
  const terminal = new RecordingTerminal({ env: { BERTH_API_URL: client.url, BERTH_PROJECT: "tests", USER: "ann" } });
  const exitCode = await runBerth(argv, terminal);
  return { exitCode, out: terminal.outText, err: terminal.errText };
}

/** Somebody's raw image: data at its beginning and right before its end. */
async function disk(path: string, sizeBytes: number): Promise<string> {
  await using handle = await open(path, "wx", 0o644);
  const data = randomBytes(DATA_BYTES);
  await handle.truncate(sizeBytes);
  await handle.write(data, 0, data.length, 0);
  await handle.write(data, 0, data.length, sizeBytes - data.length);
  return checksum(path, sizeBytes);
}

/** Of its first so many bytes: of both ends, for the middle is a hole. */
async function checksum(path: string, sizeBytes: number): Promise<string> {
  await using handle = await open(path, "r");
  const hash = createHash("sha256");
  for (const position of [0, sizeBytes - DATA_BYTES]) {
    const part = Buffer.alloc(DATA_BYTES);
    await handle.read(part, 0, part.length, position);
    hash.update(part);
  }
  return hash.digest("hex");
}

describe.skipIf(natsServerMissing() !== null)("what others made on a backend", () => {
  it(
    "becomes a volume with its data, and a volume becomes others' with its data",
    async () => {
      await using installation = await startInstallation({
        catalogue: (folder) => goldCatalogue(["north"], file("images", folder)),
      });
      const { client } = installation;
      const folder = join(installation.folder, "backends", "images");
      await until("the backend is open", async () => ((await readdir(folder).catch(() => null)) ? true : null));
      const sizeBytes = GIB + 512 * 1024;
      const sum = await disk(join(folder, "old disk.img"), sizeBytes);
      await disk(join(folder, "broken.img"), sizeBytes);
      await truncate(join(folder, "broken.img"), sizeBytes + 1);
      await mkdir(join(folder, "iso"));
      await symlink("/etc/shadow", join(folder, "shadow.img"));

      const listed = await berth(installation, "manageable", "list", "images", "--json");
      expect(listed.exitCode, listed.err).toBe(0);
      const found: { manageable: object[] } = JSON.parse(listed.out);
      expect(found.manageable).toMatchObject([
        { reference: { "source-name": "broken.img" }, safe_to_manage: false },
        { reference: { "source-name": "iso" }, safe_to_manage: false, reason_not_safe: "it is a folder" },
        { reference: { "source-name": "old disk.img" }, safe_to_manage: true, size: 2, reason_not_safe: null },
        { reference: { "source-name": "shadow.img" }, safe_to_manage: false },
      ]);
      for (const reference of ["shadow.img", "iso", "broken.img", "../images/old disk.img", "/etc/passwd"])
        expect((await berth(installation, "volume", "manage", "images", reference)).exitCode).toBe(2);

      const managing = ["volume", "manage", "images", "old disk.img", "--name", "data", "--wait", "--json"];
      const managed = await berth(installation, ...managing);
      expect(managed.exitCode, managed.err).toBe(0);
      const { volume } = JSON.parse(managed.out);
      expect(volume).toMatchObject({ name: "data", status: "available", sizeGib: 2, backend: "images" });
      const ours = join(folder, volumeName(volume.id));
      expect((await stat(ours)).size).toBe(2 * GIB);
      expect(await checksum(ours, sizeBytes)).toBe(sum);
      expect(await readdir(folder)).not.toContain("old disk.img");
      expect((await berth(installation, ...managing)).exitCode).not.toBe(0);
      const shown = await client.manageable("images");
      expect(shown.get(volumeName(volume.id))).toMatchObject({
        cinder_id: volume.id,
        reason_not_safe: "already managed",
      });
      const { capacity } = await client.backend("images", true);
      expect(capacity).toMatchObject({ objectCount: 1, unmeasuredBytes: 0 });
      const [audit] = (await client.audit()).backends;
      expect(audit?.counts).toMatchObject({ recorded: 1, orphans: 0, missing: 0, differing: 0, foreign: 3 });

      // Nothing is let go of while something depends on it.
      const snapshot = await client.createSnapshot(volume.id);
      await untilStatus(client, snapshot.id, "available", "snapshot");
      await expect(client.unmanageVolume(volume.id)).rejects.toMatchObject({ code: "E_HAS_DEPENDENTS" });
      await client.deleteSnapshot(snapshot.id);
      await until("the snapshot is gone", async () => (await client.snapshot(snapshot.id)) === null);

      const unmanaged = await berth(installation, "volume", "unmanage", "data", "--wait");
      expect(unmanaged.exitCode, unmanaged.err).toBe(0);
      const name = `unmanaged-${volume.id}`;
      expect((await filesIn(folder)).sort()).toEqual(["broken.img", "iso", "shadow.img", name].sort());
      expect(await checksum(join(folder, name), sizeBytes)).toBe(sum);
      const history = await berth(installation, "volume", "history", volume.id);
      expect(history.out).toMatch(/volume\.manage[\s\S]*from old disk\.img/);
      expect(history.out).toMatch(/volume\.unmanage[\s\S]*as unmanaged-/);

      // And again, under another id.
      const again = await client.manageVolume("berth@images#images", name, { name: "again" });
      await untilStatus(client, again.id, "available");
      expect(await checksum(join(folder, volumeName(again.id)), sizeBytes)).toBe(sum);
      await client.deleteVolume(again.id);
      await until("it is gone", async () => (await client.volume(again.id)) === null);
      expect((await filesIn(folder)).sort()).toEqual(["broken.img", "iso", "shadow.img"]);
      expect(await readFile("/etc/shadow", "utf8")).not.toBe("");
    },
    TEST_BOUND_MS,
  );

  it(
    "is as it was when it cannot be taken over, and deleting what failed removes nothing",
    async () => {
      await using installation = await startInstallation({
        catalogue: (folder) => goldCatalogue(["north"], file("images", folder, { capacity_gib: 3 })),
      });
      const { client } = installation;
      const folder = join(installation.folder, "backends", "images");
      await until("the backend is open", async () => ((await readdir(folder).catch(() => null)) ? true : null));
      const sizeBytes = GIB + 4096;
      const sum = await disk(join(folder, "old.img"), sizeBytes);
      // What stands there by a mark that the ledger never had leaves too little, which only the backend knows.
      await client.backend("images", true);
      const stranger = volumeName(randomUUID());
      const mark = { version: 1, kind: "volume", id: stranger.slice(7), volumeId: stranger.slice(7) };
      const owner = { projectId: "p", flavorName: "gold", name: "n" };
      const rest = { ...mark, sizeBytes: 2 * GIB, format: "raw", owner };
      await writeFile(join(folder, `${stranger}.json`), JSON.stringify(rest));
      const { id } = await client.manageVolume("images", "old.img");
      await untilStatus(client, id, "error_managing");
      await until("it is given back", async () => ((await client.manageable("images")).get("old.img") ? true : null));
      const path = join(folder, "old.img");
      expect([(await stat(path)).size, (await stat(path)).mode & 0o777]).toEqual([sizeBytes, 0o644]);
      await client.deleteVolume(id);
      await until("the record is gone", async () => (await client.volume(id)) === null);
      expect(await checksum(path, sizeBytes)).toBe(sum);
      expect((await filesIn(folder)).sort()).toEqual(["old.img", `${stranger}.json`]);
    },
    TEST_BOUND_MS,
  );
});
