import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { copyVolume } from "#agent/copy/copy-volume.ts";
import { openVolumeEnd } from "#agent/copy/volume-end.ts";
import type { Driver } from "#agent/drivers/driver.ts";
import { volumeName } from "#agent/drivers/names.ts";
import { createDriver } from "#agent/drivers/registry.ts";
import { TgtManagement } from "#agent/export/tgt/management.ts";
import { TgtExport } from "#agent/export/tgt.ts";
import { Secret } from "#shared/secret.ts";
import { allocatedBytes, makeImage, openAddress, qemuNbdMissing, TEST_KEY } from "#test/kit/copy-ends.ts";
import { backendRecord, callContext, driverTools } from "#test/kit/driver-context.ts";
import { uuid } from "#test/kit/records.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { iscsiMissing, startTgtd } from "#test/kit/tgtd.ts";

const MIB = 1024 ** 2;
const SIZE_BYTES = 64 * MIB;
const SECRET = "correcthorse42";
const CHAP = { username: "copier", sealedSecret: TEST_KEY.seal(new Secret(SECRET)) };
const CONNECTOR = { host: "agent", ip: "127.0.0.1", initiator: "iqn.2026-01.test.agent:me", multipath: false };
const MARK = { projectId: "default", flavorName: "gold", name: "data" };
const volumeOf = (n: number) => ({ id: uuid(n), sizeBytes: SIZE_BYTES, providerId: null, properties: {} });

async function stand() {
  const tgtd = await startTgtd();
  onTestFinished(() => tgtd[Symbol.asyncDispose]());
  const folder = temporaryFolder();
  const iscsi = new TgtExport({ socketPath: tgtd.socketPath, portals: tgtd.portals.slice(0, 1) });
  const backend = backendRecord("file", { path: folder, capacity_gib: 1 });
  const opened = async (): Promise<Driver> => {
    const driver = createDriver({ backend, tools: driverTools(folder, iscsi) });
    await driver.open(callContext());
    return driver;
  };
  const driver = await opened();
  // As a driver that exports over iSCSI and knows no nearer way.
  const overIscsi: Driver = Object.assign(await opened(), { blockAddress: undefined });
  return { tgtd, folder, driver, overIscsi, imageOf: (n: number) => join(folder, volumeName(uuid(n))) };
}

const wantedOf = (driver: Driver, n: number, writable: boolean) => ({
  ...{ driver, volume: volumeOf(n), connector: CONNECTOR, chap: CHAP, sealingKey: TEST_KEY, writable },
});

describe.skipIf(iscsiMissing() !== null || qemuNbdMissing() !== null)("copying over iSCSI", () => {
  it("reaches volumes as any host does, and leaves no export; a file's own way gives the same", async () => {
    const { driver, overIscsi, imageOf, tgtd } = await stand();
    const context = callContext();
    for (const n of [1, 2, 3]) await driver.createVolume(context, volumeOf(n), MARK);
    await makeImage(imageOf(1), SIZE_BYTES, [
      { offset: 0, lengthBytes: 3 * MIB },
      { offset: 40 * MIB, lengthBytes: 5 * MIB + 512 },
    ]);
    const hops: [Driver, number, Driver, number][] = [
      [driver, 1, overIscsi, 2],
      [overIscsi, 2, driver, 3],
    ];
    for (const [from, fromVolume, to, toVolume] of hops) {
      await using source = await openVolumeEnd(context, wantedOf(from, fromVolume, false));
      await using target = await openVolumeEnd(context, wantedOf(to, toVolume, true));
      await copyVolume(context, { source, target, sizeBytes: SIZE_BYTES, bandwidthLimitBytesPerS: null });
    }
    expect((await readFile(imageOf(3))).equals(await readFile(imageOf(1)))).toBe(true);
    expect(await allocatedBytes(imageOf(3))).toBeLessThan(10 * MIB);
    expect(await new TgtManagement(tgtd.socketPath).targets(context)).toEqual([]);
  });

  it("shows the CHAP secret to no process list, and is refused with a wrong one", async () => {
    const { driver, overIscsi } = await stand();
    const context = callContext();
    await driver.createVolume(context, volumeOf(1), MARK);
    const end = await openVolumeEnd(context, wantedOf(overIscsi, 1, true));
    const lines = readdirSync("/proc")
      .filter((entry) => /^\d+$/.test(entry))
      .map((pid) => {
        try {
          return `${readFileSync(`/proc/${pid}/cmdline`, "utf8")} ${readFileSync(`/proc/${pid}/environ`, "utf8")}`;
        } catch {
          return "";
        }
      });
    expect(lines.some((line) => line.includes("qemu-nbd") && line.includes(CHAP.username))).toBe(true);
    expect(lines.filter((line) => line.includes(SECRET))).toEqual([]);
    await end[Symbol.asyncDispose]();

    await driver.ensureExport(context, volumeOf(1), { username: CHAP.username, secret: new Secret(SECRET) }, "rw");
    const info = await driver.initializeConnection(
      context,
      volumeOf(1),
      CONNECTOR,
      { username: CHAP.username, secret: new Secret(SECRET) },
      "rw",
    );
    const address = {
      kind: "iscsi" as const,
      portals: [String(info.data.target_portal)],
      iqn: String(info.data.target_iqn),
      lun: 1,
      initiator: CONNECTOR.initiator,
      chap: { username: String(info.data.auth_username), sealedSecret: TEST_KEY.seal(new Secret("not-the-right-one")) },
    };
    const refused = await openAddress(context, address, true).catch((error: unknown) => error);
    expect(refused).toMatchObject({ outcome: "unknown" });
    expect(String(refused)).not.toContain("not-the-right-one");
    const right = {
      ...address,
      portals: ["127.0.0.1:1", ...address.portals],
      chap: { ...CHAP, username: address.chap.username },
    };
    await (await openAddress(context, right, true))[Symbol.asyncDispose]();
  });

  it("tells a target that goes away in the middle", async () => {
    const { driver, overIscsi, imageOf, tgtd } = await stand();
    const context = callContext();
    for (const n of [1, 2]) await driver.createVolume(context, volumeOf(n), MARK);
    await makeImage(imageOf(1), SIZE_BYTES, [{ offset: 0, lengthBytes: SIZE_BYTES }]);
    const controller = new AbortController();
    const copying = callContext({
      signal: controller.signal,
      progress: { checkpointBytes: async () => 0, tell: () => void tgtd.kill() },
    });
    const source = await openVolumeEnd(copying, wantedOf(driver, 1, false));
    const target = await openVolumeEnd(copying, wantedOf(overIscsi, 2, true));
    const copy = copyVolume(copying, { source, target, sizeBytes: SIZE_BYTES, bandwidthLimitBytesPerS: null });
    // libiscsi tries to reach it again for long; the job's deadline ends that.
    copy.catch(() => undefined);
    await tgtd.kill();
    controller.abort(new Error("no progress"));
    await expect(copy).rejects.toMatchObject({ outcome: "unknown" });
    await source[Symbol.asyncDispose]();
    await target[Symbol.asyncDispose]();
  });
});
