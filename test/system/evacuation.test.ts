import { describe, expect, it } from "vitest";
import { berthCommand } from "#test/kit/berth-command.ts";
import { untilBooksBalance } from "#test/kit/books.ts";
import { file, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { until } from "#test/kit/until.ts";
import { untilStatus } from "#test/kit/volumes.ts";

const TEST_BOUND_MS = 120_000;

describe.skipIf(natsServerMissing() !== null)("draining a backend of its volumes", { timeout: TEST_BOUND_MS }, () => {
  it("goes on where it was after the scheduler was killed, and leaves nothing behind", async () => {
    await using berth = await startInstallation({
      catalogue: (folder) => goldCatalogue(["north"], file("old", folder), file("new", folder)),
    });
    const { client } = berth;
    const ids: string[] = [];
    for (let n = 0; n < 6; n++) ids.push((await client.createVolume({ size: 1 })).id);
    for (const id of ids) await untilStatus(client, id, "available");
    const begun = await berthCommand(berth, "backend", "drain", "old", "--reason", "old disks", "--migrate", "--json");
    expect([begun.exitCode, begun.err]).toEqual([0, ""]);
    const moved = async (): Promise<number> =>
      (await client.volumes()).filter((volume) => volume["os-vol-host-attr:host"] === "berth@new#new").length;
    await until("one has left", async () => (await moved()) > 0);
    await berth.scheduler.kill("SIGKILL");
    berth.scheduler.start();
    await berth.ready();
    const waited = await berthCommand(berth, "backend", "evacuation", "old", "--wait", "--json");
    expect([waited.exitCode, waited.err]).toEqual([0, ""]);
    expect(JSON.parse(waited.out)).toMatchObject({ evacuation: { left: 0, evacuation: { moved: 6 } } });
    await untilBooksBalance(berth);
    await until("nothing is left there", async () => {
      const removed = await berthCommand(berth, "backend", "remove", "old");
      return removed.exitCode === 0;
    });
  });
});
