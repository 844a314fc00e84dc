import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Driver } from "#agent/drivers/driver.ts";
import { createDriver } from "#agent/drivers/registry.ts";
import { backendRecord, callContext, driverTools } from "#test/kit/driver-context.ts";
import { connectorOf, credentials, MARK, madeSnapshot, madeVolume, volumeRef } from "../conformance/objects.ts";
import { type StartedSimulator, startSimulator } from "../simulators/kit/start.ts";
import { simulator as solaris } from "../simulators/solaris/simulator.ts";

const host = "iqn.2026-01.test.host:h1";
let folder: string;
let simulator: StartedSimulator;
let driver: Driver;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-solaris-"));
  simulator = await startSimulator(solaris, { dataFolder: folder, capacityGib: 1, iscsi: false });
  driver = agent();
  await driver.open(callContext());
});
afterEach(async () => {
  await driver.close();
  await simulator[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function agent(parameters = {}): Driver {
  const backend = backendRecord("solaris", { ...simulator.ready.backend.parameters, ...parameters });
  return createDriver({ backend, tools: driverTools(folder) });
}

describe("smoke", () => {
  test("x", async () => {
    const v = await madeVolume(driver);
    const s = await madeSnapshot(driver, v);
    const c = volumeRef({ sizeBytes: 2 * v.sizeBytes });
    await driver.createVolumeFromSnapshot(callContext(), c, MARK, s);
    const d = volumeRef();
    await driver.cloneVolume(callContext(), d, MARK, v);
    console.log(await driver.measure(callContext()));
    await driver.ensureExport(callContext(), v, credentials(v), "rw");
    console.log(await driver.initializeConnection(callContext(), v, connectorOf(host), credentials(v), "rw"));
    console.log(JSON.stringify(await driver.list(callContext(), null)));
    await driver.deleteSnapshot(callContext(), s, v);
    await driver.deleteVolume(callContext(), v);
    await driver.deleteVolume(callContext(), d);
    await driver.deleteVolume(callContext(), c);
    console.log(JSON.stringify(simulator.running.objects()));
    console.log(simulator.desk.calls.report());
    expect(1).toBe(1);
  });
});
