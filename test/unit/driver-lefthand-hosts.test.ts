import { describe, expect, test } from "vitest";
import type { Driver } from "#agent/drivers/driver.ts";
import type { ConnectionInfo } from "#shared/model/attachment.ts";
import type { VolumeRef } from "#shared/model/operation.ts";
import { connectorOf, credentials, MARK, madeSnapshot, madeVolume, volumeRef } from "#test/conformance/objects.ts";
import { SIZE_BYTES } from "#test/conformance/subjects.ts";
import { callContext } from "#test/kit/driver-context.ts";
import { Initiator } from "#test/kit/initiator.ts";
import { leftHandStand, outcomeOf } from "#test/kit/lefthand.ts";
import { iscsiMissing } from "#test/kit/tgtd.ts";

const host = new Initiator("iqn.2026-01.test.host:h1");
const stranger = new Initiator("iqn.2026-01.test.host:h2");
const fine = { ok: true, text: expect.anything() };
const refused = { ok: false, text: expect.anything() };

async function connect(driver: Driver, volume: VolumeRef, initiator: string | null, access: "rw" | "ro" = "rw") {
  const chap = credentials(volume, SECRET);
  await driver.ensureExport(callContext(), volume, chap, access);
  return await driver.initializeConnection(callContext(), volume, connectorOf(initiator), chap, access);
}

const OTHER_SECRET = "5f0e1d2c-3b4a-4958-8776-655443322110";
const SECRET = "0b8d3c5e-6a0f-4c1b-9d2e-7f8091a2b3c4";

/** As an audit is told. */
async function listed(driver: Driver, { id }: VolumeRef) {
  return (await driver.list(callContext(), null)).objects.find((one) => one.id === id);
}

async function letIn(driver: Driver, volume: VolumeRef) {
  return (await listed(driver, volume))?.letIn;
}

describe("with a secret for each volume", () => {
  test("a host is told the target, and nobody is let in before or afterwards", async () => {
    const { agent, simulator } = await leftHandStand();
    const driver = await agent();
    const volume = await madeVolume(driver);
    expect(await letIn(driver, volume)).toBeUndefined();
    const info = await connect(driver, volume, host.iqn);
    expect(info).toEqual({
      driverVolumeType: "iscsi",
      data: {
        target_discovered: false,
        target_portal: `127.0.0.1:${simulator.ready.backend.parameters.iscsi_port}`,
        target_iqn: expect.stringMatching(
          new RegExp(`^iqn.2003-10.com.lefthandnetworks:group01:\\d+:volume-${volume.id}$`),
        ),
        target_lun: 0,
        auth_method: "CHAP",
        auth_username: `berth-${volume.id}`,
        access_mode: "rw",
      },
    });
    expect(await connect(driver, volume, host.iqn)).toEqual(info);
    expect(await listed(driver, volume)).toMatchObject({ account: `berth-${volume.id}` });
    for (let time = 0; time < 2; time++) {
      await driver.terminateConnection(callContext(), volume, connectorOf(host.iqn));
      await driver.removeExport(callContext(), volume);
      const { letIn: names, account } = (await listed(driver, volume)) ?? {};
      expect([names, account]).toEqual([undefined, undefined]);
    }
    await connect(driver, volume, host.iqn);
    await driver.deleteVolume(callContext(), volume);
    await driver.terminateConnection(callContext(), volume, connectorOf(host.iqn));
    await driver.removeExport(callContext(), volume);
  });

  test("another secret, and reading only, take the place of what was assigned", async () => {
    const { agent, cliq } = await leftHandStand();
    const driver = await agent();
    const volume = await madeVolume(driver);
    await connect(driver, volume, host.iqn);
    const other = credentials(volume, OTHER_SECRET);
    for (const [access, word] of [
      ["rw", "rw"],
      ["ro", "r"],
    ] as const) {
      await driver.ensureExport(callContext(), volume, other, access);
      const { stdout } = await cliq("getVolumeInfo", `volumeName=volume-${volume.id}`, "output=XML");
      expect(stdout.match(/<permission/g)).toHaveLength(1);
      expect(stdout).toContain(`access="${word}"`);
      expect(stdout).toContain(`targetSecret="${OTHER_SECRET}"`);
    }
  });

  test("one host at a time: it does not offer that several have a volume", async () => {
    const { agent } = await leftHandStand();
    expect((await (await agent()).measure(callContext())).capabilities).not.toContain("multiattach");
  });
});

describe("with hosts as servers", () => {
  test("each host is known by its initiator, two at once, and each goes without the other", async () => {
    const { agent, simulator } = await leftHandStand();
    const driver = await agent({ use_chap_auth: false });
    expect(await driver.measure(callContext())).toMatchObject({
      capabilities: expect.arrayContaining(["multiattach"]),
      connectorNeeds: ["initiator"],
    });
    const volume = await madeVolume(driver);
    const info = await connect(driver, volume, host.iqn);
    expect(info.data).not.toHaveProperty("auth_method");
    expect(await connect(driver, volume, host.iqn)).toEqual(info);
    await connect(driver, volume, stranger.iqn, "ro");
    expect(await letIn(driver, volume)).toEqual([host.iqn, stranger.iqn]);
    await driver.terminateConnection(callContext(), volume, connectorOf(host.iqn));
    await driver.terminateConnection(callContext(), volume, connectorOf(host.iqn));
    expect(await letIn(driver, volume)).toEqual([stranger.iqn]);
    await driver.removeExport(callContext(), volume);
    expect(await letIn(driver, volume)).toBeUndefined();
    expect(JSON.stringify(simulator.running.objects())).not.toContain('"name":"h1"');
    expect(await outcomeOf(connect(driver, volume, null))).toBe("not-done");
  });

  test("a server that others made for the host will do; one with a secret of its own will not", async () => {
    const { agent, cliq } = await leftHandStand();
    const driver = await agent({ use_chap_auth: false });
    await cliq("createServer", "serverName=theirs", `initiator=${host.iqn}`);
    await cliq(
      "createServer",
      "serverName=locked",
      `initiator=${stranger.iqn}`,
      "chapName=u",
      "targetSecret=0123456789ab",
    );
    const volume = await madeVolume(driver);
    await connect(driver, volume, host.iqn);
    expect(await letIn(driver, volume)).toEqual([host.iqn]);
    await driver.terminateConnection(callContext(), volume, connectorOf(host.iqn));
    expect(await letIn(driver, volume)).toBeUndefined();
    expect(await outcomeOf(connect(driver, volume, stranger.iqn))).toBe("not-done");
  });

  test("two agents that meet a host at once make one server", async () => {
    const { agent, simulator } = await leftHandStand();
    const drivers = [await agent({ use_chap_auth: false }), await agent({ use_chap_auth: false })];
    const [first, second] = drivers;
    if (first === undefined || second === undefined) throw new Error("there are two");
    const volumes = [await madeVolume(first), await madeVolume(second)];
    await Promise.all(volumes.map((volume, at) => connect(drivers[at] ?? first, volume, host.iqn)));
    for (const volume of volumes) expect(await letIn(first, volume)).toEqual([host.iqn]);
    expect(simulator.running.objects()).toMatchObject({ servers: [{ initiator: host.iqn }] });
  });
});

test("of several virtual IPs the wanted ones are told, of none that there is none; a new one is seen", async () => {
  const { agent, simulator } = await leftHandStand();
  const { faults } = simulator.desk;
  faults.set("vips", { value: 3 });
  const driver = await agent({ iscsi_ip_prefix: "192.0.2." });
  const volume = await madeVolume(driver);
  const chap = credentials(volume, SECRET);
  await driver.ensureExport(callContext(), volume, chap, "rw");
  const enter = (multipath: boolean) =>
    driver.initializeConnection(callContext(), volume, { ...connectorOf(host.iqn), multipath }, chap, "rw");
  const port = simulator.ready.backend.parameters.iscsi_port;
  expect((await enter(true)).data).toMatchObject({
    target_portal: `192.0.2.6:${port}`,
    target_portals: [`192.0.2.6:${port}`, `192.0.2.7:${port}`],
    target_luns: [0, 0],
  });
  faults.set("vips", { value: 0 });
  await driver.measure(callContext());
  expect(await outcomeOf(enter(false))).toBe("unknown");
  faults.clear("vips");
  faults.set("other-vip", { value: "192.0.2.99" });
  await driver.measure(callContext());
  expect((await enter(false)).data).toMatchObject({ target_portal: `192.0.2.99:${port}` });
});

test("a volume whose IQN the array does not tell cannot be connected to yet", async () => {
  const { agent, simulator } = await leftHandStand();
  const driver = await agent();
  const volume = await madeVolume(driver);
  simulator.desk.faults.set("no-iqn");
  expect(await outcomeOf(connect(driver, volume, host.iqn))).toBe("unknown");
});

describe.skipIf(iscsiMissing() !== null)("over iSCSI", () => {
  test("what is written to a volume is in its snapshot and its clones, and comes back when it is reverted", async () => {
    const { agent } = await leftHandStand({ iscsi: true });
    const driver = await agent();
    const source = await madeVolume(driver);
    const info = await connect(driver, source, host.iqn);
    expect(await host.sizeBytes(info, SECRET)).toBe(SIZE_BYTES);
    expect(await host.io(info, SECRET, "write -P 0xa5 1M 4M")).toEqual(fine);
    const snapshot = await madeSnapshot(driver, source);
    expect(await host.io(info, SECRET, "write -P 0x11 1M 4M")).toEqual(fine);

    const restored = volumeRef({ sizeBytes: 2 * SIZE_BYTES });
    await driver.createVolumeFromSnapshot(callContext(), restored, MARK, snapshot);
    const clone = volumeRef();
    await driver.cloneVolume(callContext(), clone, MARK, source);
    for (const [copy, pattern] of [
      [restored, "0xa5"],
      [clone, "0x11"],
    ] as const) {
      const copied = await connect(driver, copy, host.iqn);
      expect(await host.io(copied, SECRET, `read -P ${pattern} 1M 4M`, "read -P 0 8M 4M")).toEqual(fine);
      expect(await host.io(copied, SECRET, "write -P 0x77 1M 4M")).toEqual(fine);
      expect(await host.sizeBytes(copied, SECRET)).toBe(copy.sizeBytes);
    }
    expect(await host.io(info, SECRET, "read -P 0x11 1M 4M")).toEqual(fine);
    await driver.terminateConnection(callContext(), source, connectorOf(host.iqn));
    await driver.revertVolume?.(callContext(), source, snapshot);
    expect(await host.io(await connect(driver, source, host.iqn), SECRET, "read -P 0xa5 1M 4M")).toEqual(fine);
  });

  test("the wrong secret is refused; a host that was sent away is out, also while it is connected", async () => {
    const { agent } = await leftHandStand({ iscsi: true });
    const driver = await agent();
    const volume = await madeVolume(driver);
    const info = await connect(driver, volume, host.iqn);
    expect(await host.io(info, "not-the-secret", "read 0 4k")).toEqual(refused);
    expect(await host.io(info, SECRET, "read 0 4k")).toEqual(fine);
    await using _session = await host.hold(info, SECRET);
    await driver.terminateConnection(callContext(), volume, connectorOf(host.iqn));
    expect(await host.io(info, SECRET, "read 0 4k")).toEqual(refused);
  });

  test("an initiator that is no server's is refused; a connected host sees that its volume grew", async () => {
    const { agent } = await leftHandStand({ iscsi: true });
    const driver = await agent({ use_chap_auth: false });
    const volume = await madeVolume(driver);
    const info = withoutAccount(await connect(driver, volume, host.iqn));
    expect(await host.io(info, "-", "write -P 0x42 0 1M")).toEqual(fine);
    expect(await stranger.io(info, "-", "read 0 4k")).toEqual(refused);
    await driver.extendVolume(callContext(), volume, 2 * SIZE_BYTES);
    expect(await host.sizeBytes(info, "-")).toBe(2 * SIZE_BYTES);
    expect(await host.io(info, "-", "read -P 0x42 0 1M", `write -P 0x43 ${2 * SIZE_BYTES - 4096} 4k`)).toEqual(fine);
  });
});

/** The test's initiator always says a name; a target that asks for none does not look at it. */
function withoutAccount(info: ConnectionInfo): ConnectionInfo {
  return { ...info, data: { ...info.data, auth_username: "nobody" } };
}
