import { describe, expect, test } from "vitest";
import type { ChapCredentials, Driver } from "#agent/drivers/driver.ts";
import type { OwnerMark, VolumeRef } from "#shared/model/operation.ts";
import { Secret } from "#shared/secret.ts";
import { BYTES_PER_GIB } from "#shared/units.ts";
import { connectorOf, snapshotRef, volumeRef } from "#test/conformance/objects.ts";
import { callContext, leaseFor } from "#test/kit/driver-context.ts";
import { Initiator } from "#test/kit/initiator.ts";
import { SolidFireStand } from "#test/kit/solidfire-stand.ts";
import { iscsiMissing } from "#test/kit/tgtd.ts";

const MARK: OwnerMark = { projectId: "acme", flavorName: "gold", name: "first" };
const HOST = "iqn.2026-01.test.host:h1";
const OTHER = "iqn.2026-01.test.host:h2";
const notDone = expect.objectContaining({ outcome: "not-done" });
const fine = { ok: true, text: expect.anything() };
const refused = { ok: false, text: expect.anything() };

async function made(driver: Driver): Promise<VolumeRef> {
  const volume = volumeRef({ sizeBytes: BYTES_PER_GIB });
  const { providerId = null } = await driver.createVolume(callContext(), volume, MARK);
  return { ...volume, providerId };
}

let account = 0;
function chapOf(): ChapCredentials {
  account += 1;
  return { username: `berth-${account}`, secret: new Secret(`secret-of-${String(account).padStart(6, "0")}`) };
}

async function connect(driver: Driver, volume: VolumeRef, chap: ChapCredentials, who: string | null = HOST) {
  await driver.ensureExport(callContext(), volume, chap, "rw");
  return await driver.initializeConnection(callContext(), volume, connectorOf(who), chap, "rw");
}

async function letIn(driver: Driver, { id }: VolumeRef) {
  return (await driver.list(callContext(), null)).objects.find((one) => one.id === id)?.letIn;
}

describe("by CHAP", () => {
  test("a volume that is connected is alone in an account with the connection's secret, and goes home afterwards", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const [volume] = [await made(driver), await made(driver)];
    const chap = chapOf();
    const info = await connect(driver, volume, chap);
    expect(info).toMatchObject({
      driverVolumeType: "iscsi",
      data: { target_lun: 0, auth_method: "CHAP", auth_username: chap.username, access_mode: "rw" },
    });
    expect(info.data.target_iqn).toBe(stand.cluster.volumes[0]?.iqn);
    expect(await connect(await stand.agent(), volume, chap)).toEqual(info);
    const door = stand.cluster.accounts.find(({ username }) => username === chap.username);
    expect(door?.initiatorSecret).toBe(chap.secret.reveal());
    expect(stand.cluster.volumes.map(({ accountID }) => accountID)).toEqual([door?.accountID, 1]);
    expect(await letIn(driver, volume)).toEqual([HOST]);

    await driver.terminateConnection(callContext(), volume, connectorOf(HOST));
    await driver.terminateConnection(callContext(), volume, connectorOf(HOST));
    await driver.removeExport(callContext(), volume);
    await driver.removeExport(callContext(), volume);
    expect(stand.cluster.volumes.map(({ accountID }) => accountID)).toEqual([1, 1]);
    expect(stand.cluster.accounts.map(({ username }) => username)).toEqual(["stand-acme"]);
    expect(await letIn(driver, volume)).toBeUndefined();
  });

  test("another host is refused while one is in, and is not cut off by a disconnect of the other", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const volume = await made(driver);
    const chap = chapOf();
    await connect(driver, volume, chap);
    await expect(connect(driver, volume, chap, OTHER)).rejects.toEqual(notDone);
    await driver.terminateConnection(callContext(), volume, connectorOf(OTHER));
    expect(await letIn(driver, volume)).toEqual([HOST]);
    expect((await driver.measure(callContext())).capabilities).not.toContain("multiattach");
  });

  test("to read only, and to who does not say its name", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const volume = await made(driver);
    const chap = chapOf();
    await driver.initializeConnection(callContext(), volume, connectorOf(null), chap, "ro");
    expect(stand.cluster.volumes).toMatchObject([{ access: "readOnly" }]);
    expect(await letIn(driver, volume)).toEqual([null]);
    await driver.terminateConnection(callContext(), volume, connectorOf(null));
    expect(stand.cluster.volumes).toMatchObject([{ access: "readWrite" }]);
  });

  test("an account of that name that is not this volume's is left alone; a secret that is too long is refused", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const volume = await made(driver);
    const chap = chapOf();
    await stand.rpc("AddAccount", { username: chap.username, initiatorSecret: "somebody-elses" });
    await expect(connect(driver, volume, chap)).rejects.toEqual(notDone);
    expect(stand.cluster.accounts).toMatchObject([{}, { initiatorSecret: "somebody-elses" }]);
    const long = { ...chapOf(), secret: new Secret("seventeen-letters") };
    await expect(connect(driver, volume, long)).rejects.toEqual(notDone);
  });

  test("cut short at any step, a connect or a disconnect leaves nothing that the next one does not mend", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const volume = await made(driver);
    for (let step = 0; step < 5; step++) {
      const chap = chapOf();
      const context = callContext({ guard: leaseFor(step) });
      await driver.initializeConnection(context, volume, connectorOf(HOST), chap, "rw").catch(() => null);
      if (step % 2 === 0) await connect(driver, volume, chap);
      const leaving = callContext({ guard: leaseFor(step) });
      await driver.terminateConnection(leaving, volume, connectorOf(HOST)).catch(() => null);
      await driver.terminateConnection(callContext(), volume, connectorOf(HOST));
      await driver.removeExport(callContext(), volume);
      expect(
        stand.cluster.accounts.map(({ username }) => username),
        `step ${step}`,
      ).toEqual(["stand-acme"]);
      expect(stand.cluster.volumes, `step ${step}`).toMatchObject([{ accountID: 1, access: "readWrite" }]);
    }
  });

  test("a volume that is deleted takes its connection's account along", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent();
    const volume = await made(driver);
    await connect(driver, volume, chapOf());
    await driver.deleteVolume(callContext(), volume);
    expect(stand.cluster.volumes).toEqual([]);
    expect(stand.cluster.accounts.map(({ username }) => username)).toEqual(["stand-acme"]);
  });
});

describe("by access groups", () => {
  const vag = { sf_enable_vag: true };

  test("hosts come and go one by one, each with a group of its own, and nobody without a name", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent(vag);
    const measured = await driver.measure(callContext());
    expect(measured).toMatchObject({ connectorNeeds: ["initiator"] });
    expect(measured.capabilities).toContain("multiattach");
    const [volume, second] = [await made(driver), await made(driver)];
    const info = await connect(driver, volume, chapOf());
    expect(info.data).not.toHaveProperty("auth_method");
    await Promise.all([
      connect(driver, volume, chapOf(), OTHER),
      connect(await stand.agent(vag), second, chapOf(), OTHER),
    ]);
    expect(stand.cluster.volumeAccessGroups).toMatchObject([
      { initiators: [HOST], volumes: [1] },
      { initiators: [OTHER], volumes: expect.arrayContaining([1, 2]) },
    ]);
    expect(await letIn(driver, volume)).toEqual([HOST, OTHER]);
    await driver.terminateConnection(callContext(), volume, connectorOf(HOST));
    await driver.terminateConnection(callContext(), volume, connectorOf(HOST));
    expect(await letIn(driver, volume)).toEqual([OTHER]);
    await driver.removeExport(callContext(), volume);
    expect(await letIn(driver, volume)).toBeUndefined();
    expect(await letIn(driver, second)).toEqual([OTHER]);
    await expect(connect(driver, volume, chapOf(), null)).rejects.toEqual(notDone);
  });

  test("a group that a host is in already is used, whoever made it", async () => {
    await using stand = await SolidFireStand.start();
    const driver = await stand.agent(vag);
    await stand.rpc("CreateVolumeAccessGroup", { name: "theirs", initiators: [HOST] });
    await connect(driver, await made(driver), chapOf());
    expect(stand.cluster.volumeAccessGroups).toMatchObject([{ name: "theirs", volumes: [1] }]);
  });
});

/** Who connects must be able to read what was written before, and in copies. */
describe.skipIf(iscsiMissing() !== null)("over iSCSI", () => {
  const host = new Initiator(HOST);

  test("what is written to a volume is in its snapshot and its clone, and comes back by a revert", async () => {
    await using stand = await SolidFireStand.start({ iscsi: true });
    const driver = await stand.agent();
    const volume = await made(driver);
    const chap = chapOf();
    const secret = chap.secret.reveal();
    const info = await connect(driver, volume, chap);
    expect(await host.io(info, secret, "write -P 0xa5 1M 4M")).toEqual(fine);
    const snapshot = snapshotRef(volume);
    await driver.createSnapshot(callContext(), snapshot, volume, MARK);
    expect(await host.io(info, secret, "write -P 0x11 1M 4M")).toEqual(fine);
    const [restored, clone] = [volumeRef({ sizeBytes: 2 * BYTES_PER_GIB }), volumeRef({ sizeBytes: BYTES_PER_GIB })];
    await driver.createVolumeFromSnapshot(callContext(), restored, MARK, snapshot);
    await driver.cloneVolume(callContext(), clone, MARK, volume);
    for (const [copy, pattern] of [
      [restored, "0xa5"],
      [clone, "0x11"],
    ] as const) {
      const own = chapOf();
      const copied = await connect(driver, copy, own);
      expect(await host.io(copied, own.secret.reveal(), `read -P ${pattern} 1M 4M`, "read -P 0 8M 4M")).toEqual(fine);
      expect(await host.sizeBytes(copied, own.secret.reveal())).toBe(copy.sizeBytes);
    }
    await driver.terminateConnection(callContext(), volume, connectorOf(HOST));
    await driver.revertVolume?.(callContext(), volume, snapshot);
    const again = await connect(driver, volume, chap);
    expect(await host.io(again, secret, "read -P 0xa5 1M 4M")).toEqual(fine);
  }, 120_000);

  test("only who knows the secret comes in, it opens nothing else, and who is sent away is out at once", async () => {
    await using stand = await SolidFireStand.start({ iscsi: true });
    const driver = await stand.agent();
    const [volume, other] = [await made(driver), await made(driver)];
    const [chap, others] = [chapOf(), chapOf()];
    const secret = chap.secret.reveal();
    const info = await connect(driver, volume, chap);
    const otherInfo = await connect(driver, other, others);
    expect(await host.io(info, "not-the-secret", "read 0 4k")).toEqual(refused);
    const stolen = { ...otherInfo, data: { ...otherInfo.data, auth_username: chap.username } };
    expect(await host.io(stolen, secret, "read 0 4k")).toEqual(refused);
    expect(await host.io(info, secret, "write -P 0x77 0 1M")).toEqual(fine);

    await driver.extendVolume(callContext(), volume, 2 * BYTES_PER_GIB);
    expect(await host.sizeBytes(info, secret)).toBe(2 * BYTES_PER_GIB);
    await using _session = await host.hold(info, secret);
    await driver.terminateConnection(callContext(), volume, connectorOf(HOST));
    expect(await host.io(info, secret, "read 0 4k")).toEqual(refused);
    expect(await host.io(otherInfo, others.secret.reveal(), "read 0 4k")).toEqual(fine);

    await driver.initializeConnection(callContext(), volume, connectorOf(HOST), chap, "ro");
    expect(await host.io(info, secret, "read -P 0x77 0 1M")).toEqual(fine);
    expect(await host.io(info, secret, "write -P 0x78 0 1M")).toEqual(refused);
  }, 120_000);

  test("who is in an access group needs no secret, and nobody else comes in", async () => {
    await using stand = await SolidFireStand.start({ iscsi: true });
    const driver = await stand.agent({ sf_enable_vag: true });
    const volume = await made(driver);
    const info = await connect(driver, volume, chapOf());
    const url = { ...info, data: { ...info.data, auth_username: "nobody" } };
    expect(await host.io(url, "no-secret-at-all", "write -P 0x5a 0 1M")).toEqual(fine);
    expect(await new Initiator(OTHER).io(url, "no-secret-at-all", "read 0 4k")).toEqual(refused);
    await driver.terminateConnection(callContext(), volume, connectorOf(HOST));
    expect(await host.io(url, "no-secret-at-all", "read 0 4k")).toEqual(refused);
  }, 120_000);
});
