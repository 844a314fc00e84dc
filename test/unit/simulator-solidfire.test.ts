import { describe, expect, test } from "vitest";
import { BYTES_PER_GIB } from "#shared/units.ts";
import { elementCall, elementPost } from "#test/kit/element-call.ts";
import { SolidFireStand } from "#test/kit/solidfire-stand.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { startSimulator } from "#test/simulators/kit/start.ts";
import { simulator } from "#test/simulators/solidfire/simulator.ts";

const GIB = BYTES_PER_GIB;

/** An account and as many volumes as are named. */
async function clusterWith(stand: SolidFireStand, ...names: readonly string[]): Promise<void> {
  await stand.rpc("AddAccount", { username: "tenant" });
  for (const name of names)
    await stand.rpc("CreateVolume", { name, accountID: 1, totalSize: GIB, enable512e: true, attributes: {} });
}

const idsOf = (answer: Record<string, unknown>): number[] =>
  Array.isArray(answer.volumes) ? answer.volumes.map((one) => Number(Object(one).volumeID)) : [];

describe("the envelope", () => {
  test("echoes ids of any kind, of 128 bits as well, takes what clients call their content, and says errors with status 200", async () => {
    await using stand = await SolidFireStand.start();
    const post = (body: string, path = "/json-rpc/1.0") => elementPost(stand.simulator, path, body);
    const wide = "340282366920938463463374607431768211455";
    expect((await post(`{"method":"GetAPI","params":{},"id":${wide}}`)).body).toContain(`{"id":${wide},"result":`);
    expect((await post('{"method":"GetAPI","id":"a"}')).body).toContain('"id":"a"');
    expect((await post('{"method":"GetAPI"}', "/json-rpc/1.0/")).body).not.toContain('"id"');
    for (const [body, name] of [
      ['{"method":"NoSuchMethod","params":{}}', "xUnknownAPIMethod"],
      ['{"method":"GetAccountByName","params":{}}', "xMissingParameter"],
      ['{"method":"GetAccountByName","params":{"username":"nobody"}}', "xUnknownAccount"],
      ["not JSON", "xInvalidAPIParameter"],
    ] as const) {
      const answer = await post(body);
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.body)).toMatchObject({ error: { code: 500, name, message: expect.any(String) } });
    }
  });

  test("credentials are refused with a page, as is a version that the cluster does not speak", async () => {
    await using stand = await SolidFireStand.start();
    const body = '{"method":"GetAPI"}';
    const refused = await elementPost(stand.simulator, "/json-rpc/8.0", body, "admin:wrong");
    expect(refused).toMatchObject({ status: 401, body: expect.stringContaining("<html>") });
    expect((await elementPost(stand.simulator, "/json-rpc/99.0", body)).status).toBe(404);
    expect((await elementPost(stand.simulator, "/other", body)).status).toBe(404);
    const { supportedVersions } = await stand.rpc("GetAPI");
    for (const version of Array.isArray(supportedVersions) ? supportedVersions : [])
      expect((await elementPost(stand.simulator, `/json-rpc/${version}`, body)).status).toBe(200);
  });

  test("a method is there from the version that introduced it", async () => {
    await using stand = await SolidFireStand.start();
    for (const method of ["GetClusterHardwareInfo", "ListClusterPairs", "ListActivePairedVolumes", "GetLimits"])
      await elementCall(stand.simulator, method, {}, "6.0");
    for (const [method, since, before] of [
      ["ListVolumes", "8.0", "7.4"],
      ["ListGroupSnapshots", "7.0", "6.0"],
      ["ListSnapshots", "6.0", "5.1"],
      ["ListVolumeAccessGroups", "5.0", "4.0"],
      ["ListAsyncResults", "9.0", "8.7"],
    ] as const) {
      await elementCall(stand.simulator, method, {}, since);
      await expect(elementCall(stand.simulator, method, {}, before)).rejects.toThrow("xUnknownAPIMethod");
    }
  });
});

describe("accounts", () => {
  test("have names of their own, secrets of 12 to 16 characters, and stay while they have volumes", async () => {
    await using stand = await SolidFireStand.start();
    await clusterWith(stand, "v");
    await expect(stand.rpc("AddAccount", { username: "tenant" })).rejects.toThrow("xDuplicateUsername");
    await expect(stand.rpc("AddAccount", { username: "x", initiatorSecret: "short" })).rejects.toThrow(
      "xInvalidParameter",
    );
    await expect(stand.rpc("GetAccountByID", { accountID: 9 })).rejects.toThrow("xAccountIDDoesNotExist");
    expect(await stand.rpc("GetAccountByName", { username: "tenant" })).toMatchObject({
      account: { accountID: 1, status: "active", volumes: [1], initiatorSecret: expect.stringMatching(/^\w{12,16}$/) },
    });
    await expect(stand.rpc("RemoveAccount", { accountID: 1 })).rejects.toThrow("xAccountHasVolumes");
    await stand.rpc("DeleteVolume", { volumeID: 1 });
    await expect(stand.rpc("RemoveAccount", { accountID: 1 })).rejects.toThrow("xAccountHasVolumes");
    await stand.rpc("PurgeDeletedVolume", { volumeID: 1 });
    await stand.rpc("RemoveAccount", { accountID: 1 });
    expect(await stand.rpc("AddAccount", { username: "tenant" })).toMatchObject({ accountID: 2 });
  });
});

describe("volumes", () => {
  test("may have one name twice, are listed by ids that are never used again, from an id on", async () => {
    await using stand = await SolidFireStand.start();
    await clusterWith(stand, "same", "same", "other");
    expect(idsOf(await stand.rpc("ListVolumes", { volumeName: "same" }))).toEqual([1, 2]);
    await stand.rpc("DeleteVolume", { volumeID: 1 });
    await stand.rpc("PurgeDeletedVolume", { volumeID: 1 });
    expect(idsOf(await stand.rpc("ListVolumes", { startVolumeID: "1", limit: 1 }))).toEqual([2]);
    const { volumeID } = await stand.rpc("CreateVolume", {
      name: "new",
      accountID: 1,
      totalSize: GIB,
      enable512e: true,
    });
    expect(volumeID).toBe(4);
    expect(stand.cluster.volumes[2]?.iqn).toMatch(/^iqn\.2010-01\.com\.solidfire:[a-z0-9]{4}\.new\.4$/);
    stand.fault("iqn-partial");
    expect(stand.cluster.volumes[2]?.iqn).toMatch(/^[a-z0-9]{4}\.new\.4$/);
  });

  test("are deleted in two steps, told by the lists that tell them, and can be had back in between", async () => {
    await using stand = await SolidFireStand.start();
    await clusterWith(stand, "a", "b");
    await expect(stand.rpc("PurgeDeletedVolume", { volumeID: 1 })).rejects.toThrow("xVolumeIDDoesNotExist");
    await stand.rpc("DeleteVolume", { volumeID: 1 });
    for (const [method, ids] of [
      ["ListVolumes", [1, 2]],
      ["ListActiveVolumes", [2]],
      ["ListDeletedVolumes", [1]],
      ["ListVolumesForAccount", [1, 2]],
    ] as const)
      expect(idsOf(await stand.rpc(method, { accountID: 1 })), method).toEqual(ids);
    expect(idsOf(await stand.rpc("ListVolumes", { volumeStatus: "deleted" }))).toEqual([1]);
    await expect(stand.rpc("ModifyVolume", { volumeID: 1 })).rejects.toThrow("xVolumeIDDoesNotExist");
    await stand.rpc("RestoreDeletedVolume", { volumeID: 1 });
    expect(idsOf(await stand.rpc("ListActiveVolumes"))).toEqual([1, 2]);
    stand.fault("purge-soon");
    await stand.rpc("DeleteVolume", { volumeID: 2 });
    expect(idsOf(await stand.rpc("ListVolumes"))).toEqual([1]);
  });

  test("have sizes in steps of a mebibyte within limits, grow and never shrink, and keep small attributes", async () => {
    await using stand = await SolidFireStand.start();
    await clusterWith(stand, "v");
    const create = (fields: object) =>
      stand.rpc("CreateVolume", { name: "x", accountID: 1, totalSize: GIB, enable512e: false, ...fields });
    expect(await create({ totalSize: GIB + 1 })).toMatchObject({ volume: { totalSize: GIB + 1024 ** 2 } });
    await expect(create({ totalSize: 1000 })).rejects.toThrow("xInvalidParameter");
    await expect(create({ name: "n".repeat(65) })).rejects.toThrow("xInvalidParameter");
    await expect(create({ accountID: 9 })).rejects.toThrow("xAccountIDDoesNotExist");
    await expect(create({ attributes: { a: "x".repeat(1000) } })).rejects.toThrow("xInvalidParameter");
    await expect(create({ enable512e: "no" })).rejects.toThrow("xInvalidParameterType");
    await expect(create({ access: "open" })).rejects.toThrow("xUnrecognizedEnumString");
    await stand.rpc("ModifyVolume", { volumeID: 1, totalSize: String(2 * GIB), qos: {}, attributes: { a: 1 } });
    expect(stand.cluster.volumes[0]).toMatchObject({ totalSize: 2 * GIB, attributes: { a: 1 } });
    await expect(stand.rpc("ModifyVolume", { volumeID: 1, totalSize: GIB })).rejects.toThrow("xVolumeShrinkProhibited");
    await stand.rpc("ModifyVolume", { volumeID: 1, name: "renamed", attributes: {} });
    expect(stand.cluster.volumes[0]).toMatchObject({ name: "v", attributes: {} });
  });

  test("have throughput within limits and in order, of their own or of a policy", async () => {
    await using stand = await SolidFireStand.start();
    await clusterWith(stand, "v");
    const set = (qos: object) => stand.rpc("ModifyVolume", { volumeID: 1, qos });
    await set({ minIOPS: 100, maxIOPS: 200, burstIOPS: 300 });
    await set({ burstIOPS: 400 });
    expect(stand.cluster.volumes[0]?.qos).toMatchObject({ minIOPS: 100, maxIOPS: 200, burstIOPS: 400 });
    for (const qos of [{ minIOPS: 10 }, { maxIOPS: 300_000, burstIOPS: 300_000 }, { minIOPS: 300 }, { burstIOPS: 150 }])
      await expect(set(qos)).rejects.toThrow("xInvalidParameter");
    await stand.rpc("CreateQoSPolicy", { name: "p", qos: { minIOPS: 500, maxIOPS: 600, burstIOPS: 700 } });
    await stand.rpc("ModifyVolume", { volumeID: 1, qosPolicyID: 1 });
    expect(stand.cluster.volumes[0]?.qos).toMatchObject({ minIOPS: 500 });
    await expect(stand.rpc("ModifyVolume", { volumeID: 1, qosPolicyID: 2 })).rejects.toThrow("xQoSPolicyDoesNotExist");
  });
});

describe("snapshots and clones", () => {
  test("a volume has 32 snapshots at most, which go with it", async () => {
    await using stand = await SolidFireStand.start();
    await clusterWith(stand, "v");
    for (let count = 0; count < 32; count++) await stand.rpc("CreateSnapshot", { volumeID: 1, name: "one-name" });
    await expect(stand.rpc("CreateSnapshot", { volumeID: 1 })).rejects.toThrow("xMaxSnapshotsPerVolumeExceeded");
    await stand.rpc("DeleteSnapshot", { snapshotID: 5 });
    await expect(stand.rpc("DeleteSnapshot", { snapshotID: 5 })).rejects.toThrow("xSnapshotIDDoesNotExist");
    expect(stand.cluster.snapshots.length).toBe(31);
    await stand.rpc("DeleteVolume", { volumeID: 1 });
    expect(stand.cluster.snapshots.length).toBe(31);
    await stand.rpc("PurgeDeletedVolume", { volumeID: 1 });
    expect(stand.cluster.snapshots).toEqual([]);
  });

  test("a group's snapshots bear its name and go with it, unless they are kept", async () => {
    await using stand = await SolidFireStand.start();
    await clusterWith(stand, "a", "b");
    const { members } = await stand.rpc("CreateGroupSnapshot", { volumes: [1, 2], name: "g" });
    expect(members).toMatchObject([
      { volumeID: 1, snapshotID: 1 },
      { volumeID: 2, snapshotID: 2 },
    ]);
    expect(stand.cluster.snapshots.map(({ name }) => name)).toEqual(["g", "g"]);
    await stand.rpc("CreateSnapshot", { volumeID: 2, snapshotID: 2, name: "copy-of-it" });
    await stand.rpc("DeleteGroupSnapshot", { groupSnapshotID: 1, saveMembers: false });
    expect(stand.cluster.snapshots.map(({ name }) => name)).toEqual(["copy-of-it"]);
    await stand.rpc("CreateGroupSnapshot", { volumes: [1, 2], name: "h" });
    await stand.rpc("DeleteGroupSnapshot", { groupSnapshotID: 2, saveMembers: true });
    expect(stand.cluster).toMatchObject({ groupSnapshots: [], snapshots: [{}, { name: "h" }, { name: "h" }] });
    await expect(stand.rpc("CreateGroupSnapshot", { volumes: [1, 9] })).rejects.toThrow("xVolumeIDDoesNotExist");
  });

  test("a clone has its source's limits and attributes, takes its time, and its handle is read once", async () => {
    await using stand = await SolidFireStand.start();
    await clusterWith(stand, "v");
    await stand.rpc("ModifyVolume", {
      volumeID: 1,
      attributes: { a: 1 },
      qos: { minIOPS: 100, maxIOPS: 200, burstIOPS: 300 },
    });
    stand.fault("slow-clone", { delayMs: 60_000, times: 2 });
    const clone = (name: string) => stand.rpc("CloneVolume", { volumeID: 1, name, newSize: 2 * GIB });
    expect(await clone("c1")).toMatchObject({ volumeID: 2, cloneID: 1, asyncHandle: 1 });
    await clone("c2");
    await expect(clone("c3")).rejects.toThrow("xMaxClonesPerVolumeExceeded");
    expect(await stand.rpc("GetAsyncResult", { asyncHandle: 1 })).toMatchObject({
      status: "running",
      resultType: "Clone",
    });
    expect(stand.cluster.volumes[1]).toMatchObject({ status: "init", attributes: { a: 1 }, qos: { maxIOPS: 200 } });
    expect(idsOf(await stand.rpc("ListActiveVolumes"))).toEqual([1]);
    await stand.rpc("CancelClone", { cloneID: 1 });
    expect(await stand.rpc("GetAsyncResult", { asyncHandle: 1, keepResult: true })).toMatchObject({ error: {} });
    await stand.rpc("GetAsyncResult", { asyncHandle: 1, keepResult: false });
    await expect(stand.rpc("GetAsyncResult", { asyncHandle: 1 })).rejects.toThrow("xDBNoSuchPath");
    await expect(stand.rpc("CloneVolume", { volumeID: 1, name: "s", newSize: 1e9 })).rejects.toThrow("Shrink");
  });
});

test("access groups: an initiator in one, a volume in four, and what is there already is said", async () => {
  await using stand = await SolidFireStand.start();
  await clusterWith(stand, "v");
  const iqn = (n: number) => `iqn.2026-01.test.host:h${n}`;
  for (let n = 1; n <= 4; n++)
    await stand.rpc("CreateVolumeAccessGroup", { name: `g${n}`, initiators: [iqn(n)], volumes: [1] });
  await expect(stand.rpc("CreateVolumeAccessGroup", { name: "g5", initiators: [iqn(1)] })).rejects.toThrow(
    "xExceededLimit",
  );
  await expect(stand.rpc("CreateVolumeAccessGroup", { name: "g5", volumes: [1] })).rejects.toThrow("xExceededLimit");
  const group = { volumeAccessGroupID: 1, volumes: [1] };
  await expect(stand.rpc("AddVolumesToVolumeAccessGroup", group)).rejects.toThrow("xAlreadyInVolumeAccessGroup");
  await stand.rpc("RemoveVolumesFromVolumeAccessGroup", group);
  await expect(stand.rpc("RemoveVolumesFromVolumeAccessGroup", group)).rejects.toThrow("xNotInVolumeAccessGroup");
  expect(await stand.rpc("GetVolumeStats", { volumeID: 1 })).toMatchObject({
    volumeStats: { volumeAccessGroups: [2, 3, 4] },
  });
  await stand.rpc("DeleteVolumeAccessGroup", { volumeAccessGroupID: 2 });
  const gone = stand.rpc("DeleteVolumeAccessGroup", { volumeAccessGroupID: 2 });
  await expect(gone).rejects.toThrow("xVolumeAccessGroupIDDoesNotExist");
});

test("space that is promised counts until it is purged, and is refused beyond the cluster's limit", async () => {
  await using stand = await SolidFireStand.start({ capacityGib: 1, settings: { overProvisioning: 2 } });
  await clusterWith(stand, "a", "b");
  const capacity = async () => (await stand.rpc("GetClusterCapacity")).clusterCapacity;
  expect(await capacity()).toMatchObject({
    maxProvisionedSpace: GIB,
    maxOverProvisionableSpace: 2 * GIB,
    provisionedSpace: 2 * GIB,
  });
  const create = () => stand.rpc("CreateVolume", { name: "c", accountID: 1, totalSize: GIB, enable512e: true });
  await expect(create()).rejects.toThrow("xExceededLimit");
  await expect(stand.rpc("CloneVolume", { volumeID: 1, name: "c" })).rejects.toThrow("xExceededLimit");
  await stand.rpc("DeleteVolume", { volumeID: 1 });
  await expect(create()).rejects.toThrow("xExceededLimit");
  await stand.rpc("PurgeDeletedVolume", { volumeID: 1 });
  await create();
  stand.fault("no-blocks");
  expect(await capacity()).toMatchObject({ uniqueBlocks: 0, nonZeroBlocks: 0 });
  stand.fault("full-stage", { value: 4 });
  expect(await stand.rpc("GetClusterFullThreshold")).toMatchObject({ fullness: "stage4Critical" });
});

test("what stands in it stands there after a restart, under the same address and password", async () => {
  const dataFolder = temporaryFolder();
  const first = await startSimulator(simulator, { dataFolder, capacityGib: 10, iscsi: false });
  await elementCall(first, "AddAccount", { username: "tenant" });
  await elementCall(first, "CreateVolume", { name: "v", accountID: 1, totalSize: GIB, enable512e: true });
  const before = await first.running.objects();
  await first[Symbol.asyncDispose]();
  await using second = await startSimulator(simulator, { dataFolder, capacityGib: 10, iscsi: false });
  expect([second.ready.address, second.ready.credentials]).toEqual([first.ready.address, first.ready.credentials]);
  expect(await second.running.objects()).toEqual(before);
  expect(
    await elementCall(second, "CreateVolume", { name: "w", accountID: 1, totalSize: GIB, enable512e: true }),
  ).toMatchObject({ volumeID: 2 });
});
