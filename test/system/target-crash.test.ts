import { describe, expect, it } from "vitest";
import type { Catalogue } from "#shared/model/catalogue.ts";
import { untilBooksBalance } from "#test/kit/books.ts";
import { expectExports } from "#test/kit/exports.ts";
import { file, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { Initiator } from "#test/kit/initiator.ts";
import { startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { iscsiMissing } from "#test/kit/tgtd.ts";
import { until } from "#test/kit/until.ts";
import { untilStatus } from "#test/kit/volumes.ts";

const TEST_BOUND_MS = 90_000;
const host = new Initiator("iqn.2026-01.test.host:crash");
const second = new Initiator("iqn.2026-01.test.host:second");
const third = new Initiator("iqn.2026-01.test.host:third");

describe.skipIf((natsServerMissing() ?? iscsiMissing()) !== null)("kill -9 of tgtd", { timeout: TEST_BOUND_MS }, () => {
  it("is mended without anybody's doing: a connected volume can be read again, with the same secret", async () => {
    await using berth = await startInstallation({
      catalogue: (folder) => goldCatalogue(["north"], file("images", folder)),
      tgt: true,
    });
    const { client } = berth;
    const { id } = await client.createVolume({ size: 1 });
    await untilStatus(client, id, "available");
    const { info, secret } = await client.connect(id, host.iqn);
    expect(await host.io(info, secret, "write -P 0xc4 1M 1M")).toMatchObject({ ok: true });

    await berth.tgtd?.restart();
    await until("the volume is exported again", async () => (await host.io(info, secret, "read -P 0xc4 1M 1M")).ok);
    expect(await client.volume(id)).toMatchObject({ status: "in-use" });

    // With the agents gone as well, and the scheduler: whoever comes back puts it back.
    await berth.scheduler.kill("SIGKILL");
    for (const agent of berth.agents.values()) await agent.kill("SIGKILL");
    await berth.tgtd?.restart();
    berth.scheduler.start();
    for (const agent of berth.agents.values()) agent.start();
    await until("the volume is exported again", async () => (await host.io(info, secret, "read -P 0xc4 1M 1M")).ok);
    expect(await client.connect(id, host.iqn)).toMatchObject({ info, secret });

    // What stands by the ledger can be taken down in a tgtd that knows nothing of it.
    await berth.tgtd?.restart();
    await client.disconnect(id, host.iqn);
    await untilStatus(client, id, "available");
    await client.deleteVolume(id);
    await untilBooksBalance(berth);
    expect(await client.volumes()).toEqual([]);
  });

  it("is mended for several hosts, for readers beside a writer, for each path, and for snapshots", async () => {
    await using berth = await startInstallation({
      catalogue: (folder) => shared(goldCatalogue(["north"], file("images", folder))),
      tgt: true,
    });
    const { client } = berth;
    const { id } = await client.createVolume({ size: 1 });
    await untilStatus(client, id, "available");
    const first = await client.connect(id, host.iqn);
    expect(await host.io(first.info, first.secret, "write -P 0x21 1M 1M")).toMatchObject({ ok: true });
    await client.disconnect(id, host.iqn);
    await untilStatus(client, id, "available");
    const { id: snapshotId } = await client.createSnapshot(id);
    await untilStatus(client, snapshotId, "available", "snapshot");
    const writer = await client.connect(id, host.iqn, { multipath: true });
    const other = await client.connect(id, second.iqn);
    const reader = await client.connect(id, third.iqn, { mode: "ro" });
    const frozen = await client.connectSnapshot(snapshotId, third.iqn);
    expect(other.secret).toBe(writer.secret);
    const portals = writer.info.data.target_portals;
    if (!Array.isArray(portals)) throw new Error("no portals were told");
    expect(portals).toHaveLength(2);

    const allStand = async () => {
      for (const portal of portals) {
        const way = { ...writer.info, data: { ...writer.info.data, target_portal: portal } };
        expect(await host.io(way, writer.secret, "read -P 0x21 1M 1M")).toMatchObject({ ok: true });
      }
      expect(await second.io(other.info, other.secret, "write -P 0x22 2M 1M")).toMatchObject({ ok: true });
      expect(await third.io(reader.info, reader.secret, "read -P 0x22 2M 1M")).toMatchObject({ ok: true });
      expect(await third.io(reader.info, reader.secret, "write -P 0x23 2M 1M")).toMatchObject({ ok: false });
      expect(await third.io(frozen.info, frozen.secret, "read -P 0x21 1M 1M")).toMatchObject({ ok: true });
      expect(await third.io(frozen.info, frozen.secret, "write -P 0x23 1M 1M")).toMatchObject({ ok: false });
      return true;
    };
    await allStand();
    await berth.tgtd?.restart();
    await until("all is exported again", allStand);
    for (const agent of berth.agents.values()) await agent.kill("SIGKILL");
    await berth.tgtd?.restart();
    for (const agent of berth.agents.values()) agent.start();
    await until("all is exported again", allStand);

    await client.disconnectSnapshot(snapshotId);
    for (const { iqn } of [host, second, third]) await client.disconnect(id, iqn);
    await untilStatus(client, id, "available");
    await until("nobody reads the snapshot", async () => {
      return (await client.attachments("snapshots", snapshotId)).length === 0;
    });
    if (berth.tgtd !== null) await expectExports(berth.tgtd.socketPath, []);
  });
});

/** Several hosts may have a volume of it at once. */
function shared(catalogue: Catalogue): Catalogue {
  const extraSpecs = { multiattach: "<is> True" };
  return { ...catalogue, flavors: catalogue.flavors.map((flavor) => ({ ...flavor, extraSpecs })) };
}
