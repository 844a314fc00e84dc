import { describe, expect, it } from "vitest";
import { berthCommand } from "#test/kit/berth-command.ts";
import { file, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { Initiator } from "#test/kit/initiator.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { iscsiMissing } from "#test/kit/tgtd.ts";
import { until } from "#test/kit/until.ts";
import { untilStatus } from "#test/kit/volumes.ts";

const TEST_BOUND_MS = 120_000;
const host = new Initiator("iqn.2026-01.test.host:dead");
const MISSING = natsServerMissing() ?? iscsiMissing();

describe.skipIf(MISSING !== null)("volume disconnect --force", { timeout: TEST_BOUND_MS }, () => {
  it("frees the volume at once while nobody serves its backend, and shuts the host out when somebody does", async () => {
    await using berth = await startInstallation({
      catalogue: (folder) => goldCatalogue(["north"], file("images", folder)),
      agentsPerZone: 1,
      tgt: true,
    });
    const { client } = berth;
    const { id } = await client.createVolume({ size: 1, name: "data" });
    await untilStatus(client, id, "available");
    const { info, secret } = await client.connect(id, host.iqn);
    expect(await host.io(info, secret, "write -P 0xa5 0 1M")).toMatchObject({ ok: true });
    await berth.agent("north-1").kill("SIGKILL");

    expect(await berthCommand(berth, "volume", "disconnect", "data")).toMatchObject({ exitCode: 0 });
    await untilStatus(client, id, "detaching");
    // Nobody is there to be asked: it must be said.
    const unsaid = await berthCommand(berth, "volume", "disconnect", "data", "--force");
    expect([unsaid.exitCode, unsaid.err]).toEqual([expect.any(Number), expect.stringContaining("--yes")]);
    expect(unsaid.exitCode).not.toBe(0);
    expect(await statusOf(berth)).toBe("detaching");

    const forced = await berthCommand(berth, "volume", "disconnect", "data", "--force", "--yes", "--json");
    expect([forced.exitCode, forced.err]).toEqual([0, ""]);
    expect(JSON.parse(forced.out)).toMatchObject({ volume: { status: "available", attachments: [] } });
    expect(await client.volume(id)).toMatchObject({ status: "available", attachments: [] });
    // tgtd knows nothing of that yet: the host is still let in.
    expect(await host.io(info, secret, "read -P 0xa5 0 1M")).toMatchObject({ ok: true });

    berth.agent("north-1").start();
    await until("the host is shut out", async () => !(await host.io(info, secret, "read -P 0xa5 0 1M")).ok, 60_000);
    await until("nothing is left of it", async () => (await client.attachments("volumes", id)).length === 0);
    const again = await client.connect(id, host.iqn);
    expect(again.secret).not.toBe(secret);
    expect(await host.io(again.info, again.secret, "read -P 0xa5 0 1M")).toMatchObject({ ok: true });
    const history = await berthCommand(berth, "volume", "history", "data");
    expect(history.out).toContain("attachment.disconnect");
  });
});

async function statusOf(berth: Installation): Promise<string> {
  const { out } = await berthCommand(berth, "volume", "show", "data", "--json");
  return JSON.parse(out).volume.status;
}
