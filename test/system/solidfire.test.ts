import { Type } from "typebox";
import { describe, expect, it } from "vitest";
import { volumeName } from "#agent/drivers/names.ts";
import { parser } from "#shared/schema.ts";
import { BYTES_PER_GIB } from "#shared/units.ts";
import { elementCall } from "#test/kit/element-call.ts";
import { backend, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { Initiator } from "#test/kit/initiator.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { iscsiMissing } from "#test/kit/tgtd.ts";
import { until } from "#test/kit/until.ts";
import { untilGone, untilStatus } from "#test/kit/volumes.ts";
import { type StartedSimulator, startSimulator } from "#test/simulators/kit/start.ts";
import { simulator } from "#test/simulators/solidfire/simulator.ts";

const host = new Initiator("iqn.2026-01.test.host:solidfire");
const WRITE = "write -P 0xa5 1M 4M";
const READ = "read -P 0xa5 1M 4M";

async function berthOn(cluster: StartedSimulator): Promise<Installation> {
  const { parameters } = cluster.ready.backend;
  const solidfire = backend({ name: "solidfire", driver: "solidfire", parameters });
  return await startInstallation({ catalogue: () => goldCatalogue(["north"], solidfire) });
}

/** Lets the host in, has it do all that, and sends it away. */
async function useOnce({ client }: Installation, id: string, ...commands: readonly string[]): Promise<void> {
  const { info, secret } = await client.connect(id, host.iqn);
  expect(await host.io(info, secret, ...commands)).toMatchObject({ ok: true });
  await client.disconnect(id, host.iqn);
  await untilStatus(client, id, "available");
  expect(await host.io(info, secret, "read 0 4k")).toMatchObject({ ok: false });
}

const volumes = parser(Type.Object({ volumes: Type.Array(Type.Object({ name: Type.String() })) }));
const volumesOn = async (cluster: StartedSimulator) => volumes.parse(await elementCall(cluster, "ListVolumes")).volumes;

describe.skipIf((natsServerMissing() ?? iscsiMissing()) !== null)("volumes on a SolidFire cluster", () => {
  it("hold what a host wrote, in their snapshots and clones as well, and leave nothing behind", async () => {
    await using cluster = await startSimulator(simulator, { dataFolder: temporaryFolder(), capacityGib: 20 });
    await using berth = await berthOn(cluster);
    const { client } = berth;
    const { id } = await client.createVolume({ name: "data", size: 1 });
    await untilStatus(client, id, "available");
    await useOnce(berth, id, WRITE, READ);
    const snapshot = await client.createSnapshot(id);
    await untilStatus(client, snapshot.id, "available", "snapshot");
    await useOnce(berth, id, "write -P 0x11 1M 4M");
    const copy = await client.createVolume({ snapshot_id: snapshot.id, size: 2 });
    await untilStatus(client, copy.id, "available");
    await useOnce(berth, copy.id, READ);
    await client.revert(id, snapshot.id);
    await untilStatus(client, id, "available");
    await client.extendVolume(copy.id, 3);
    await untilStatus(client, copy.id, "available");
    const { info, secret } = await client.connect(copy.id, host.iqn);
    expect(await host.sizeBytes(info, secret)).toBe(3 * BYTES_PER_GIB);
    await client.disconnect(copy.id, host.iqn);
    await untilStatus(client, copy.id, "available");
    await useOnce(berth, id, READ);
    const nothing = { differing: 0, exposed: 0, foreign: 0, missing: 0, orphans: 0 };
    expect(await client.audit()).toMatchObject({ backends: [{ counts: { ...nothing, recorded: 3 }, marks: true }] });

    await client.deleteSnapshot(snapshot.id);
    await untilGone(client, "snapshot");
    for (const one of [id, copy.id]) await client.deleteVolume(one);
    await untilGone(client, "volume");
    expect(await volumesOn(cluster)).toEqual([]);
  }, 120_000);

  it("are made once each, though answers are lost and an agent is killed meanwhile", async () => {
    await using cluster = await startSimulator(simulator, {
      dataFolder: temporaryFolder(),
      capacityGib: 50,
      iscsi: false,
    });
    await using berth = await berthOn(cluster);
    const { client } = berth;
    cluster.desk.faults.set("lost-answer", { methods: ["CreateVolume"], skip: 2, times: 3 });
    cluster.desk.faults.set("slow", { methods: ["CreateVolume"], delayMs: 100 });
    const wanted = await Promise.all(Array.from({ length: 12 }, () => client.createVolume({ size: 1 })));
    await until("some are made", () => (cluster.desk.calls.byMethod().CreateVolume ?? 0) > 4);
    await berth.agent("north-1").kill();
    for (const { id } of wanted) await untilStatus(client, id, "available");
    const names = (await volumesOn(cluster)).map(({ name }) => name);
    expect(names.sort()).toEqual(wanted.map(({ id }) => volumeName(id)).sort());
  }, 120_000);
});
