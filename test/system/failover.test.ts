import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { failoverAnswers } from "#scheduler/api/operator/failover-schemas.ts";
import { berthCommand } from "#test/kit/berth-command.ts";
import { untilBooksBalance } from "#test/kit/books.ts";
import { layCrashOrder } from "#test/kit/crash-order.ts";
import { fake, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { until } from "#test/kit/until.ts";
import { untilStatus } from "#test/kit/volumes.ts";

const TEST_BOUND_MS = 240_000;
const STEP_BOUND_MS = 60_000;
const HOST = "iqn.2026-01.test:host";

async function berth(installation: Installation, ...argv: readonly string[]): Promise<string> {
  const { exitCode, out, err } = await berthCommand(installation, ...argv);
  expect(exitCode, `berth ${argv.join(" ")}: ${err}`).toBe(0);
  return out;
}

/** How the backend is, as `berth backend failover 1` tells it. */
async function sides(installation: Installation) {
  return failoverAnswers.parse(JSON.parse(await berth(installation, "backend", "failover", "1", "--json")));
}

async function untilOn(installation: Installation, side: string) {
  return await until(
    `backend 1 is on ${side}`,
    async () => {
      const now = await sides(installation);
      return now.side === side && now.failover === null ? now : null;
    },
    STEP_BOUND_MS,
  );
}

/** Each agent dies in its first job; the scheduler dies without a word. Then all come back. */
async function killEverybody(installation: Installation, to: string): Promise<void> {
  const points = ["job-taken", "driver-done"] as const;
  const agents = [...installation.agents.values()];
  for (const [n, agent] of agents.entries()) {
    const file = join(installation.folder, `crash-order-${agent.name}`);
    await layCrashOrder(file, { point: points[n] ?? "job-taken", passing: 1, how: "kill" });
    await agent.kill();
    agent.start({ BERTH_CRASH_ORDER: file });
  }
  await installation.ready();
  await berth(installation, "backend", "failover", "1", "--to", to, "--yes", "--no-wait");
  await Promise.all(agents.map((agent) => agent.ended()));
  await installation.scheduler.restart();
  for (const agent of agents) agent.start();
  await installation.ready();
}

describe.skipIf(natsServerMissing() !== null)("a backend with a replication target", { timeout: TEST_BOUND_MS }, () => {
  it("goes over to it and back, whoever dies meanwhile, and nothing is written to the side that was left", async () => {
    await using installation = await startInstallation({
      catalogue: () => goldCatalogue(["north"], fake("main"), fake("spare")),
    });
    const { client, folder } = installation;
    await berth(installation, "backend", "set", "main", "--replication-target", "name=dr,capacity_gib=90");
    expect(await berth(installation, "backend", "show", "main")).toContain("dr (capacity_gib=90)");
    await berth(installation, "flavor", "create", "mirrored");
    await berth(installation, "flavor", "set", "mirrored", "replication_enabled=<is> True");
    for (const name of ["spare", "main"]) await berth(installation, "backend", "join", name, "mirrored");
    const refused = await berthCommand(installation, "backend", "failover", "spare", "--to", "dr", "--yes");
    expect(refused.err).toContain("(replication)");

    const made = async (flavor: string): Promise<string> => {
      const { id } = await client.createVolume({ size: 1, volume_type: flavor });
      await untilStatus(client, id, "available");
      return id;
    };
    await until("the target is reported", async () =>
      (await client.backend("main", true)).capacity?.capabilities.includes("replication"),
    );
    const [kept, grown, removed, connected] = [
      await made("mirrored"),
      await made("mirrored"),
      await made("mirrored"),
      await made("mirrored"),
    ];
    const plain = await made("gold");
    await client.connect(connected, HOST);

    await killEverybody(installation, "dr");
    const over = await untilOn(installation, "dr");
    expect(over).toMatchObject({ usable: 4, aside: 1 });
    expect(over.volumes[0]).toMatchObject({
      id: plain,
      status: "error",
      aside: { side: "default", status: "available" },
    });
    for (const id of [kept, grown, removed]) await untilStatus(client, id, "available");
    await untilStatus(client, connected, "in-use");
    expect(over.volumes.find(({ id }) => id === kept)?.replicationStatus).toBe("failed-over");
    expect(await berth(installation, "volume", "history", kept)).toContain("backend.failover");

    // The side that was left stays as it was, whatever is done now.
    const journal = (): string => readFileSync(join(folder, "fake", "backend-1.journal"), "utf8");
    const left = journal();
    await client.extendVolume(grown, 2);
    await client.deleteVolume(removed);
    await client.disconnect(connected, HOST);
    await untilStatus(client, grown, "available");
    await untilStatus(client, connected, "available");
    await until("it is deleted", async () => (await client.volume(removed)) === null);
    const refusedNew = await client.dryRun({ sizeGib: 1, flavor: "gold" });
    expect(refusedNew.verdicts[0]).toMatchObject({ reason: "failed-over" });
    expect(journal()).toBe(left);

    await berth(installation, "backend", "freeze", "main", "--reason", "firmware");
    const frozen = await berthCommand(installation, "volume", "delete", kept);
    expect(frozen.err).toContain("firmware");
    await berth(installation, "backend", "thaw", "main");

    await killEverybody(installation, "default");
    expect(await untilOn(installation, "default")).toMatchObject({ usable: 4, aside: 0 });
    for (const id of [kept, grown, connected, plain]) await untilStatus(client, id, "available");
    expect((await client.volume(grown))?.size).toBe(2);
    const history = await berth(installation, "backend", "history", "main");
    for (const word of ["to dr", "to default", "backend.freeze", "backend.thaw"]) expect(history).toContain(word);
    await untilBooksBalance(installation);
  });
});
