import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { snapshotName, volumeName } from "#agent/drivers/names.ts";
import type { CrashPoint } from "#shared/crash-point.ts";
import { untilBooksBalance } from "#test/kit/books.ts";
import { file, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { until } from "#test/kit/until.ts";
import { untilStatus } from "#test/kit/volumes.ts";

const TEST_BOUND_MS = 240_000;
const MEMBERS = 3;

async function start(): Promise<Installation> {
  return await startInstallation({
    catalogue: (folder) => goldCatalogue(["north"], file("images", folder, { capacity_gib: 100 })),
  });
}

function image({ folder }: Installation, name: string): string {
  return join(folder, "backends/images", name);
}

/** What a host would write. */
async function write(berth: Installation, volumeIds: readonly string[], text: string): Promise<void> {
  for (const id of volumeIds) await writeFile(image(berth, volumeName(id)), text, { flag: "r+" });
}

async function contents(berth: Installation, names: readonly string[]): Promise<string[]> {
  const texts: string[] = [];
  for (const name of names) {
    await using handle = await open(image(berth, name));
    const { buffer } = await handle.read(Buffer.alloc(3), 0, 3, 0);
    texts.push(buffer.toString());
  }
  return texts;
}

async function group(berth: Installation): Promise<{ readonly id: string; readonly volumeIds: readonly string[] }> {
  const made = await Promise.all(Array.from({ length: MEMBERS }, () => berth.client.createVolume({})));
  for (const { id } of made) await untilStatus(berth.client, id, "available");
  const volumeIds = made.map(({ id }) => id);
  return { id: await berth.client.createGroup("gold", volumeIds), volumeIds };
}

async function untilGroupSnapshot({ client }: Installation, id: string, status: string | undefined): Promise<true> {
  return await until(
    `group snapshot ${id} is ${status}`,
    async () => {
      const found = (await client.groupSnapshots()).find((taken) => taken.id === id);
      return found?.status === status;
    },
    60_000,
  );
}

describe.skipIf(natsServerMissing() !== null)("groups", { timeout: TEST_BOUND_MS }, () => {
  it.each(["group-filled", "group-bound", "group-renamed"] as const)(
    "a snapshot whose agent is killed at %s is made by the other, of one instant, and nothing else is left",
    async (point: CrashPoint) => {
      await using berth = await start();
      const { id, volumeIds } = await group(berth);
      await write(berth, volumeIds, "old");
      // Whoever takes it dies there; whoever takes it then does not.
      const [victim] = ["north-1", "north-2"].map((name) => berth.agent(name));
      if (victim === undefined) throw new Error("there are no agents");
      await victim.kill();
      await berth.agent("north-2").kill();
      const orderFile = join(berth.folder, "crash-order");
      await writeFile(orderFile, `${point} ${point}:1 kill\n`);
      victim.start({ BERTH_CRASH_ORDER: orderFile });
      await berth.ready();
      const { id: takenId } = await berth.client.createGroupSnapshot(id);
      await until("the agent is killed there", () => !victim.isRunning, 90_000);
      await write(berth, volumeIds, "new");
      berth.agent("north-2").start();
      await untilGroupSnapshot(berth, takenId, "available");
      const names = (await berth.client.snapshots()).map((snapshot) => snapshotName(snapshot.id));
      expect(names.length).toBe(MEMBERS);
      // Once it is written down that the copies are of one instant, they are kept; before, they are made anew.
      const kept = point === "group-filled" ? "new" : "old";
      expect(await contents(berth, names)).toEqual(Array(MEMBERS).fill(kept));
      await untilBooksBalance(berth);
    },
  );

  it("are copied from a snapshot of theirs, gone back to it volume by volume, and deleted as a whole", async () => {
    await using berth = await start();
    const { client } = berth;
    const { id, volumeIds } = await group(berth);
    await write(berth, volumeIds, "old");
    const taken = await client.createGroupSnapshot(id);
    await untilGroupSnapshot(berth, taken.id, "available");
    await write(berth, volumeIds, "new");

    const copyId = await client.copyGroup({ group_snapshot_id: taken.id });
    const copy = await until("the copy is there", async () => {
      const seen = await client.group(copyId);
      return seen?.status === "available" ? seen : null;
    });
    expect(await contents(berth, copy.volumes.map(volumeName))).toEqual(Array(MEMBERS).fill("old"));

    const [first = ""] = volumeIds;
    const snapshot = (await client.snapshots()).find(({ volume_id }) => volume_id === first);
    await client.revert(first, snapshot?.id ?? "");
    await untilStatus(client, first, "available");
    expect(await contents(berth, volumeIds.map(volumeName))).toEqual(["old", "new", "new"]);

    await expect(client.deleteVolume(first)).rejects.toMatchObject({ status: 400, code: "E_WRONG_STATE" });
    await expect(client.deleteSnapshot(snapshot?.id ?? "")).rejects.toMatchObject({ code: "E_WRONG_STATE" });
    await expect(client.deleteGroup(id, true)).rejects.toMatchObject({ status: 400, code: "E_HAS_DEPENDENTS" });
    await client.deleteGroupSnapshot(taken.id);
    await untilGroupSnapshot(berth, taken.id, undefined);
    for (const groupId of [id, copyId]) {
      await client.deleteGroup(groupId, true);
      await until("the group is gone", async () => (await client.group(groupId)) === null);
    }
    expect(await client.volumes()).toEqual([]);
    await untilBooksBalance(berth);
  });
});
