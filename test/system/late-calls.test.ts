import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exportOfVolume, targetIqn, volumeName } from "#agent/drivers/names.ts";
import { TgtManagement } from "#agent/export/tgt/management.ts";
import { TgtExport } from "#agent/export/tgt.ts";
import { Secret } from "#shared/secret.ts";
import { untilBooksBalance } from "#test/kit/books.ts";
import { callContext } from "#test/kit/driver-context.ts";
import { fake, file, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { iscsiMissing } from "#test/kit/tgtd.ts";
import { until } from "#test/kit/until.ts";
import { untilGone, untilStatus } from "#test/kit/volumes.ts";

const BOUND_MS = 90_000;
const HOST = "iqn.2026-01.test.host:late";

describe.skipIf((natsServerMissing() ?? iscsiMissing()) !== null)("a paused agent's connect", () => {
  it("that lands when its host was sent away is taken back by the sweep", { timeout: BOUND_MS }, async () => {
    await using installation = await startInstallation({
      catalogue: (folder) => goldCatalogue(["north"], file("images", folder, { format: "raw" })),
      settings: { BERTH_SWEEP_INTERVAL_MS: "300" },
      tgt: true,
    });
    const { client, tgtd } = installation;
    if (tgtd === null) throw new Error("there is no tgtd");
    const { id } = await client.createVolume({ name: "data", size: 1 });
    await untilStatus(client, id, "available");
    await client.connect(id, HOST);
    await client.disconnect(id, HOST);
    await untilStatus(client, id, "available");

    // As if an agent that was paused in the midst of the connect had woken now.
    const late = new TgtExport(tgtd);
    const name = exportOfVolume(id, "rw");
    const path = join(installation.folder, "backends", "images", volumeName(id));
    await late.ensure(callContext(), { ...name, path }, { username: "late", secret: new Secret("a".repeat(16)) });
    await late.allow(callContext(), name, HOST);
    await until("it is shut out", async () => {
      const targets = await new TgtManagement(tgtd.socketPath).targets(callContext());
      return targets.every(({ iqn }) => iqn !== targetIqn(name));
    });
    expect(installation.scheduler.logged("shuts them out", id).length).toBeGreaterThan(0);
    await untilStatus(client, id, "available");
    await untilBooksBalance(installation);
  });
});

describe.skipIf(natsServerMissing() !== null)("the delete of a volume that is being created", () => {
  it("works, and wins, whether an agent is at it or not", { timeout: BOUND_MS }, async () => {
    await using installation = await startInstallation({
      catalogue: () => goldCatalogue(["north"], fake("slow", { capacity_gib: 100, slow_ms: 500 })),
    });
    const { client } = installation;
    // More than a backend has in hand: some are with an agent, others wait for a slot.
    const made = await Promise.all(
      Array.from({ length: 30 }, (_, n) => client.createVolume({ name: `v${n}`, size: 1 })),
    );
    expect(new Set(made.map(({ status }) => status))).toEqual(new Set(["creating"]));
    await Promise.all(made.map(({ id }) => client.deleteVolume(id)));
    await untilGone(client, "volume");
    await untilBooksBalance(installation);
  });
});
