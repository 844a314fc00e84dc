import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { CallContext, Driver } from "#agent/drivers/driver.ts";
import { volumeName } from "#agent/drivers/names.ts";
import type { OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import { BYTES_PER_GIB } from "#shared/units.ts";
import { snapshotRef, volumeRef } from "#test/conformance/objects.ts";
import { callContext } from "#test/kit/driver-context.ts";
import { SolidFireStand } from "#test/kit/solidfire-stand.ts";
import { until } from "#test/kit/until.ts";

const GIB = BYTES_PER_GIB;
const MARK: OwnerMark = { projectId: "acme", flavorName: "gold", name: "first" };
const notDone = expect.objectContaining({ outcome: "not-done" });
const noSpace = expect.objectContaining({ outcome: "no-space" });
const unknown = expect.objectContaining({ outcome: "unknown" });

function ref(fields: Partial<VolumeRef> = {}): VolumeRef {
  return volumeRef({ sizeBytes: GIB, ...fields });
}

async function made(driver: Driver, fields: Partial<VolumeRef> = {}, mark = MARK): Promise<VolumeRef> {
  const volume = ref(fields);
  const { providerId = null } = await driver.createVolume(callContext(), volume, mark);
  return { ...volume, providerId };
}

async function taken(driver: Driver, volume: VolumeRef): Promise<SnapshotRef> {
  const snapshot = snapshotRef(volume);
  const { providerId = null } = await driver.createSnapshot(callContext(), snapshot, volume, MARK);
  return { ...snapshot, providerId };
}

describe("tenants", () => {
  test("a project's volumes are in the account <host>-<project>, made once with a secret of 12 letters and digits", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent({ sf_account_prefix: "node-1" });
    await Promise.all([made(driver), made(driver), made(await stand.agent({ sf_account_prefix: "node-1" }))]);
    const accounts = stand.cluster.accounts;
    expect(accounts.map(({ username }) => username)).toEqual(["node-1-acme"]);
    expect(accounts[0]?.initiatorSecret).toMatch(/^[A-Z0-9]{12}$/);
    expect(stand.cluster.volumes.map(({ accountID }) => accountID)).toEqual([1, 1, 1]);
  });

  test("an account that is there already is taken, and one that is full has another behind it", async () => {
    await using stand = await SolidFireStand.start({ settings: { limits: { volumesPerAccountCountMax: 2 } } });
    const { accountID } = await stand.rpc("AddAccount", { username: "stand-acme" });
    const driver = await stand.agent();
    for (let count = 0; count < 5; count++) await made(driver);
    expect(stand.cluster.volumes.map(({ accountID: id }) => id)).toEqual([1, 1, 2, 2, 3]);
    expect(stand.cluster.accounts.map(({ username }) => username)).toEqual([
      "stand-acme",
      "stand-acme_",
      "stand-acme__",
    ]);
    expect(accountID).toBe(1);
  });

  test("an account that was removed and made again meanwhile is found again", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const first = await made(driver);
    await driver.deleteVolume(callContext(), first);
    await stand.rpc("RemoveAccount", { accountID: 1 });
    await made(driver);
    expect(stand.cluster.volumes).toMatchObject([{ accountID: 2 }]);
  });

  test("a name that is too long for an account is shortened, and never to that of another project", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const projects = ["a", "b"].map((end) => `${"p".repeat(250)}${end}`);
    for (const projectId of projects) await made(driver, {}, { ...MARK, projectId });
    const names = stand.cluster.accounts.map(({ username }) => username);
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name.length).toBeLessThanOrEqual(64);
  });

  test("a volume that somebody moved to another tenant's account is not deleted on our word", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const volume = await made(driver);
    await made(driver, {}, { ...MARK, projectId: "other" });
    await stand.rpc("ModifyVolume", { volumeID: 1, accountID: 2 });
    await expect(driver.deleteVolume(callContext(), volume)).rejects.toEqual(notDone);
    expect(stand.cluster.volumes.length).toBe(2);
    await stand.rpc("ModifyVolume", { volumeID: 1, accountID: 1 });
    await driver.deleteVolume(callContext(), volume);
    expect(stand.cluster.volumes.map(({ volumeID }) => volumeID)).toEqual([2]);
  });

  test("handed over, a volume goes to the account of its new project together with its mark", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const volume = await made(driver);
    await driver.writeMark(callContext(), { volume, snapshot: null }, { ...MARK, projectId: "other" });
    expect(stand.cluster.volumes).toMatchObject([{ accountID: 2, attributes: { "berth-project": "other" } }]);
    await driver.deleteVolume(callContext(), volume);
    expect(stand.cluster.volumes).toEqual([]);
  });
});

describe("whose it is", () => {
  test("a volume of the same name that is not ours is left alone, and ours is not made beside it", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const volume = ref();
    await stand.stranger({ name: volumeName(volume.id) });
    await expect(driver.createVolume(callContext(), volume, MARK)).rejects.toEqual(notDone);
    await driver.deleteVolume(callContext(), volume);
    expect(stand.cluster.volumes).toMatchObject([{ volumeID: 1, attributes: {} }]);
    expect(await driver.list(callContext(), null)).toMatchObject({
      objects: [],
      foreign: [volumeName(volume.id)],
    });
  });

  test("a list that begins with an id may begin with another volume, which is not taken for ours", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const gone = await made(driver);
    const next = await made(driver);
    await driver.deleteVolume(callContext(), gone);
    await driver.deleteVolume(callContext(), gone);
    await expect(driver.extendVolume(callContext(), gone, 2 * GIB)).rejects.toEqual(notDone);
    expect(stand.cluster.volumes).toMatchObject([{ name: volumeName(next.id), totalSize: GIB }]);
  });

  test("a copy that somebody made of ours bears our attributes, and is not ours", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const volume = await made(driver);
    await stand.rpc("CloneVolume", { volumeID: 1, name: "somebodys-copy" });
    expect((await driver.measure(callContext())).objectCount).toBe(1);
    expect((await driver.list(callContext(), null)).foreign).toEqual(["somebodys-copy"]);
    await driver.deleteVolume(callContext(), { ...volume, providerId: null });
    expect(stand.cluster.volumes.map(({ name }) => name)).toEqual(["somebodys-copy"]);
  });

  test("what others keep in the attributes stays, and a name that does not fit is shortened", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const volume = await made(driver, {}, { ...MARK, projectId: "p".repeat(255), name: "🚢".repeat(127) });
    const [standing] = stand.cluster.volumes;
    await stand.rpc("ModifyVolume", { volumeID: 1, attributes: { ...standing?.attributes, theirs: "note" } });
    const mark = { ...MARK, projectId: "p".repeat(255), name: "船".repeat(255) };
    await driver.writeMark(callContext(), { volume, snapshot: null }, mark);
    expect(stand.cluster.volumes[0]?.attributes).toMatchObject({ theirs: "note", berth: volume.id });
    const [told] = (await driver.list(callContext(), null)).objects;
    expect(told?.mark).toMatchObject({ projectId: mark.projectId, flavorName: "gold" });
    expect(told?.mark?.name.length).toBeGreaterThan(150);
    expect(mark.name).toContain(told?.mark?.name);
  });

  test("a volume with snapshots is not deleted, for they would go with it; what is deleted and not purged is gone", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const volume = await made(driver);
    const snapshot = await taken(driver, volume);
    await expect(driver.deleteVolume(callContext(), volume)).rejects.toEqual(notDone);
    await driver.deleteSnapshot(callContext(), snapshot, volume);
    stand.fault("cut", { methods: ["PurgeDeletedVolume"] });
    await expect(driver.deleteVolume(callContext(), volume)).rejects.toEqual(unknown);
    expect(stand.cluster.volumes).toMatchObject([{ status: "deleted" }]);
    expect((await driver.list(callContext(), null)).objects).toEqual([]);
    await expect(driver.extendVolume(callContext(), volume, 2 * GIB)).rejects.toEqual(notDone);
    stand.clearFaults();
    await driver.deleteVolume(callContext(), volume);
    expect(stand.cluster.volumes).toEqual([]);
  });
});

describe("limits on throughput", () => {
  const spec = (qos: NonNullable<VolumeRef["spec"]>["qos"], vendor: Record<string, string> = {}) => ({
    spec: { provisioning: null, compression: false, vendor, qos },
  });
  const qosOf = (stand: SolidFireStand, n = 0) => stand.cluster.volumes[n]?.qos;

  test("are the array's own figures, scaled by size, or the field's, within what the array takes", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    await made(driver, spec({ minIOPS: "200", maxIOPS: "400", burstIOPS: "800" }));
    const scaled = { minIOPS: "100", maxIOPS: "200", burstIOPS: "300", scaledIOPS: "True" };
    const factors = { scaleMin: "10", scaleMax: "20", scaleBurst: "30" };
    await made(driver, { sizeBytes: 5 * GIB, ...spec({ ...scaled, ...factors }) });
    await made(driver, spec({ total_iops_sec: 500, total_iops_sec_max: 900 }));
    await made(driver, spec(null, { "qos:minIOPS": "60", "qos:maxIOPS": "1000000", "qos:burstIOPS": "1000000" }));
    await made(driver);
    expect(
      stand.cluster.volumes.map(({ qos: { minIOPS, maxIOPS, burstIOPS } }) => [minIOPS, maxIOPS, burstIOPS]),
    ).toEqual([
      [200, 400, 800],
      [140, 280, 420],
      [50, 500, 900],
      [60, 200_000, 200_000],
      [50, 15_000, 15_000],
    ]);
    for (const limits of [
      { minIOPS: "500", maxIOPS: "400", burstIOPS: "800" },
      { maxIOPS: "many" },
      { read_iops_sec: 500 },
    ])
      await expect(driver.createVolume(callContext(), ref(spec(limits)), MARK)).rejects.toEqual(notDone);
  });

  test("are set anew by an extend, a retype and of a clone, which has not its source's", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const volume = await made(driver, spec({ total_iops_sec: 300 }));
    await driver.extendVolume(callContext(), { ...volume, ...spec({ total_iops_sec: 600 }) }, 2 * GIB);
    expect(qosOf(stand)).toMatchObject({ maxIOPS: 600 });
    await driver.cloneVolume(callContext(), ref({ sizeBytes: 2 * GIB }), MARK, volume);
    expect(qosOf(stand, 1)).toMatchObject({ maxIOPS: 15_000 });
    await driver.retypeVolume?.(callContext(), { ...volume, ...spec(null) }, { ...MARK, flavorName: "silver" });
    expect(qosOf(stand)).toMatchObject({ maxIOPS: 15_000 });
    expect(stand.cluster.volumes[0]?.attributes).toMatchObject({ "berth-flavor": "silver" });
  });
});

describe("space", () => {
  test("what may not be promised any more is no space; another limit is not", async () => {
    await using stand = await SolidFireStand.start({
      capacityGib: 2,
      settings: { overProvisioning: 2, limits: { volumeCountMax: 3 } },
    });
    const driver = await stand.agent();
    const volume = await made(driver, { sizeBytes: 3 * GIB });
    await expect(driver.createVolume(callContext(), ref({ sizeBytes: 2 * GIB }), MARK)).rejects.toEqual(noSpace);
    await expect(driver.extendVolume(callContext(), volume, 5 * GIB)).rejects.toEqual(noSpace);
    await expect(driver.cloneVolume(callContext(), ref({ sizeBytes: 3 * GIB }), MARK, volume)).rejects.toEqual(noSpace);
    await driver.deleteVolume(callContext(), volume);
    for (let count = 0; count < 3; count++) await made(driver);
    await expect(driver.createVolume(callContext(), ref(), MARK)).rejects.toEqual(notDone);
  });

  test("a cluster that is nearly full copies nothing, and says that it is full", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const volume = await made(driver);
    stand.fault("full-stage", { value: 4 });
    await expect(driver.createSnapshot(callContext(), snapshotRef(volume), volume, MARK)).rejects.toEqual(noSpace);
    await expect(driver.cloneVolume(callContext(), ref(), MARK, volume)).rejects.toEqual(noSpace);
    stand.fault("full-stage", { value: 5 });
    await expect(driver.createVolume(callContext(), ref(), MARK)).rejects.toEqual(noSpace);
  });

  test("is measured as what may be promised or as what can be held; deleted volumes count until they are purged", async () => {
    await using stand = await SolidFireStand.start({ capacityGib: 8 });
    const driver = await stand.agent();
    await made(driver, { sizeBytes: 2 * GIB });
    const { accountID } = await stand.rpc("AddAccount", { username: "somebody" });
    await stand.rpc("CreateVolume", { name: "x", accountID, totalSize: GIB, enable512e: true });
    await stand.rpc("DeleteVolume", { volumeID: 2 });
    const measured = await driver.measure(callContext());
    expect(measured).toMatchObject({
      totalBytes: 8 * GIB,
      provisioned: { scope: "pool", bytes: 3 * GIB },
      objectCount: 1,
      thin: true,
      properties: { vendor_name: "SolidFire", compression_percent: 100 },
    });
    const used = await (await stand.agent({ sf_provisioning_calc: "usedSpace" })).measure(callContext());
    expect(used).toMatchObject({ totalBytes: 8 * GIB, poolId: measured.poolId });
  });
});

describe("clones", () => {
  test("tell how far they are, and are waited for by whoever comes after", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const source = await made(driver);
    stand.fault("slow-clone", { delayMs: 1_500 });
    const told: number[] = [];
    const progress: CallContext["progress"] = {
      checkpointBytes: async () => 0,
      tell: ({ doneBytes }) => told.push(doneBytes),
    };
    const clone = ref({ sizeBytes: 2 * GIB });
    const first = driver.cloneVolume(callContext({ progress, signal: AbortSignal.timeout(700) }), clone, MARK, source);
    await expect(first).rejects.toEqual(unknown);
    expect(told.length).toBeGreaterThan(0);
    expect(Math.max(...told)).toBeLessThan(2 * GIB);
    expect((await driver.list(callContext(), null)).objects.find(({ id }) => id === clone.id)?.whole).toBe(false);
    await driver.cloneVolume(callContext(), clone, MARK, source);
    expect(stand.cluster.volumes.map(({ status }) => status)).toEqual(["active", "active"]);
    expect(stand.cluster.volumes[1]).toMatchObject({ totalSize: 2 * GIB, attributes: { berth: clone.id } });
  });

  test("that fail at their end leave nothing; a consumed handle is no failure", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const source = await made(driver);
    stand.fault("clone-fails", { times: 1 });
    await expect(driver.cloneVolume(callContext(), ref(), MARK, source)).rejects.toEqual(notDone);
    expect(stand.cluster.volumes.length).toBe(1);
    stand.fault("error", { methods: ["GetAsyncResult"], value: "xDBNoSuchPath" });
    await driver.cloneVolume(callContext(), ref(), MARK, source);
    expect(stand.cluster.volumes.length).toBe(2);
  });

  test("one that came to nothing is not taken for the volume that was made after it", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const source = await made(driver);
    stand.fault("slow-clone", { delayMs: 400, times: 1 });
    stand.fault("clone-fails", { times: 1 });
    stand.fault("error", { methods: ["GetAsyncResult"], value: "xDBNoSuchPath" });
    const clone = driver.cloneVolume(callContext(), ref(), MARK, source);
    const refused = expect(clone).rejects.toEqual(notDone);
    await until("it is being made", () => stand.cluster.volumes.length === 2);
    await made(driver);
    await refused;
    expect(stand.cluster.volumes.map(({ volumeID }) => volumeID)).toEqual([1, 3]);
  });

  test("more at once than the array makes of one volume wait their turn", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent({ num_shell_tries: 20 });
    const source = await made(driver);
    await Promise.all(Array.from({ length: 5 }, () => driver.cloneVolume(callContext(), ref(), MARK, source)));
    expect(stand.cluster.volumes.length).toBe(6);
  });
});

describe("what passes by itself", () => {
  const RETRIED = [
    ...["xDBVersionMismatch", "xMaxSnapshotsPerVolumeExceeded", "xMaxClonesPerVolumeExceeded"],
    ...["xMaxSnapshotsPerNodeExceeded", "xMaxClonesPerNodeExceeded", "xSliceNotRegistered", "xNotReadyForIO"],
    ...["xNotPrimary", "xDBOperationTimeout", "xDBConnectionLoss", "xNoHandler", "xSnapshotFailed", "xRecvTimeout"],
    ...["xDBNoSuchPath", "xPermissionDenied"],
  ];

  test.each(RETRIED)("%s is asked again, wherever it comes", async (name) => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const volume = await made(driver);
    for (const method of ["ListVolumes", "CreateSnapshot", "ModifyVolume", "DeleteVolume"]) {
      stand.fault("error", { methods: [method], value: name, times: 1 });
      const maybe = ["xDBOperationTimeout", "xDBConnectionLoss", "xRecvTimeout"].includes(name);
      // What may have been done is looked for, not made twice: the job is told to come again.
      if (method === "CreateSnapshot") {
        const snapshot = snapshotRef(volume);
        const first = driver.createSnapshot(callContext(), snapshot, volume, MARK);
        if (maybe) {
          await expect(first).rejects.toEqual(unknown);
          await driver.createSnapshot(callContext(), snapshot, volume, MARK);
        } else await first;
        await driver.deleteSnapshot(callContext(), snapshot, volume);
      } else if (method === "DeleteVolume") await driver.deleteVolume(callContext(), volume);
      else await driver.extendVolume(callContext(), volume, method === "ListVolumes" ? GIB : 2 * GIB);
      expect(stand.struck("error"), method).toBe(1);
    }
    expect(stand.cluster.volumes).toEqual([]);
  });

  test("what does not pass is told after so many times, and means the same array again", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent({ num_shell_tries: 3 });
    for (const [name, outcome] of [
      ["xNotPrimary", unknown],
      ["xPermissionDenied", notDone],
    ] as const) {
      stand.fault("error", { methods: ["CreateVolume"], value: name });
      await expect(driver.createVolume(callContext(), ref(), MARK)).rejects.toEqual(outcome);
      expect(stand.struck("error")).toBe(3);
    }
    stand.fault("error", { methods: ["CreateVolume"], value: "xInvalidParameter" });
    await expect(driver.createVolume(callContext(), ref(), MARK)).rejects.toEqual(notDone);
    expect(stand.struck("error")).toBe(1);
  });

  test("the management address goes to another node, and the work goes on", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent({ num_shell_tries: 20 });
    const volume = await made(driver);
    stand.fault("failover", { delayMs: 300, times: 1 });
    await driver.extendVolume(callContext(), volume, 2 * GIB);
    expect(stand.cluster.volumes).toMatchObject([{ totalSize: 2 * GIB }]);
  });

  test.each(["truncated", "html", "no-message", "both"])(
    "an answer that is %s is lost, and found again",
    async (value) => {
      await using stand = await SolidFireStand.start();
      const driver = await stand.agent();
      const volume = ref();
      stand.fault("bad-answer", { methods: ["CreateVolume"], value, times: 1 });
      const first = driver.createVolume(callContext(), volume, MARK).catch(() => null);
      await first;
      await driver.createVolume(callContext(), volume, MARK);
      expect(stand.cluster.volumes.map(({ name }) => name)).toEqual([volumeName(volume.id)]);
    },
  );

  test("unknown members, another id and another status of errors change nothing", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    for (const value of ["extra", "wrong-id"]) {
      stand.fault("bad-answer", { value });
      await made(driver);
    }
    stand.clearFaults();
    stand.fault("error-status", { value: 500 });
    await made(driver, {}, { ...MARK, projectId: "new" });
    expect(stand.cluster.volumes.length).toBe(3);
  });
});

describe("snapshots of a group", () => {
  const GROUP_ID = "9bd3a4cc-5ae6-4c0b-9ad5-0a1b2c3d4e5f";

  test("are of one instant: what an earlier try left of another is no part of it, and goes on with what its group left", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const volumes = [await made(driver), await made(driver)];
    const members = volumes.map((volume) => ({ volume, snapshot: snapshotRef(volume), mark: MARK }));
    const [first] = members;
    if (first === undefined) throw new Error("there are no members");
    await driver.createSnapshot(callContext(), first.snapshot, first.volume, MARK);
    await driver.createGroupSnapshot?.(callContext(), GROUP_ID, members);
    // 1 was alone; 2 and 3 were the group's.
    expect(stand.cluster.snapshots.map(({ snapshotID }) => snapshotID)).toEqual([4, 5]);
    await driver.deleteGroupSnapshot?.(callContext(), GROUP_ID, members);

    stand.fault("cut", { methods: ["CreateSnapshot"], skip: 1, times: 1 });
    await expect(driver.createGroupSnapshot?.(callContext(), GROUP_ID, members)).rejects.toEqual(unknown);
    await driver.createGroupSnapshot?.(callContext(), GROUP_ID, members);
    expect(stand.simulator.desk.calls.byMethod().CreateGroupSnapshot).toBe(2);
    expect(stand.cluster).toMatchObject({ groupSnapshots: [], snapshots: [{}, {}] });
  });

  test("are made of none where one has no room for another", async () => {
    await using stand = await SolidFireStand.start({ settings: { limits: { snapshotsPerVolumeMax: 1 } } });
    const driver = await stand.agent({ num_shell_tries: 2 });
    const volumes = [await made(driver), await made(driver)];
    const members = volumes.map((volume) => ({ volume, snapshot: snapshotRef(volume), mark: MARK }));
    await expect(driver.createGroupSnapshot?.(callContext(), GROUP_ID, members)).rejects.toEqual(notDone);
    expect(stand.cluster).toMatchObject({ groupSnapshots: [], snapshots: [] });
  });
});

test("a lost answer of a create is found again though lists lack the new volume for a while, and is not repeated", async () => {
  await using stand = await SolidFireStand.start();
  const driver = await stand.agent({ sf_volume_create_timeout: 20 });
  await made(driver);
  stand.fault("lost-answer", { methods: ["CreateVolume"], times: 1 });
  stand.fault("stale-list", { delayMs: 800 });
  const volume = ref();
  const { providerId } = await driver.createVolume(callContext(), volume, MARK);
  expect(providerId).toBe("2");
  expect(stand.cluster.volumes.length).toBe(2);
  expect(stand.simulator.desk.calls.byMethod().CreateVolume).toBe(2);
});

test("an operation that hangs ends with its job's time, and says that nobody knows", async () => {
  await using stand = await SolidFireStand.start();
  const driver = await stand.agent();
  stand.fault("hang", { methods: ["CreateVolume"] });
  const signal = AbortSignal.timeout(300);
  await expect(driver.createVolume(callContext({ signal }), ref(), MARK)).rejects.toEqual(unknown);
});

test("200 creates at once, of which the array takes 4: all succeed, and the limit is never passed", async () => {
  await using stand = await SolidFireStand.start({ capacityGib: 1000 });
  const driver = await stand.agent({ max_concurrent_calls: 4 });
  stand.fault("limit", { value: 4 });
  const volumes = await Promise.all(
    Array.from({ length: 200 }, (_, n) => made(driver, {}, { ...MARK, name: `v${n}` })),
  );
  expect(new Set(volumes.map(({ providerId }) => providerId)).size).toBe(200);
  expect(stand.cluster.volumes.length).toBe(200);
  expect(stand.simulator.desk.calls.report().highWater).toBeLessThanOrEqual(4);
  expect(stand.simulator.desk.calls.byMethod().CreateVolume).toBe(200);
  const listed: string[] = [];
  for (let after: string | null = null, more = true; more; more = after !== null) {
    const page = await driver.list(callContext(), after);
    listed.push(...page.objects.map(({ id }) => id));
    after = page.next;
  }
  expect(new Set(listed)).toEqual(new Set(volumes.map(({ id }) => id)));
  expect(listed.length).toBe(200);
}, 120_000);

test("the names of what is taken over are those of its target, and it goes back to its account", async () => {
  await using stand = await SolidFireStand.start();
  const driver = await stand.agent();
  await stand.stranger({ name: "theirs" });
  const found = await driver.foreign?.describe(callContext(), "theirs.1");
  if (found === null || found === undefined) throw new Error("it is not told");
  expect(found).toMatchObject({ sizeBytes: GIB, whyNot: null });
  const volume = ref({ id: randomUUID() });
  const wanted = { reference: "theirs.1", identity: found.identity, foundBytes: GIB };
  await driver.foreign?.takeOver(callContext(), volume, MARK, wanted);
  const home = stand.cluster.accounts.find(({ username }) => username === "stand-acme")?.accountID;
  expect(stand.cluster.volumes).toMatchObject([{ name: "theirs", accountID: home }]);
  await taken(driver, volume);
  await driver.foreign?.letGo(callContext(), volume, "theirs.1");
  expect(stand.cluster.volumes).toMatchObject([{ name: "theirs", accountID: 1, attributes: { theirs: "note" } }]);
  expect((await driver.foreign?.list(callContext(), null))?.objects.map(({ reference }) => reference)).toEqual([
    "theirs.1",
  ]);
  await expect(driver.foreign?.takeOver(callContext(), ref(), MARK, wanted)).rejects.toEqual(notDone);
});
