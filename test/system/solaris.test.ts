import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { backend, file, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { Initiator } from "#test/kit/initiator.ts";
import { startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { iscsiMissing } from "#test/kit/tgtd.ts";
import { until } from "#test/kit/until.ts";
import { untilGone, untilStatus } from "#test/kit/volumes.ts";
import { startSimulator } from "../simulators/kit/start.ts";
import { simulator } from "../simulators/solaris/simulator.ts";

const TEST_BOUND_MS = 180_000;
const MOVE_BOUND_MS = 120_000;
const host = new Initiator("iqn.2026-01.test.host:life");
const fine = { ok: true, text: expect.anything() };

/** A system that has a secret of its own for each host, through all of Berth. */
describe.skipIf((natsServerMissing() ?? iscsiMissing()) !== null)(
  "a Solaris host behind Berth",
  {
    timeout: TEST_BOUND_MS,
  },
  () => {
    it("serves volumes to hosts by a secret that only they are told, and agents copy from it", async () => {
      await using solaris = await startSimulator(simulator, { dataFolder: temporaryFolder(), capacityGib: 10 });
      const { parameters } = solaris.ready.backend;
      await using berth = await startInstallation({
        catalogue: (folder) =>
          goldCatalogue(["north"], backend({ name: "solaris", driver: "solaris", parameters }), file("other", folder)),
        agentsPerZone: 1,
        tgt: true,
      });
      const { client } = berth;
      const [{ id }, second] = [await client.createVolume({ size: 1 }), await client.createVolume({ size: 1 })];
      for (const one of [id, second.id]) await untilStatus(client, one, "available");

      const { info, secret } = await client.connect(id, host.iqn);
      expect(await host.io(info, secret, "write -P 0xa5 0 4M", "write -P 0x5a 1020M 4M")).toEqual(fine);
      const beside = await client.connect(second.id, host.iqn);
      expect(beside.secret).toBe(secret);
      expect(await host.io(beside.info, secret, "read -P 0 0 4M")).toEqual(fine);
      expect(await host.io(info, secret, "read -P 0xa5 0 4M")).toEqual(fine);
      for (const one of [id, second.id]) {
        await client.disconnect(one, host.iqn);
        await untilStatus(client, one, "available");
      }
      expect(await host.io(info, secret, "read 0 4k")).toMatchObject({ ok: false });
      for (const program of [berth.scheduler, ...berth.agents.values()]) expect(program.logged(secret)).toEqual([]);

      const clone = await client.createVolume({ source_volid: id, size: 1 });
      await untilStatus(client, clone.id, "available");
      await client.deleteVolume(id);
      await until("the source is gone", async () => (await client.volume(id)) === null || null);

      // An agent is a host of it like any other.
      await client.migrateVolume(clone.id, "other");
      await until(
        "the clone is on the other backend",
        async () => {
          const found = await client.volume(clone.id);
          return (found?.["os-vol-host-attr:host"] === "berth@other#other" && found.status === "available") || null;
        },
        MOVE_BOUND_MS,
      );
      const moved = await client.connect(clone.id, host.iqn);
      expect(await host.io(moved.info, moved.secret, "read -P 0xa5 0 4M", "read -P 0x5a 1020M 4M")).toEqual(fine);
      await client.disconnect(clone.id, host.iqn);
      await untilStatus(client, clone.id, "available");
      for (const one of [clone.id, second.id]) await client.deleteVolume(one);
      await untilGone(client, "volume");
      const left = JSON.parse(await readFile(join(String(parameters.san_password).slice(5), "../host.json"), "utf8"));
      expect(Object.keys(left.zfs.datasets).sort()).toEqual(["rpool", "rpool/berth"]);
      expect(left.comstar).toMatchObject({ units: {}, views: {}, targets: {}, targetGroups: {} });
    });
  },
);
