import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Driver, HostConnection } from "#agent/drivers/driver.ts";
import { createDriver } from "#agent/drivers/registry.ts";
import type { VolumeRef } from "#shared/model/operation.ts";
import { backendRecord, callContext, driverTools } from "#test/kit/driver-context.ts";
import { Initiator } from "#test/kit/initiator.ts";
import { iscsiMissing } from "#test/kit/tgtd.ts";
import {
  connectorOf,
  credentials,
  MARK,
  madeSnapshot,
  madeVolume,
  snapshotRef,
  volumeRef,
} from "../conformance/objects.ts";
import { type StartedSimulator, startSimulator } from "../simulators/kit/start.ts";
import { simulator as solaris } from "../simulators/solaris/simulator.ts";

const host = new Initiator("iqn.2026-01.test.host:h1");
const stranger = new Initiator("iqn.2026-01.test.host:h2");
const fine = { ok: true, text: expect.anything() };
const refused = { ok: false, text: expect.anything() };

/** Real initiators at the simulator's portal: what is written is there, and nowhere else. */
describe.skipIf(iscsiMissing() !== null)("solaris over iSCSI", () => {
  let folder: string;
  let simulator: StartedSimulator;
  let driver: Driver;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "berth-solaris-"));
    simulator = await startSimulator(solaris, { dataFolder: folder, capacityGib: 4 });
    const backend = backendRecord("solaris", simulator.ready.backend.parameters);
    driver = createDriver({ backend, tools: driverTools(folder) });
    await driver.open(callContext());
  });
  afterEach(async () => {
    await driver.close();
    await simulator[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  async function enter(volume: VolumeRef, who = host, access: "rw" | "ro" = "rw"): Promise<[HostConnection, string]> {
    const chap = credentials(volume);
    await driver.ensureExport(callContext(), volume, chap, access);
    const info = await driver.initializeConnection(callContext(), volume, connectorOf(who.iqn), chap, access);
    return [info, info.ownChap?.secret.reveal() ?? ""];
  }

  test("a host writes with the secret that it is told, the same for all its volumes; nobody else gets in", async () => {
    const [one, other] = [await madeVolume(driver), await madeVolume(driver)];
    const [info, secret] = await enter(one);
    expect(secret).toMatch(/^[A-Za-z0-9]{16}$/);
    expect(JSON.stringify(info)).not.toContain(secret);
    expect(await host.io(info, secret, "write -P 0xa5 0 1M", "read -P 0xa5 0 1M")).toEqual(fine);
    expect(await host.sizeBytes(info, secret)).toBe(one.sizeBytes);
    expect(await host.io(info, "not-the-secret-16", "read 0 4k")).toEqual(refused);
    expect(await stranger.io(info, secret, "read 0 4k")).toEqual(refused);

    const [second, again] = await enter(other);
    expect(again).toBe(secret);
    expect(await host.io(second, secret, "read -P 0 0 1M")).toEqual(fine);
    // The first goes on: one initiator, one secret.
    expect(await host.io(info, secret, "read -P 0xa5 0 1M")).toEqual(fine);
    expect(await enter(one)).toEqual([info, secret]);
  });

  test("what was written is in the snapshot's copy and in the clone, and not what came after", async () => {
    const source = await madeVolume(driver);
    const [info, secret] = await enter(source);
    const last = source.sizeBytes - 4096;
    expect(await host.io(info, secret, "write -P 0xa5 1M 4M", `write -P 0x5a ${last} 4k`)).toEqual(fine);
    const snapshot = await madeSnapshot(driver, source);
    expect(await host.io(info, secret, "write -P 0x11 1M 4M")).toEqual(fine);
    const restored = volumeRef({ sizeBytes: 2 * source.sizeBytes });
    await driver.createVolumeFromSnapshot(callContext(), restored, MARK, snapshot);
    const clone = volumeRef();
    await driver.cloneVolume(callContext(), clone, MARK, source);
    expect(await host.io(info, secret, "write -P 0x22 1M 4M")).toEqual(fine);

    const check = async (): Promise<void> => {
      for (const [copy, pattern] of [
        [restored, "0xa5"],
        [clone, "0x11"],
      ] as const) {
        const [copied, own] = await enter(copy);
        const read = [`read -P ${pattern} 1M 4M`, "read -P 0 8M 4M", `read -P 0x5a ${last} 4k`];
        expect(await host.io(copied, own, ...read)).toEqual(fine);
        expect(await host.sizeBytes(copied, own)).toBe(copy.sizeBytes);
      }
    };
    await check();
    // The originals go, connected as they are, and the copies hold what they held.
    await driver.deleteSnapshot(callContext(), snapshot, source);
    await driver.deleteVolume(callContext(), source);
    expect(await host.io(info, secret, "read 0 4k")).toEqual(refused);
    await check();
  });

  test("a reverted volume holds what it held, with the next connection", async () => {
    const volume = await madeVolume(driver);
    const [info, secret] = await enter(volume);
    await host.io(info, secret, "write -P 0x42 0 1M");
    const identity = await host.inquiry(info, secret, 0x83);
    const snapshot = await madeSnapshot(driver, volume);
    await host.io(info, secret, "write -P 0x43 0 1M", "write -P 0x44 8M 1M");
    await driver.terminateConnection(callContext(), volume, connectorOf(host.iqn));
    await driver.removeExport(callContext(), volume);
    await driver.revertVolume?.(callContext(), volume, snapshot);
    const [again] = await enter(volume);
    expect(await host.io(again, secret, "read -P 0x42 0 1M", "read -P 0 8M 1M")).toEqual(fine);
    expect(await host.inquiry(again, secret, 0x83)).toEqual(identity);
    await expect(driver.revertVolume?.(callContext(), volume, snapshotRef(volume))).rejects.toMatchObject({
      outcome: "not-done",
    });
  });

  test("a volume of which a later state was cloned goes back all the same, and the clone keeps its bytes", async () => {
    const volume = await madeVolume(driver);
    const [info, secret] = await enter(volume);
    await host.io(info, secret, "write -P 0x42 0 1M");
    const snapshot = await madeSnapshot(driver, volume);
    await host.io(info, secret, "write -P 0x43 0 1M");
    const clone = volumeRef();
    await driver.cloneVolume(callContext(), clone, MARK, volume);
    await driver.revertVolume?.(callContext(), volume, snapshot);
    const [again] = await enter(volume);
    expect(await host.io(again, secret, "read -P 0x42 0 1M", "write -P 0x44 0 1M")).toEqual(fine);
    const [cloned] = await enter(clone);
    expect(await host.io(cloned, secret, "read -P 0x43 0 1M")).toEqual(fine);
    const copy = volumeRef();
    await driver.createVolumeFromSnapshot(callContext(), copy, MARK, snapshot);
    const [copied] = await enter(copy);
    expect(await host.io(copied, secret, "read -P 0x42 0 1M")).toEqual(fine);
  });

  test("a connected host sees the new size, and one that is sent away nothing more, while another stays", async () => {
    const volume = await madeVolume(driver);
    const [info, secret] = await enter(volume);
    await host.io(info, secret, "write -P 0x77 0 1M");
    await driver.extendVolume(callContext(), volume, 2 * volume.sizeBytes);
    expect(await host.sizeBytes(info, secret)).toBe(2 * volume.sizeBytes);
    const [beside, other] = await enter(volume, stranger);
    expect(await stranger.io(beside, other, "read -P 0x77 0 1M")).toEqual(fine);
    await driver.terminateConnection(callContext(), volume, connectorOf(host.iqn));
    expect(await host.io(info, secret, "read 0 4k")).toEqual(refused);
    const listed = (await driver.list(callContext(), null)).objects.find(({ id }) => id === volume.id);
    expect(listed?.letIn).toEqual([stranger.iqn]);
    expect(await stranger.io(beside, other, "read -P 0x77 0 1M")).toEqual(fine);
  });

  test("a host that only reads cannot write, and does not share the volume with one that does", async () => {
    const volume = await madeVolume(driver);
    const [info, secret] = await enter(volume, host, "ro");
    expect(await host.io(info, secret, "read -P 0 0 1M")).toEqual(fine);
    expect(await host.io(info, secret, "write -P 0x12 0 1M")).toEqual(refused);
    await expect(enter(volume, stranger, "rw")).rejects.toMatchObject({ outcome: "not-done" });
    await driver.terminateConnection(callContext(), volume, connectorOf(host.iqn));
    const [writer, own] = await enter(volume, stranger, "rw");
    expect(await stranger.io(writer, own, "write -P 0x12 0 1M")).toEqual(fine);
  });
});
