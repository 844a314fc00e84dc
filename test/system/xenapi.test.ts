import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { EMPTY_CATALOGUE } from "#shared/model/catalogue.ts";
import { berthCommand } from "#test/kit/berth-command.ts";
import { startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { until } from "#test/kit/until.ts";
import { recordsIn } from "#test/kit/xen-client.ts";
import { startSimulator } from "#test/simulators/kit/start.ts";
import { simulator } from "#test/simulators/xenapi/simulator.ts";

const TEST_BOUND_MS = 120_000;

describe.skipIf(natsServerMissing() !== null)(
  "a Xen pool in the words of the seeds",
  { timeout: TEST_BOUND_MS },
  () => {
    it("is declared once for its zone, and keeps volumes in an SR that is found again", async () => {
      await using berth = await startInstallation({ catalogue: () => EMPTY_CATALOGUE });
      await using xen = await startSimulator(simulator, { dataFolder: join(berth.folder, "xen"), iscsi: false });
      const { xenapi_url, xenapi_user, xenapi_password } = xen.ready.zoneSettings ?? {};
      const done = async (...argv: readonly string[]): Promise<string> => {
        const outcome = await berthCommand(berth, ...argv);
        expect(outcome, argv.join(" ")).toMatchObject({ exitCode: 0 });
        return outcome.out;
      };
      const up = (backends: number) =>
        until("its backends are up", async () => (await berth.client.health()).backendsUp === backends);

      await done("zone", "create", "north");
      for (const agent of ["north-1", "north-2"]) berth.addAgent(agent, "north");
      await done("sm", "flavor_create", "gold", "Not all that glitters");
      const pool = [`xenapi_url=${xenapi_url}`, `xenapi_user=${xenapi_user}`, `xenapi_password=${xenapi_password}`];
      await done("zone", "set", "north", ...pool);
      const nfs = ["name_label=toybox-renuka", "server=myserver", "serverpath=/local/scratch/myname"];
      await done("backend", "add", "gold", "nfs", ...nfs);
      await up(1);
      await done("volume", "create", "--flavor", "gold", "--size", "1", "--zone", "north", "--name", "first", "--wait");
      await done("snapshot", "create", "first", "--name", "before", "--wait");
      const connected: unknown = JSON.parse(await done("volume", "connect", "first", "--host", "xen9", "--json"));
      expect(connected).toMatchObject({
        driverVolumeType: "xensm",
        data: {
          sr_type: "nfs",
          server: "myserver",
          serverpath: "/local/scratch/myname",
          introduce_sr_keys: ["server", "serverpath", "sr_type"],
        },
      });
      const objects = (name: "SR" | "VDI") => recordsIn(xen.running.objects(), name);
      const made = objects("SR").filter(({ name_label }) => name_label === "toybox-renuka");
      expect(made).toHaveLength(1);
      expect(objects("VDI").map(({ name_label }) => String(name_label).split("-")[0])).toEqual(
        expect.arrayContaining(["volume", "snapshot"]),
      );

      await berth.agent("north-1").restart();
      await berth.agent("north-2").restart();
      await up(1);
      await done("volume", "disconnect", "first", "--host", "xen9");
      await done("snapshot", "delete", "before", "--wait");
      await done("volume", "delete", "first", "--wait");
      expect(objects("SR").map(({ uuid }) => uuid)).toContain(made[0]?.uuid);
      await until("its VDIs are gone", () => objects("VDI").filter(({ managed }) => managed).length === 0);
    });
  },
);
