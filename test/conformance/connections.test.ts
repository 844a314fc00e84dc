import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Driver } from "#agent/drivers/driver.ts";
import { exportOfVolume, targetIqn } from "#agent/drivers/names.ts";
import { TgtManagement } from "#agent/export/tgt/management.ts";
import { TgtExport } from "#agent/export/tgt.ts";
import type { VolumeRef } from "#shared/model/operation.ts";
import { callContext } from "#test/kit/driver-context.ts";
import { Initiator } from "#test/kit/initiator.ts";
import { iscsiMissing, startTgtd, type Tgtd } from "#test/kit/tgtd.ts";
import { connect, connectorOf, credentials, MARK, madeSnapshot, madeVolume, volumeRef } from "./objects.ts";
import { Bench, SIZE_BYTES, SUBJECTS } from "./subjects.ts";

const host = new Initiator("iqn.2026-01.test.host:h1");
const stranger = new Initiator("iqn.2026-01.test.host:h2");
const refusedAsUnknown = { ok: false, text: expect.stringContaining("Target not found") };
const refusedBySecret = { ok: false, text: expect.stringContaining("Authentication failure") };
const fine = { ok: true, text: expect.anything() };

/** Drivers whose volumes an initiator can really reach: real tgtd, real initiators, real bytes. */
describe.skipIf(iscsiMissing() !== null)("over iSCSI", () => {
  let tgtd: Tgtd;
  beforeAll(async () => {
    tgtd = await startTgtd();
  });
  afterAll(() => tgtd[Symbol.asyncDispose]());

  describe.each(SUBJECTS.filter(({ connects }) => connects === "really"))("$label", (subject) => {
    let bench: Bench;
    let driver: Driver;
    beforeEach(async () => {
      bench = await Bench.set(subject, new TgtExport(tgtd));
      driver = await bench.agent();
    });
    afterEach(() => bench[Symbol.asyncDispose]());

    /** Who is connected, as tgtd tells it. */
    async function sessionsOf(volume: VolumeRef): Promise<string[]> {
      const targets = await new TgtManagement(tgtd.socketPath).targets(callContext());
      const sessions = targets.find(({ iqn }) => iqn === targetIqn(exportOfVolume(volume.id, "rw")))?.sessions ?? [];
      return sessions.map(({ initiator }) => initiator);
    }

    test("offers connections, and names the same one each time, without the secret", async () => {
      expect((await driver.measure(callContext())).capabilities).toEqual(
        expect.arrayContaining(["connect", "online-extend"]),
      );
      const volume = await madeVolume(driver);
      const chap = credentials(volume);
      const info = await connect(driver, volume, chap, host.iqn);
      expect(info).toMatchObject({
        driverVolumeType: "iscsi",
        data: {
          target_portal: tgtd.portals[0],
          target_lun: 1,
          auth_method: "CHAP",
          auth_username: expect.stringContaining(chap.username),
        },
      });
      expect(await connect(driver, volume, chap, host.iqn)).toEqual(info);
      expect(JSON.stringify(info)).not.toContain(chap.secret.reveal());
      expect(await host.sizeBytes(info, chap.secret.reveal())).toBe(SIZE_BYTES);
      await driver.deleteVolume(callContext(), volume);
    });

    test("a listing tells who is let in, for audits to find who should not be", async () => {
      const volume = await madeVolume(driver);
      const letIn = async () =>
        (await driver.list(callContext(), null)).objects.find(({ id }) => id === volume.id)?.letIn;
      expect(await letIn()).toBeUndefined();
      await connect(driver, volume, credentials(volume), host.iqn);
      expect(await letIn()).toEqual([host.iqn]);
      await driver.terminateConnection(callContext(), volume, connectorOf(host.iqn));
      expect(await letIn()).toEqual([]);
      await driver.removeExport(callContext(), volume);
      expect(await letIn()).toBeUndefined();
      await driver.deleteVolume(callContext(), volume);
    });

    test("a snapshot and a clone hold what was written before them, and not what came after", async () => {
      const source = await madeVolume(driver);
      const chap = credentials(source);
      const info = await connect(driver, source, chap, host.iqn);
      const secret = chap.secret.reveal();
      const last = SIZE_BYTES - 4096;
      expect(await host.io(info, secret, "write -P 0xa5 1M 4M", `write -P 0x5a ${last} 4k`)).toEqual(fine);
      const snapshot = await madeSnapshot(driver, source);
      expect(await host.io(info, secret, "write -P 0x11 1M 4M")).toEqual(fine);

      const restored = volumeRef({ sizeBytes: 2 * SIZE_BYTES });
      await driver.createVolumeFromSnapshot(callContext(), restored, MARK, snapshot);
      const clone = volumeRef();
      await driver.cloneVolume(callContext(), clone, MARK, source);
      for (const [copy, pattern] of [
        [restored, "0xa5"],
        [clone, "0x11"],
      ] as const) {
        const own = credentials(copy);
        const copied = await connect(driver, copy, own, host.iqn);
        const read = [`read -P ${pattern} 1M 4M`, "read -P 0 8M 4M", `read -P 0x5a ${last} 4k`];
        expect(await host.io(copied, own.secret.reveal(), ...read)).toEqual(fine);
        expect(await host.sizeBytes(copied, own.secret.reveal())).toBe(copy.sizeBytes);
        await driver.deleteVolume(callContext(), copy);
      }
      await driver.deleteVolume(callContext(), source);
    });

    test("who has the wrong secret, another's name or no leave is refused", async () => {
      const volume = await madeVolume(driver);
      const chap = credentials(volume);
      const info = await connect(driver, volume, chap, host.iqn);
      const secret = chap.secret.reveal();
      expect(await host.io(info, "not-the-secret", "read 0 4k")).toEqual(refusedBySecret);
      expect(await stranger.io(info, secret, "read 0 4k")).toEqual(refusedAsUnknown);

      await driver.terminateConnection(callContext(), volume, connectorOf(host.iqn));
      await driver.terminateConnection(callContext(), volume, connectorOf(host.iqn));
      expect(await host.io(info, secret, "read 0 4k")).toEqual(refusedAsUnknown);
      await driver.deleteVolume(callContext(), volume);
    });

    test("two hosts may be connected, and one goes without the other", async () => {
      const volume = await madeVolume(driver);
      const chap = credentials(volume);
      const info = await connect(driver, volume, chap, host.iqn);
      await connect(driver, volume, chap, stranger.iqn);
      const secret = chap.secret.reveal();
      await driver.terminateConnection(callContext(), volume, connectorOf(host.iqn));
      expect(await stranger.io(info, secret, "read 0 4k")).toEqual(fine);
      expect(await host.io(info, secret, "read 0 4k")).toEqual(refusedAsUnknown);
      await driver.deleteVolume(callContext(), volume);
    });

    test("hosts read a snapshot and cannot write to it; it is told who, and gone with them", async () => {
      const volume = await madeVolume(driver);
      const chap = credentials(volume);
      const secret = chap.secret.reveal();
      await host.io(await connect(driver, volume, chap, host.iqn), secret, "write -P 0x5a 0 1M");
      await driver.removeExport(callContext(), volume);
      const snapshot = await madeSnapshot(driver, volume);
      const exports = driver.snapshotExports;
      if (exports === undefined) throw new Error("it exports no snapshots");
      const letIn = async () =>
        (await driver.list(callContext(), null)).objects.find(({ id }) => id === snapshot.id)?.letIn;
      const enter = async (initiator: string) => {
        await exports.ensureExport(callContext(), snapshot, chap);
        return await exports.initializeConnection(callContext(), snapshot, connectorOf(initiator), chap);
      };
      const info = await enter(host.iqn);
      expect(await enter(stranger.iqn)).toEqual(info);
      expect(await host.io(info, secret, "read -P 0x5a 0 1M")).toEqual(fine);
      expect(await stranger.io(info, secret, "write -P 0x5b 0 1M")).toMatchObject({ ok: false });
      expect(new Set(await letIn())).toEqual(new Set([host.iqn, stranger.iqn]));
      await exports.terminateConnection(callContext(), snapshot, connectorOf(stranger.iqn));
      expect(await stranger.io(info, secret, "read 0 4k")).toEqual(refusedAsUnknown);
      expect(await host.io(info, secret, "read -P 0x5a 0 1M")).toEqual(fine);
      await exports.removeExport(callContext(), snapshot);
      await exports.removeExport(callContext(), snapshot);
      expect(await letIn()).toBeUndefined();
      await enter(host.iqn);
      await driver.deleteSnapshot(callContext(), snapshot, volume);
      expect(await host.io(info, secret, "read 0 4k")).toMatchObject({ ok: false });
      await driver.deleteVolume(callContext(), volume);
    });

    test("a host may be let in only to read, beside one that writes", async () => {
      const volume = await madeVolume(driver);
      const chap = credentials(volume);
      const secret = chap.secret.reveal();
      const writer = await connect(driver, volume, chap, host.iqn);
      await driver.ensureExport(callContext(), volume, chap, "ro");
      const reader = await driver.initializeConnection(callContext(), volume, connectorOf(stranger.iqn), chap, "ro");
      expect(await host.io(writer, secret, "write -P 0x11 0 1M")).toEqual(fine);
      expect(await stranger.io(reader, secret, "read -P 0x11 0 1M")).toEqual(fine);
      expect(await stranger.io(reader, secret, "write -P 0x12 0 1M")).toMatchObject({ ok: false });
      await driver.terminateConnection(callContext(), volume, connectorOf(stranger.iqn));
      expect(await stranger.io(reader, secret, "read 0 4k")).toEqual(refusedAsUnknown);
      expect(await host.io(writer, secret, "read -P 0x11 0 1M")).toEqual(fine);
      await driver.removeExport(callContext(), volume);
      expect(await host.io(writer, secret, "read 0 4k")).toMatchObject({ ok: false });
      await driver.deleteVolume(callContext(), volume);
    });

    test("a host without an initiator name is let in by its secret alone", async () => {
      const volume = await madeVolume(driver);
      const chap = credentials(volume);
      await driver.ensureExport(callContext(), volume, chap, "rw");
      const info = await driver.initializeConnection(callContext(), volume, connectorOf(null), chap, "rw");
      expect(await host.io(info, "not-the-secret", "read 0 4k")).toEqual(refusedBySecret);
      expect(await host.io(info, chap.secret.reveal(), "read 0 4k")).toEqual(fine);
      await driver.terminateConnection(callContext(), volume, connectorOf(null));
      expect(await host.io(info, chap.secret.reveal(), "read 0 4k")).toEqual(refusedAsUnknown);
      await driver.deleteVolume(callContext(), volume);
    });

    test("a connected host sees the new size of an extended volume, and its data", async () => {
      const volume = await madeVolume(driver);
      const chap = credentials(volume);
      const info = await connect(driver, volume, chap, host.iqn);
      const secret = chap.secret.reveal();
      await host.io(info, secret, "write -P 0x77 0 1M");
      await driver.extendVolume(callContext(), volume, 2 * SIZE_BYTES);
      expect(await host.sizeBytes(info, secret)).toBe(2 * SIZE_BYTES);
      expect(await host.io(info, secret, "read -P 0x77 0 1M", `write -P 0x78 ${2 * SIZE_BYTES - 4096} 4k`)).toEqual(
        fine,
      );

      await driver.terminateConnection(callContext(), volume, connectorOf(host.iqn));
      await driver.removeExport(callContext(), volume);
      await driver.removeExport(callContext(), volume);
      await driver.extendVolume(callContext(), volume, 3 * SIZE_BYTES);
      await bench.assertAtRest(volume.id, 3 * SIZE_BYTES);
      await connect(driver, volume, chap, host.iqn);
      expect(await host.sizeBytes(info, secret)).toBe(3 * SIZE_BYTES);
      const read = ["read -P 0x77 0 1M", `read -P 0x78 ${2 * SIZE_BYTES - 4096} 4k`, `read -P 0 ${2 * SIZE_BYTES} 1M`];
      expect(await host.io(info, secret, ...read)).toEqual(fine);
      await driver.deleteVolume(callContext(), volume);
    });

    test("after the target died with all it knew, the same calls bring the same volume back", async () => {
      const volume = await madeVolume(driver);
      const chap = credentials(volume);
      const info = await connect(driver, volume, chap, host.iqn);
      const secret = chap.secret.reveal();
      await host.io(info, secret, "write -P 0x42 0 1M");
      const identity = await host.inquiry(info, secret, 0x83);
      await tgtd.restart();
      expect(await host.io(info, secret, "read 0 4k")).toMatchObject({ ok: false });
      expect(await connect(driver, volume, chap, host.iqn)).toEqual(info);
      expect(await host.io(info, secret, "read -P 0x42 0 1M")).toEqual(fine);
      expect(await host.inquiry(info, secret, 0x83)).toEqual(identity);
      await driver.deleteVolume(callContext(), volume);
    });

    test("while no target runs, volumes that need none can be made and deleted; connecting says why not", async () => {
      await tgtd.kill();
      try {
        const volume = await madeVolume(driver);
        await driver.extendVolume(callContext(), volume, 2 * SIZE_BYTES);
        const failure = expect.objectContaining({ message: expect.stringContaining("no tgtd answers") });
        await expect(driver.ensureExport(callContext(), volume, credentials(volume), "rw")).rejects.toEqual(failure);
        await driver.terminateConnection(callContext(), volume, connectorOf(host.iqn));
        await driver.deleteVolume(callContext(), volume);
      } finally {
        await tgtd.restart();
      }
      expect(await bench.leftovers()).toEqual([]);
    });

    test("a volume is deleted under a connected host, which then has nothing any more", async () => {
      const volume = await madeVolume(driver);
      const chap = credentials(volume);
      const info = await connect(driver, volume, chap, host.iqn);
      await using _session = await host.hold(info, chap.secret.reveal());
      expect(await sessionsOf(volume)).toEqual([host.iqn]);
      await driver.deleteVolume(callContext(), volume);
      await driver.deleteVolume(callContext(), volume);
      expect(await bench.leftovers()).toEqual([]);
      expect(await sessionsOf(volume)).toEqual([]);
      expect(await host.io(info, chap.secret.reveal(), "read 0 4k")).toMatchObject({ ok: false });
    });

    test("a host that is sent away while it is connected is out at once; another stays", async () => {
      const volume = await madeVolume(driver);
      const chap = credentials(volume);
      const info = await connect(driver, volume, chap, host.iqn);
      await connect(driver, volume, chap, stranger.iqn);
      await using _leaving = await host.hold(info, chap.secret.reveal());
      await using _staying = await stranger.hold(info, chap.secret.reveal());
      expect(new Set(await sessionsOf(volume))).toEqual(new Set([host.iqn, stranger.iqn]));
      await driver.terminateConnection(callContext(), volume, connectorOf(host.iqn));
      expect(await sessionsOf(volume)).toEqual([stranger.iqn]);
      await driver.deleteVolume(callContext(), volume);
    });
  });
});
