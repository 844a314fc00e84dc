import { utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ImageFormatName } from "#agent/drivers/file/mark.ts";
import { TgtManagement } from "#agent/export/tgt/management.ts";
import { BYTES_PER_GIB } from "#shared/units.ts";
import { objectsOn, untilBooksBalance } from "#test/kit/books.ts";
import { callContext } from "#test/kit/driver-context.ts";
import { file, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { filesIn } from "#test/kit/image-folder.ts";
import { Initiator } from "#test/kit/initiator.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { iscsiMissing } from "#test/kit/tgtd.ts";
import { until } from "#test/kit/until.ts";
import { untilGone, untilStatus } from "#test/kit/volumes.ts";

const host = new Initiator("iqn.2026-01.test.host:life");
const stranger = new Initiator("iqn.2026-01.test.host:stranger");
const WRITE = ["write -P 0xa5 1M 4M", "write -P 0x5a 1020M 4M"];
const READ = ["read -P 0xa5 1M 4M", "read -P 0x5a 1020M 4M"];

async function oneBackend(format: ImageFormatName): Promise<Installation> {
  return await startInstallation({
    catalogue: (folder) => goldCatalogue(["north"], file("images", folder, { format })),
    tgt: true,
  });
}

async function targets({ tgtd }: Installation): Promise<string[]> {
  const found = await new TgtManagement(tgtd?.socketPath ?? "").targets(callContext());
  return found.map(({ iqn }) => iqn);
}

/** Disconnects, and waits until the volume can be used otherwise. */
async function disconnect({ client }: Installation, id: string): Promise<void> {
  await client.disconnect(id, host.iqn);
  await untilStatus(client, id, "available");
}

/** Lets the host in, has it do all that, and sends it away. */
async function useOnce(berth: Installation, id: string, ...commands: readonly string[]): Promise<void> {
  const { info, secret } = await berth.client.connect(id, host.iqn);
  expect(await host.io(info, secret, ...commands)).toMatchObject({ ok: true });
  await disconnect(berth, id);
}

async function snapshotOf({ client }: Installation, volumeId: string): Promise<string> {
  const { id } = await client.createSnapshot(volumeId);
  await untilStatus(client, id, "available", "snapshot");
  return id;
}

async function deleteAll(berth: Installation): Promise<void> {
  const { client } = berth;
  for (const { id } of await client.snapshots()) await client.deleteSnapshot(id);
  await untilGone(client, "snapshot");
  for (const { id } of await client.volumes()) await client.deleteVolume(id);
  await untilGone(client, "volume");
}

async function expectNothingLeft(berth: Installation): Promise<void> {
  await untilBooksBalance(berth);
  expect(await filesIn(join(berth.folder, "backends/images"))).toEqual([]);
  expect(await targets(berth)).toEqual([]);
}

describe.skipIf((natsServerMissing() ?? iscsiMissing()) !== null)("the life of a volume on a file backend", () => {
  it.each(["raw", "vhd"] as const)("%s: what a host wrote is in snapshots, clones and copies", async (format) => {
    await using berth = await oneBackend(format);
    const { client } = berth;
    const { id } = await client.createVolume({ name: "data", size: 1 });
    await untilStatus(client, id, "available");
    await useOnce(berth, id, ...WRITE, ...READ);

    const snapshotId = await snapshotOf(berth, id);
    const clone = await client.createVolume({ source_volid: id, size: 1 });
    await untilStatus(client, clone.id, "available");
    // What is written afterwards is neither in the snapshot nor in the clone.
    await useOnce(berth, id, "write -P 0x11 1M 4M", "read -P 0x11 1M 4M");
    const copy = await client.createVolume({ snapshot_id: snapshotId, size: 2 });
    await untilStatus(client, copy.id, "available");

    for (const volume of [clone, copy]) await useOnce(berth, volume.id, ...READ);
    const { info, secret } = await client.connect(copy.id, host.iqn);
    expect(await host.sizeBytes(info, secret)).toBe(2 * BYTES_PER_GIB);
    await disconnect(berth, copy.id);

    await deleteAll(berth);
    await expectNothingLeft(berth);
  });

  it.each(["raw", "vhd"] as const)("%s: grows at rest and under a host that is connected", async (format) => {
    await using berth = await oneBackend(format);
    const { client } = berth;
    const { id } = await client.createVolume({ size: 1 });
    await untilStatus(client, id, "available");
    await useOnce(berth, id, ...WRITE);
    await client.extendVolume(id, 2);
    expect(await untilStatus(client, id, "available")).toMatchObject({ size: 2 });

    const { info, secret } = await client.connect(id, host.iqn);
    expect(await host.sizeBytes(info, secret)).toBe(2 * BYTES_PER_GIB);
    {
      await using _session = await host.hold(info, secret);
      await client.extendVolume(id, 3);
      expect(await untilStatus(client, id, "in-use")).toMatchObject({ size: 3 });
      expect(await host.sizeBytes(info, secret)).toBe(3 * BYTES_PER_GIB);
    }
    expect(await host.io(info, secret, ...READ, "write -P 0x77 3068M 4M", "read -P 0x77 3068M 4M")).toMatchObject({
      ok: true,
    });
    await disconnect(berth, id);
    await deleteAll(berth);
    await expectNothingLeft(berth);
  });

  it("lets in who was let in, with the right secret, as long as it is let in", async () => {
    await using berth = await oneBackend("raw");
    const { client } = berth;
    const { id } = await client.createVolume({ size: 1 });
    await untilStatus(client, id, "available");
    const { info, secret } = await client.connect(id, host.iqn);
    expect(await host.io(info, secret, "read 0 4k")).toMatchObject({ ok: true });
    expect(await host.io(info, "not-the-secret-at-all", "read 0 4k")).toEqual({
      ok: false,
      text: expect.stringContaining("Authentication failure"),
    });
    expect(await stranger.io(info, secret, "read 0 4k")).toEqual({
      ok: false,
      text: expect.stringContaining("Target not found"),
    });
    await expect(client.deleteVolume(id)).rejects.toMatchObject({ status: 400, code: "E_WRONG_STATE" });
    await expect(client.connect(id, stranger.iqn)).rejects.toMatchObject({ status: 409, code: "E_IN_USE" });
    // Repeated for the same host it is the same connection.
    expect(await client.connect(id, host.iqn)).toMatchObject({ info, secret });
    await disconnect(berth, id);
    expect(await host.io(info, secret, "read 0 4k")).toMatchObject({ ok: false });
    expect(await targets(berth)).toEqual([]);
    // The next connection has a secret of its own.
    expect((await client.connect(id, host.iqn)).secret).not.toBe(secret);
    for (const program of [berth.scheduler, ...berth.agents.values()]) expect(program.logged(secret)).toEqual([]);
  });

  it("a crash while a backend is opened leaves nothing for long", async () => {
    await using berth = await oneBackend("raw");
    const agent = berth.agent("north-1");
    await agent.kill("SIGKILL");
    const folder = join(berth.folder, "backends/images");
    const probe = join(folder, ".probe-67c54ce0-d0e2-4180-ad5c-e661e6d0f469");
    await writeFile(probe, "");
    await utimes(probe, 0, 0);
    agent.start();
    await until("it is gone", async () => (await filesIn(folder)).length === 0);
  });

  it("qcow2: does all but connect, and says so", async () => {
    await using berth = await oneBackend("qcow2");
    const { client } = berth;
    const { id } = await client.createVolume({ size: 1 });
    await untilStatus(client, id, "available");
    const snapshotId = await snapshotOf(berth, id);
    const copies = [
      await client.createVolume({ snapshot_id: snapshotId, size: 2 }),
      await client.createVolume({ source_volid: id, size: 1 }),
    ];
    for (const copy of copies) await untilStatus(client, copy.id, "available");
    await client.extendVolume(id, 3);
    expect(await untilStatus(client, id, "available")).toMatchObject({ size: 3 });
    await expect(client.connect(id, host.iqn)).rejects.toMatchObject({ status: 409, code: "E_CONFLICT" });
    expect(await client.volume(id)).toMatchObject({ status: "available" });
    expect(await objectsOn(berth, await client.backend("images"))).toHaveLength(4);
    await deleteAll(berth);
    await expectNothingLeft(berth);
  });
});
