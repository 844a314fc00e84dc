import { expect, test } from "vitest";
import { connectorOf, credentials, MARK, snapshotRef, volumeRef } from "#test/conformance/objects.ts";
import { SIZE_BYTES } from "#test/conformance/subjects.ts";
import { callContext } from "#test/kit/driver-context.ts";
import { leftHandStand } from "#test/kit/lefthand.ts";

const host = connectorOf("iqn.2026-01.test.host:h1");

/**
 * What each operation asks of the array when all goes well. A command is a program of its own there, which takes it a
 * tenth of a second, or minutes with the whole group to tell: nothing may be added here unseen.
 */
const CALLS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  open: { getClusterInfo: 1 },
  measure: { getClusterInfo: 1 },
  list: { getClusterInfo: 1 },
  create: { createVolume: 1 },
  "create from a snapshot": { cloneSnapshot: 1 },
  "create something larger from a snapshot": { cloneSnapshot: 1, modifyVolume: 1 },
  clone: { getVolumeInfo: 1, createSnapshot: 1, cloneSnapshot: 1, deleteSnapshot: 1, modifyVolume: 1 },
  extend: { getVolumeInfo: 1, modifyVolume: 1 },
  retype: { getVolumeInfo: 1, modifyVolume: 1 },
  "write a mark": { getVolumeInfo: 1, modifyVolume: 1 },
  snapshot: { createSnapshot: 1 },
  revert: { getClusterInfo: 1, rollbackSnapshot: 1 },
  "delete a snapshot": { getSnapshotInfo: 1, deleteSnapshot: 1 },
  export: { getVolumeInfo: 1, assignVolumeChap: 1 },
  "export what is exported": { getVolumeInfo: 1 },
  connect: { getVolumeInfo: 1 },
  disconnect: { getVolumeInfo: 1, unassignVolume: 1 },
  "take the export down": { getVolumeInfo: 1 },
  delete: { getVolumeInfo: 1, deleteVolume: 1 },
};

const SERVER_CALLS: typeof CALLS = {
  "connect a host that is new": { getVolumeInfo: 1, getServerInfo: 1, createServer: 1, assignVolumeToServer: 1 },
  "connect a host that is known": { getVolumeInfo: 1, getServerInfo: 1, assignVolumeToServer: 1 },
  "connect a host that is in": { getVolumeInfo: 1 },
  disconnect: { getVolumeInfo: 1, unassignVolumeToServer: 1 },
};

test("an operation takes the commands that the table says, and no more", async () => {
  const { agent, simulator } = await leftHandStand();
  const driver = await agent();
  const { calls } = simulator.desk;
  const [volume, copy, larger, clone] = [volumeRef(), volumeRef(), volumeRef(), volumeRef()];
  const snapshot = snapshotRef(volume);
  const chap = credentials(volume);
  const wide = { ...larger, sizeBytes: 2 * SIZE_BYTES };
  const taken = await countedCalls(calls, {
    open: () => driver.open(callContext()),
    create: () => driver.createVolume(callContext(), volume, MARK),
    measure: () => driver.measure(callContext()),
    list: () => driver.list(callContext(), null),
    snapshot: () => driver.createSnapshot(callContext(), snapshot, volume, MARK),
    "create from a snapshot": () => driver.createVolumeFromSnapshot(callContext(), copy, MARK, snapshot),
    "create something larger from a snapshot": () =>
      driver.createVolumeFromSnapshot(callContext(), wide, MARK, snapshot),
    clone: () => driver.cloneVolume(callContext(), clone, MARK, volume),
    revert: async () => driver.revertVolume?.(callContext(), volume, snapshot),
    extend: () => driver.extendVolume(callContext(), volume, 2 * SIZE_BYTES),
    retype: async () => driver.retypeVolume?.(callContext(), volume, MARK),
    "write a mark": () => driver.writeMark(callContext(), { volume, snapshot: null }, MARK),
    export: () => driver.ensureExport(callContext(), volume, chap, "rw"),
    "export what is exported": () => driver.ensureExport(callContext(), volume, chap, "rw"),
    connect: () => driver.initializeConnection(callContext(), volume, host, chap, "rw"),
    disconnect: () => driver.terminateConnection(callContext(), volume, host),
    "take the export down": () => driver.removeExport(callContext(), volume),
    delete: () => driver.deleteVolume(callContext(), copy),
    "delete a snapshot": () => driver.deleteSnapshot(callContext(), snapshot, volume),
  });
  expect(taken).toEqual(CALLS);
});

test("with hosts as servers as well", async () => {
  const { agent, simulator } = await leftHandStand();
  const driver = await agent({ use_chap_auth: false });
  const [volume, other] = [volumeRef(), volumeRef()];
  for (const one of [volume, other]) await driver.createVolume(callContext(), one, MARK);
  const connect = (to: typeof volume) => () =>
    driver.initializeConnection(callContext(), to, host, credentials(to), "rw");
  const taken = await countedCalls(simulator.desk.calls, {
    "connect a host that is new": connect(volume),
    "connect a host that is known": connect(other),
    "connect a host that is in": connect(other),
    disconnect: () => driver.terminateConnection(callContext(), volume, host),
  });
  expect(taken).toEqual(SERVER_CALLS);
});

test("a listing of many pages is one command", async () => {
  const { agent, simulator, cliq } = await leftHandStand();
  const driver = await agent();
  const names = Array.from({ length: 450 }, (_, n) => `theirs-${String(n).padStart(4, "0")}`);
  await cliq("createVolume", `volumeName=${names.join(";")}`, "size=1MB", "clusterName=Cluster01", "thinProvision=1");
  await driver.createVolume(callContext(), volumeRef(), MARK);
  simulator.desk.calls.reset();
  const told: string[] = [];
  let pages = 0;
  for (let after: string | null = null, more = true; more; more = after !== null) {
    const page = await driver.list(callContext(), after);
    told.push(...page.foreign);
    after = page.next;
    pages += 1;
  }
  expect({ told, pages }).toEqual({ told: names, pages: 3 });
  expect(simulator.desk.calls.byMethod()).toEqual({ getClusterInfo: 1 });
});

type Acts = Readonly<Record<string, () => Promise<unknown>>>;

async function countedCalls(calls: { reset(): void; byMethod(): Record<string, number> }, acts: Acts) {
  const taken: Record<string, Record<string, number>> = {};
  for (const [name, act] of Object.entries(acts)) {
    calls.reset();
    await act();
    taken[name] = calls.byMethod();
  }
  return taken;
}
