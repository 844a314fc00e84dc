import { describe, expect, test } from "vitest";
import type { ProgressStep } from "#agent/drivers/driver.ts";
import { Secret } from "#shared/secret.ts";
import {
  connectorOf,
  credentials,
  MARK,
  madeSnapshot,
  madeVolume,
  snapshotRef,
  volumeRef,
} from "#test/conformance/objects.ts";
import { callContext, leaseFor } from "#test/kit/driver-context.ts";
import { recordingLog } from "#test/kit/recording-log.ts";
import { until } from "#test/kit/until.ts";
import { recordsIn, XenClient } from "#test/kit/xen-client.ts";
import { NFS, XenStand } from "#test/kit/xen-stand.ts";

const notDone = expect.objectContaining({ name: "DriverError", outcome: "not-done" });

function srsOf(stand: XenStand) {
  return recordsIn(stand.objects, "SR").filter(({ type }) => type !== "iso");
}

describe("the SR of a backend", () => {
  test("is made on all hosts when it is opened, is found again, and by other agents", async () => {
    const stand = await XenStand.start();
    const first = await stand.driver();
    const volume = await madeVolume(first);
    const [sr] = srsOf(stand);
    expect(sr).toMatchObject({ name_label: "under-test", type: "nfs", shared: true });
    const pbds = recordsIn(stand.objects, "PBD").filter(
      ({ device_config }) => !JSON.stringify(device_config).includes("iso"),
    );
    expect(pbds).toHaveLength(3);
    for (const pbd of pbds) expect(pbd).toMatchObject({ device_config: NFS, currently_attached: true });
    await first.close();
    await stand.restart();
    const again = await stand.driver();
    expect(srsOf(stand)).toHaveLength(1);
    expect((await again.list(callContext(), null)).objects).toMatchObject([{ id: volume.id, mark: MARK }]);
  });

  test("is made once by many agents at once: who is late waits for it", async () => {
    const stand = await XenStand.start();
    stand.desk.faults.set("slow", { delayMs: 20 });
    const { log, lines } = recordingLog();
    const agents = Array.from({ length: 4 }, () => stand.closed());
    await Promise.all(agents.map((agent) => agent.open(callContext({ log }))));
    expect(lines.join()).toContain("another agent is making the SR");
    const poolIds = await Promise.all(agents.map(async (agent) => (await agent.measure(callContext())).poolId));
    expect(new Set(poolIds).size).toBe(1);
    expect(srsOf(stand)).toHaveLength(1);
    for (const agent of agents) await agent.close();
  });

  test("is found by its name and place when its making was cut short", async () => {
    const stand = await XenStand.start();
    for (let skip = 0; ; skip++) {
      stand.desk.faults.set("lost-answer", { skip, times: 1 });
      const driver = stand.closed("nfs", NFS, { id: skip + 1, name: `sr-${skip}` });
      const failed = await driver.open(callContext()).then(
        () => false,
        () => true,
      );
      const struck = stand.desk.faults.struck("lost-answer") > 0;
      stand.desk.faults.clear("lost-answer");
      // Whose answer was lost may still be under way.
      const admin = new XenClient(stand);
      await until(
        "the pool is done",
        async () => !JSON.stringify(await admin.call("task.get_all_records", [])).includes('"pending"'),
      );
      if (failed) {
        const { log, lines } = recordingLog();
        const ended = driver.open(callContext({ log })).then(() => "open");
        const waits = until("it waits", async () => lines.join().includes("another agent is making the SR"));
        if ((await Promise.race([ended, waits.catch(() => "open")])) !== "open") {
          // The claim outlives who came to no more than that.
          expect(srsOf(stand).filter(({ name_label }) => name_label === `sr-${skip}`)).toEqual([]);
          await admin.forgetClaims();
        }
        await ended;
      }
      await driver.close();
      expect(
        srsOf(stand).filter(({ name_label }) => name_label === `sr-${skip}`),
        `call ${skip}`,
      ).toHaveLength(1);
      if (!struck) return;
      expect(skip).toBeLessThan(60);
    }
  });

  test("that somebody forgot is introduced again, and its volumes are known by their uuids", async () => {
    const stand = await XenStand.start();
    const driver = await stand.driver();
    const volume = volumeRef();
    const { providerId = null } = await driver.createVolume(callContext(), volume, MARK);
    stand.desk.faults.set("sr-forgotten", { times: 1 });
    await driver.measure(callContext());
    expect(srsOf(stand)).toHaveLength(1);
    const recorded = { ...volume, providerId };
    await driver.extendVolume(callContext(), recorded, 2 * volume.sizeBytes);
    await driver.writeMark(callContext(), { volume: recorded, snapshot: null }, MARK);
    expect((await driver.list(callContext(), null)).objects).toMatchObject([
      { id: volume.id, sizeBytes: 2 * volume.sizeBytes, mark: MARK, providerId },
    ]);
    await driver.deleteVolume(callContext(), recorded);
    expect(recordsIn(stand.objects, "VDI")).toEqual([]);
  });

  test("that was forgotten while no agent ran is introduced at the next start", async () => {
    const stand = await XenStand.start();
    const driver = await stand.driver();
    await madeVolume(driver);
    const [before] = srsOf(stand);
    await driver.close();
    stand.desk.faults.set("sr-forgotten", { times: 1 });
    await stand.driver();
    expect(srsOf(stand).map(({ uuid }) => uuid)).toEqual([before?.uuid]);
  });

  test("is attached again after the hosts booted", async () => {
    const stand = await XenStand.start();
    const driver = await stand.driver();
    stand.desk.faults.set("no-pbds", { times: 1 });
    await madeVolume(driver);
    const pbds = recordsIn(stand.objects, "PBD").filter(({ device_config }) =>
      JSON.stringify(device_config).includes("myserver"),
    );
    expect(pbds.map(({ currently_attached }) => currently_attached)).toEqual([true, true, true]);
  });

  test("of a local disk is on one host; a device that holds one is not wiped", async () => {
    const stand = await XenStand.start();
    const driver = await stand.driver("lvm", { device: "/dev/sdb" });
    await madeVolume(driver);
    const [sr] = srsOf(stand);
    expect(
      recordsIn(stand.objects, "PBD").filter((pbd) => pbd.SR === sr?.ref || JSON.stringify(pbd).includes("sdb")),
    ).toHaveLength(1);
    const other = stand.closed("lvm", { device: "/dev/sdb" }, { id: 2, name: "other" });
    await expect(other.open(callContext())).rejects.toMatchObject({
      message: expect.stringContaining(`sr_uuid=${sr?.uuid}`),
    });
    const told = await stand.driver("lvm", { device: "/dev/sdb", sr_uuid: String(sr?.uuid) }, { id: 3, name: "third" });
    expect((await told.measure(callContext())).objectCount).toBe(1);
  });

  test.each([
    ["lvmohba", (stand: XenStand) => ({ SCSIid: stand.detail("hbaScsiId") })],
    [
      "lvmoiscsi",
      (stand: XenStand) => ({
        target: stand.detail("iscsiTarget"),
        targetIQN: stand.detail("iscsiTargetIqn"),
        SCSIid: stand.detail("iscsiScsiId"),
      }),
    ],
    ["ext", () => ({ device: "/dev/sdc" })],
    ["equal", () => ({ target: "192.0.2.30", username: "grpadmin", password: "file:/x", storagepool: "default" })],
    ["netapp", () => ({ target: "filer", username: "root", password: "file:/x", aggregate: "aggr0" })],
  ] as const)(
    "of type %s is made, holds volumes, snapshots and clones, and tells its space",
    async (type, parameters) => {
      const stand = await XenStand.start();
      const driver = await stand.driver(type, parameters(stand));
      const volume = await madeVolume(driver);
      const snapshot = await madeSnapshot(driver, volume);
      await driver.createVolumeFromSnapshot(callContext(), volumeRef(), MARK, snapshot);
      const measured = await driver.measure(callContext());
      expect(measured).toMatchObject({ objectCount: 3, thin: type === "ext", properties: { sr_type: type } });
      expect(measured.freeBytes).toBeLessThan(Number(measured.totalBytes));
    },
  );

  test("is not opened, with the pool's own words, while its storage cannot be reached", async () => {
    const stand = await XenStand.start();
    stand.desk.faults.set("nfs-down");
    const driver = stand.closed();
    await expect(driver.open(callContext())).rejects.toMatchObject({
      outcome: "not-done",
      message: expect.stringContaining("SR_BACKEND_FAILURE_73"),
    });
    stand.desk.faults.clear("nfs-down");
    // Nobody has to wait for the claim of a try that failed.
    await driver.open(callContext());
    await driver.close();
    expect(srsOf(stand)).toHaveLength(1);
  });
});

describe("connections", () => {
  test("tell a Xen host what the seeds' driver told, and no secret", async () => {
    const stand = await XenStand.start();
    const parameters = { target: "filer", username: "root", password: "file:/x", aggregate: "aggr0" };
    const driver = await stand.driver("netapp", parameters);
    const volume = await madeVolume(driver);
    const info = await driver.initializeConnection(callContext(), volume, connectorOf(null), credentials(volume), "rw");
    const [vdi] = recordsIn(stand.objects, "VDI");
    const [sr] = srsOf(stand);
    expect(info).toEqual({
      driverVolumeType: "xensm",
      data: {
        backend_id: 1,
        flavor_id: "gold",
        sr_uuid: sr?.uuid,
        sr_type: "netapp",
        vdi_uuid: vdi?.uuid,
        name_label: "under-test",
        target: "filer",
        username: "root",
        aggregate: "aggr0",
        introduce_sr_keys: ["target", "username", "aggregate", "sr_type"],
      },
    });
  });

  test("plug the disk into a host that is a machine of the pool, and take it out again", async () => {
    const stand = await XenStand.start();
    const driver = await stand.driver();
    const volume = await madeVolume(driver);
    const snapshot = await madeSnapshot(driver, volume);
    const guest = { ...connectorOf(null), systemUuid: stand.detail("runningVm").toUpperCase() };
    const connected = () => driver.initializeConnection(callContext(), volume, guest, credentials(volume), "rw");
    const info = await connected();
    expect(info.data).toMatchObject({ device: "/dev/xvda", vbd_uuid: expect.any(String) });
    expect(await connected()).toEqual(info);
    const read = await driver.snapshotExports?.initializeConnection(
      callContext(),
      snapshot,
      guest,
      credentials(volume),
    );
    expect(read?.data).toMatchObject({ device: "/dev/xvdb" });
    const disks = () =>
      recordsIn(stand.objects, "VBD").map(({ mode, currently_attached }) => [mode, currently_attached]);
    expect(disks()).toEqual([
      ["RW", true],
      ["RO", true],
    ]);
    await expect(driver.extendVolume(callContext(), volume, 2 * volume.sizeBytes)).rejects.toEqual(notDone);
    for (let time = 0; time < 2; time++) await driver.terminateConnection(callContext(), volume, guest);
    expect(disks()).toEqual([["RO", true]]);
    await driver.deleteSnapshot(callContext(), snapshot, volume);
    expect(disks()).toEqual([]);
    await connected();
    await driver.deleteVolume(callContext(), volume);
    expect(recordsIn(stand.objects, "VDI").filter(({ managed }) => managed)).toEqual([]);
  });

  test("of a machine that is off, or of another's disk, are refused", async () => {
    const stand = await XenStand.start();
    const driver = await stand.driver();
    const volume = await madeVolume(driver);
    const off = await new XenClient(stand).machine("guest-3");
    const connect = (systemUuid: string) =>
      driver.initializeConnection(
        callContext(),
        volume,
        { ...connectorOf(null), systemUuid },
        credentials(volume),
        "rw",
      );
    await expect(connect(off)).rejects.toMatchObject({
      outcome: "not-done",
      message: expect.stringContaining("VM_BAD_POWER_STATE"),
    });
    await driver.removeExport(callContext(), volume);
    expect(recordsIn(stand.objects, "VBD")).toEqual([]);
    await connect(stand.detail("runningVm"));
    const other = await new XenClient(stand).machine("guest-2");
    await expect(connect(other)).rejects.toMatchObject({ message: expect.stringContaining("VDI_IN_USE") });
  });
});

describe("volumes", () => {
  test("go back to a snapshot by a clone that takes their place", async () => {
    const stand = await XenStand.start();
    const driver = await stand.driver();
    const volume = volumeRef();
    const made = await driver.createVolume(callContext(), volume, MARK);
    const snapshot = await madeSnapshot(driver, volume);
    const reverted = await driver.revertVolume?.(callContext(), volume, snapshot);
    expect(reverted?.providerId).not.toBe(made.providerId);
    expect((await driver.list(callContext(), null)).objects.map(({ providerId }) => providerId)).toContain(
      reverted?.providerId,
    );
    expect((await driver.measure(callContext())).objectCount).toBe(2);
  });

  test("are what replaces them from the moment that it bears their mark, however their going back was cut short", async () => {
    const stand = await XenStand.start();
    const driver = await stand.driver();
    let both = 0;
    for (let changes = 0; changes < 7; changes++) {
      const volume = volumeRef();
      const { providerId = null } = await driver.createVolume(callContext(), volume, MARK);
      const snapshot = await madeSnapshot(driver, volume);
      await driver.revertVolume?.(callContext({ guard: leaseFor(changes) }), volume, snapshot).catch(() => undefined);
      const standing = recordsIn(stand.objects, "VDI").filter(
        ({ name_label, other_config }) =>
          name_label === `volume-${volume.id}` && !JSON.stringify(other_config).includes("berth_copy"),
      );
      const told = (await driver.list(callContext(), null)).objects.find(({ id }) => id === volume.id)?.providerId;
      const recorded = { ...volume, providerId };
      const { data } = await driver.initializeConnection(
        callContext(),
        recorded,
        connectorOf(null),
        credentials(volume),
        "rw",
      );
      expect(data.vdi_uuid, `change ${changes}`).toBe(told);
      if (standing.length === 2) {
        both += 1;
        expect(told).not.toBe(providerId);
      }
      await driver.revertVolume?.(callContext(), recorded, snapshot);
      await driver.deleteSnapshot(callContext(), snapshot, volume);
      await driver.deleteVolume(callContext(), volume);
      expect(recordsIn(stand.objects, "VDI").filter(({ managed }) => managed)).toEqual([]);
    }
    expect(both).toBeGreaterThan(0);
  });

  test("have the bytes of what they were made from, go back to them, and fill the SR with what is written", async () => {
    const stand = await XenStand.start({ capacityGib: 16 / 1024 });
    const driver = await stand.driver();
    const admin = new XenClient(stand);
    const sizeBytes = 4 * 1024 ** 2;
    const [volume, copy] = [volumeRef({ sizeBytes }), volumeRef({ sizeBytes: 2 * sizeBytes })];
    const vdiOf = async (id: string) =>
      String((await driver.list(callContext(), null)).objects.find((one) => one.id === id)?.providerId);
    await driver.createVolume(callContext(), volume, MARK);
    const [before, after] = [Buffer.alloc(4096, "before"), Buffer.alloc(4096, "after")];
    await admin.write(await vdiOf(volume.id), before);
    const snapshot = await madeSnapshot(driver, volume);
    await admin.write(await vdiOf(volume.id), after);
    await driver.createVolumeFromSnapshot(callContext(), copy, MARK, snapshot);
    const bytes = await admin.read(await vdiOf(copy.id));
    expect([bytes.length, bytes.subarray(0, 4096).equals(before)]).toEqual([copy.sizeBytes, true]);
    expect((await admin.read(await vdiOf(volume.id))).subarray(0, 4096).equals(after)).toBe(true);
    await driver.revertVolume?.(callContext(), volume, snapshot);
    expect((await admin.read(await vdiOf(volume.id))).subarray(0, 4096).equals(before)).toBe(true);
    const free = async () => Number((await driver.measure(callContext())).freeBytes);
    const freeBefore = await free();
    const full = Buffer.alloc(volume.sizeBytes, "x");
    expect(await admin.write(await vdiOf(volume.id), full)).toBe(200);
    expect(freeBefore - (await free())).toBeGreaterThanOrEqual(volume.sizeBytes - 2 * 4096);
    // Promised it is, but there is no room for the bytes.
    const more = [1, 2, 3].map(() => volumeRef({ sizeBytes }));
    const answers: number[] = [];
    for (const one of more) {
      await driver.createVolume(callContext(), one, MARK);
      answers.push(await admin.write(await vdiOf(one.id), full));
    }
    expect(answers).toEqual([200, 200, 500]);
  });

  test("move to another SR of the pool as a task that tells how far it is", async () => {
    const stand = await XenStand.start();
    const [from, to] = [
      await stand.driver(),
      await stand.driver("lvm", { device: "/dev/sdb" }, { id: 2, name: "local" }),
    ];
    const [volume, target] = [await madeVolume(from), volumeRef()];
    const steps: ProgressStep[] = [];
    const progress = { checkpointBytes: async () => 0, tell: (step: ProgressStep) => void steps.push(step) };
    const move = () =>
      from.migrateVolume?.(callContext({ progress }), volume, { driver: to, volume: target, mark: MARK });
    const moved = await move();
    expect(await move()).toEqual(moved);
    expect(steps.map(({ totalBytes }) => totalBytes)).toContain(volume.sizeBytes);
    expect(steps.at(-1)?.doneBytes).toBe(volume.sizeBytes);
    expect((await from.list(callContext(), null)).objects).toEqual([]);
    expect((await to.list(callContext(), null)).objects).toMatchObject([{ id: target.id, whole: true, mark: MARK }]);
  });

  test("are copied byte by byte where the chain of snapshots is too long", async () => {
    const stand = await XenStand.start();
    const driver = await stand.driver();
    const [source, clone] = [await madeVolume(driver), volumeRef()];
    stand.desk.faults.set("chain-limit");
    await driver.cloneVolume(callContext(), clone, MARK, source);
    expect(stand.desk.calls.byMethod()["Async.VDI.copy"]).toBe(1);
    await expect(driver.createSnapshot(callContext(), snapshotRef(source), source, MARK)).rejects.toEqual(notDone);
    expect((await driver.list(callContext(), null)).objects.map(({ whole }) => whole)).toEqual([true, true]);
  });

  test("whose snapshots are gone are told as a backlog of the coalescer until it is done", async () => {
    const stand = await XenStand.start();
    const driver = await stand.driver();
    const volume = await madeVolume(driver);
    stand.desk.faults.set("coalesce-stalled");
    await driver.deleteSnapshot(callContext(), await madeSnapshot(driver, volume), volume);
    const backlog = async () => (await driver.measure(callContext())).properties?.coalesce_backlog;
    expect(await backlog()).toBe(1);
    stand.desk.faults.clear("coalesce-stalled");
    await until("it is coalesced", async () => (await backlog()) === 0);
  });

  test("that others copied or snapshotted are others'", async () => {
    const stand = await XenStand.start();
    const driver = await stand.driver();
    const volume = volumeRef();
    const { providerId = null } = await driver.createVolume(callContext(), volume, MARK);
    const admin = new XenClient(stand);
    await admin.call("VDI.snapshot", [await admin.call("VDI.get_by_uuid", [providerId]), {}]);
    const { objects, foreign } = await driver.list(callContext(), null);
    expect(objects).toMatchObject([{ id: volume.id, providerId }]);
    expect(foreign).toHaveLength(1);
    await driver.deleteVolume(callContext(), { ...volume, providerId });
    expect((await driver.list(callContext(), null)).foreign).toHaveLength(1);
  });

  test("are told from copies that others made of them, mark and all, by what is recorded", async () => {
    const stand = await XenStand.start();
    const driver = await stand.driver();
    const volume = volumeRef();
    const { providerId = null } = await driver.createVolume(callContext(), volume, MARK);
    const admin = new XenClient(stand);
    const vdi = await admin.call("VDI.get_by_uuid", [providerId]);
    const copy = await admin.call("VDI.copy", [vdi, await admin.call("VDI.get_SR", [vdi])]);
    await expect(driver.deleteVolume(callContext(), volume)).rejects.toEqual(notDone);
    await driver.deleteVolume(callContext(), { ...volume, providerId });
    expect(recordsIn(stand.objects, "VDI").map(({ uuid }) => uuid)).toEqual([await admin.call("VDI.get_uuid", [copy])]);
  });

  test("are not made where another of their name is, which is left alone", async () => {
    const stand = await XenStand.start();
    const driver = await stand.driver();
    const volume = volumeRef();
    await new XenClient(stand).plant(`volume-${volume.id}`, volume.sizeBytes);
    await expect(driver.createVolume(callContext(), volume, MARK)).rejects.toEqual(notDone);
    await driver.deleteVolume(callContext(), volume);
    expect(await driver.list(callContext(), null)).toMatchObject({ objects: [], foreign: [`volume-${volume.id}`] });
  });
});

test("secrets are in no log and no error, and go to the pool alone", async () => {
  const stand = await XenStand.start();
  const secret = new Secret("s3cret-of-the-filer");
  const driver = stand.closed(
    "netapp",
    { target: "f", username: "u", password: "file:/x", aggregate: "a" },
    {},
    secret,
  );
  stand.desk.faults.set("full");
  const error: unknown = await driver.open(callContext()).catch((thrown: unknown) => thrown);
  await driver.close();
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(secret.reveal());
});
