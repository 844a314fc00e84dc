import { describe, expect, it } from "vitest";
import { untilBooksBalance } from "#test/kit/books.ts";
import { file, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { Initiator } from "#test/kit/initiator.ts";
import { startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { iscsiMissing } from "#test/kit/tgtd.ts";
import { until } from "#test/kit/until.ts";
import { untilStatus } from "#test/kit/volumes.ts";

const TEST_BOUND_MS = 90_000;
const host = new Initiator("iqn.2026-01.test.host:crash");

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
    expect(await client.connect(id, host.iqn)).toEqual({ info, secret });

    // What stands by the ledger can be taken down in a tgtd that knows nothing of it.
    await berth.tgtd?.restart();
    await client.disconnect(id, host.iqn);
    await untilStatus(client, id, "available");
    await client.deleteVolume(id);
    await untilBooksBalance(berth);
    expect(await client.volumes()).toEqual([]);
  });
});
