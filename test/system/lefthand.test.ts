import { describe, expect, it } from "vitest";
import { DEFAULT_SETTINGS } from "#scheduler/catalogue/settings.ts";
import { BYTES_PER_GIB } from "#shared/units.ts";
import { untilBooksBalance } from "#test/kit/books.ts";
import { goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { Initiator } from "#test/kit/initiator.ts";
import { startInstallation } from "#test/kit/installation.ts";
import { type LeftHandStand, leftHandStand } from "#test/kit/lefthand.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { iscsiMissing } from "#test/kit/tgtd.ts";
import { until } from "#test/kit/until.ts";
import { untilGone, untilStatus } from "#test/kit/volumes.ts";

const host = new Initiator("iqn.2026-01.test.host:lefthand");
const WRITE = ["write -P 0xa5 1M 4M", "write -P 0x5a 1020M 4M"];
const READ = ["read -P 0xa5 1M 4M", "read -P 0x5a 1020M 4M"];

async function berthOn({ simulator }: LeftHandStand) {
  const { driver, parameters } = simulator.ready.backend;
  return await startInstallation({
    catalogue: () =>
      goldCatalogue(["north"], (id) => ({
        id,
        name: "array",
        zone: "north",
        host: null,
        driver,
        parameters,
        admission: { state: "enabled" },
        settings: DEFAULT_SETTINGS,
      })),
  });
}

describe.skipIf((natsServerMissing() ?? iscsiMissing()) !== null)("the life of a volume on a LeftHand cluster", () => {
  it("what a host wrote is in snapshots, clones and copies, it comes back, and nothing is left", {
    timeout: 120_000,
  }, async () => {
    const stand = await leftHandStand({ iscsi: true, capacityGib: 100 });
    await using berth = await berthOn(stand);
    const { client } = berth;
    const useOnce = async (id: string, ...commands: readonly string[]): Promise<void> => {
      const { info, secret } = await client.connect(id, host.iqn);
      expect(await host.io(info, secret, ...commands)).toMatchObject({ ok: true });
      await client.disconnect(id, host.iqn);
      await untilStatus(client, id, "available");
    };
    const { id } = await client.createVolume({ name: "data", size: 1 });
    await untilStatus(client, id, "available");
    await useOnce(id, ...WRITE, ...READ);
    const snapshot = await client.createSnapshot(id);
    await untilStatus(client, snapshot.id, "available", "snapshot");
    const clone = await client.createVolume({ source_volid: id, size: 1 });
    await untilStatus(client, clone.id, "available");
    await useOnce(id, "write -P 0x11 1M 4M", "read -P 0x11 1M 4M");
    const copy = await client.createVolume({ snapshot_id: snapshot.id, size: 2 });
    await untilStatus(client, copy.id, "available");
    for (const volume of [clone, copy]) await useOnce(volume.id, ...READ);

    const { info, secret } = await client.connect(copy.id, host.iqn);
    expect(await host.sizeBytes(info, secret)).toBe(2 * BYTES_PER_GIB);
    await client.extendVolume(copy.id, 3);
    await untilStatus(client, copy.id, "in-use");
    expect(await host.sizeBytes(info, secret)).toBe(3 * BYTES_PER_GIB);
    await client.disconnect(copy.id, host.iqn);
    await untilStatus(client, copy.id, "available");

    await client.revert(id, snapshot.id);
    await untilStatus(client, id, "available");
    await useOnce(id, ...READ);

    // What stands upon a snapshot keeps it, until it is gone itself.
    await expect(client.deleteSnapshot(snapshot.id)).rejects.toMatchObject({ status: 400 });
    for (const volume of [copy, clone]) {
      await client.deleteVolume(volume.id);
      await until("it is gone", async () => (await client.volume(volume.id)) === null);
    }
    await client.deleteSnapshot(snapshot.id);
    await untilGone(client, "snapshot");
    await client.deleteVolume(id);
    await untilGone(client, "volume");
    await untilBooksBalance(berth);
    expect(stand.simulator.running.objects()).toMatchObject({ volumes: [], snapshots: [] });
    for (const program of [berth.scheduler, ...berth.agents.values()]) expect(program.logged(secret)).toEqual([]);
  });
});
