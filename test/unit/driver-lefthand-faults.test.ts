import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CallContext, type Driver, DriverError } from "#agent/drivers/driver.ts";
import { parseMark } from "#agent/drivers/lefthand/mark.ts";
import type { SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import { connectorOf, credentials, MARK, snapshotRef, volumeRef } from "#test/conformance/objects.ts";
import { SIZE_BYTES } from "#test/conformance/subjects.ts";
import { callContext } from "#test/kit/driver-context.ts";
import { type LeftHandStand, leftHandStand, outcomeOf } from "#test/kit/lefthand.ts";
import { recordingLog } from "#test/kit/recording-log.ts";
import type { SimulatedSnapshot, SimulatedVolume } from "#test/simulators/lefthand/state.ts";

const host = connectorOf("iqn.2026-01.test.host:h1");

/** What an operation needs, and the operation. */
interface Scene {
  readonly before: (driver: Driver) => Promise<unknown>;
  readonly act: (driver: Driver, context: CallContext) => Promise<unknown>;
  readonly servers?: boolean;
}

const volume: VolumeRef = volumeRef();
const other: VolumeRef = volumeRef({ sizeBytes: 2 * SIZE_BYTES });
const snapshot: SnapshotRef = snapshotRef(volume);
const chap = credentials(volume);
const own = { ...MARK, projectId: "p1", name: "data" };

const made = (driver: Driver) => driver.createVolume(callContext(), volume, own);
const kept = async (driver: Driver) => {
  await made(driver);
  await driver.createSnapshot(callContext(), snapshot, volume, own);
};
const exported = async (driver: Driver) => {
  await made(driver);
  await driver.ensureExport(callContext(), volume, chap, "rw");
};
const connected = async (driver: Driver) => {
  await exported(driver);
  await driver.initializeConnection(callContext(), volume, host, chap, "rw");
};

const SCENES: Readonly<Record<string, Scene>> = {
  create: { before: async () => {}, act: (driver, context) => driver.createVolume(context, volume, own) },
  "create from a snapshot": {
    before: kept,
    act: (driver, context) => driver.createVolumeFromSnapshot(context, volumeOf(snapshot), own, snapshot),
  },
  "create something larger from a snapshot": {
    before: kept,
    act: (driver, context) => driver.createVolumeFromSnapshot(context, other, own, snapshot),
  },
  clone: { before: made, act: (driver, context) => driver.cloneVolume(context, other, own, volume) },
  extend: { before: made, act: (driver, context) => driver.extendVolume(context, volume, 2 * SIZE_BYTES) },
  retype: {
    before: made,
    act: async (driver, context) => driver.retypeVolume?.(context, volume, { ...own, flavorName: "silver" }),
  },
  snapshot: { before: made, act: (driver, context) => driver.createSnapshot(context, snapshot, volume, own) },
  revert: { before: kept, act: async (driver, context) => driver.revertVolume?.(context, volume, snapshot) },
  "delete a snapshot": { before: kept, act: (driver, context) => driver.deleteSnapshot(context, snapshot, volume) },
  delete: { before: connected, act: (driver, context) => driver.deleteVolume(context, volume) },
  "write a volume's mark": {
    before: made,
    act: (driver, context) => driver.writeMark(context, { volume, snapshot: null }, { ...own, projectId: "p2" }),
  },
  "write a snapshot's mark": {
    before: kept,
    act: (driver, context) => driver.writeMark(context, { volume, snapshot }, { ...own, projectId: "p2" }),
  },
  export: { before: made, act: (driver, context) => driver.ensureExport(context, volume, chap, "rw") },
  connect: {
    before: exported,
    act: (driver, context) => driver.initializeConnection(context, volume, host, chap, "rw"),
  },
  "connect a server": {
    servers: true,
    before: made,
    act: (driver, context) => driver.initializeConnection(context, volume, host, chap, "rw"),
  },
  disconnect: { before: connected, act: (driver, context) => driver.terminateConnection(context, volume, host) },
  "disconnect a server": {
    servers: true,
    before: connected,
    act: (driver, context) => driver.terminateConnection(context, volume, host),
  },
  "take the export down": { before: connected, act: (driver, context) => driver.removeExport(context, volume) },
};

function volumeOf({ sizeBytes }: SnapshotRef): VolumeRef {
  return { ...other, sizeBytes };
}

interface Objects {
  readonly volumes: readonly SimulatedVolume[];
  readonly snapshots: readonly SimulatedSnapshot[];
}

/** What stands there, but for what is another each time: numbers and times. */
function standing({ simulator }: LeftHandStand) {
  const objects = JSON.parse(JSON.stringify(simulator.running.objects())) as Objects;
  const told = [...objects.volumes, ...objects.snapshots].map((one) => ({
    name: one.name,
    sizeBytes: one.sizeBytes,
    mark: { ...parseMark(one.description), writtenAtMs: 0 },
    access: one.permissions.map(({ iqn, chapName, access }) => ({ iqn, chapName, access })),
    thin: "thin" in one ? one.thin : null,
  }));
  return told.sort((first, second) => (first.name < second.name ? -1 : 1));
}

/** One array for all scenes: to begin a conversation over SSH takes longer than all that is said in it. */
let stand: LeftHandStand;
let drivers: { readonly chap: Driver; readonly servers: Driver };
const ends: (() => Promise<void> | void)[] = [];
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "berth-test-"));
  ends.push(() => rm(folder, { recursive: true, force: true }));
  stand = await leftHandStand({ folder, atEnd: (end) => ends.push(end) });
  const agent = (use_chap_auth: boolean) => stand.agent({ num_shell_tries: 1, use_chap_auth });
  drivers = { chap: await agent(true), servers: await agent(false) };
});
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

/** A stage on which a scene can be set as often as one likes. */
async function stageFor(scene: Scene) {
  const driver = scene.servers === true ? drivers.servers : drivers.chap;
  const { faults, calls } = stand.simulator.desk;
  const set = async () => {
    faults.clearAll();
    await stand.wipe();
    await scene.before(driver);
    calls.reset();
  };
  const act = async () => unnumbered(await scene.act(driver, callContext()));
  await set();
  const answer = await act();
  /** How many commands it takes, and what stands when it went well. */
  const well = { commands: calls.report().total, standing: standing(stand), answer };
  return { faults, set, act, well };
}

/** What is made again has another number in its IQN. */
function unnumbered(answer: unknown): unknown {
  return answer === undefined ? undefined : JSON.parse(JSON.stringify(answer).replace(/group01:\d+:/, "group01:N:"));
}

/** After these nobody knows what was done. */
const SPOILED = ["lost-answer", "cut", "half-answer", "no-output", "no-response", "no-result"];

/** These mean nothing. */
const HARMLESS = ["no-exit-status", "noise", "shuffled", "strange-parts", "upper-case", "no-declaration", "own-codes"];

describe.each(Object.entries(SCENES))("%s", (_name, scene) => {
  test.each(SPOILED)("with %s at any command is done in the end, once", async (fault) => {
    const { faults, set, act, well } = await stageFor(scene);
    for (let command = 0; command < well.commands; command++) {
      await set();
      faults.set(fault, { skip: command, times: 1 });
      const first = await outcomeOf(act());
      expect(faults.struck(fault), `command ${command}`).toBe(1);
      if (typeof first === "string") expect(first, `command ${command}`).toBe("unknown");
      else expect(standing(stand), `command ${command}`).toEqual(well.standing);
      expect(await act(), `command ${command}`).toEqual(well.answer);
      expect(standing(stand), `command ${command}`).toEqual(well.standing);
    }
  });

  test("is not put out by what answers may have in them", async () => {
    const { faults, set, act, well } = await stageFor(scene);
    for (const fault of HARMLESS) {
      await set();
      faults.set(fault);
      for (let time = 0; time < 2; time++) expect(await act(), fault).toEqual(well.answer);
      expect(standing(stand), fault).toEqual(well.standing);
    }
  });

  test("is done when the array says so with a remark", async () => {
    const { faults, set, act, well } = await stageFor(scene);
    for (const value of [1, 5, 8]) {
      await set();
      faults.set("warning", { value });
      expect(await act(), `result ${value}`).toEqual(well.answer);
      expect(standing(stand), `result ${value}`).toEqual(well.standing);
    }
  });

  test("refused at any command it says so, whatever the exit status, and the next try mends what is left", async () => {
    const { faults, set, act, well } = await stageFor(scene);
    for (const exit of ["128", "0"])
      for (let command = 0; command < well.commands; command++) {
        await set();
        const value = `80001001 CliqUnexpected ${exit} An unexpected error has occurred.`;
        faults.set("failure", { value, skip: command, times: 1 });
        const first = await outcomeOf(act());
        if (typeof first === "string") expect(["unknown", "not-done"], `command ${command}`).toContain(first);
        expect(await act(), `command ${command}`).toEqual(well.answer);
        expect(standing(stand), `command ${command}`).toEqual(well.standing);
      }
  });
});

test("a create whose answer is lost is looked up and not made again", async () => {
  const stand = await leftHandStand();
  const driver = await stand.agent();
  stand.simulator.desk.calls.reset();
  stand.simulator.desk.faults.set("lost-answer", { methods: ["createVolume"] });
  expect(await driver.createVolume(callContext(), volume, own)).toEqual({ providerId: `volume-${volume.id}` });
  expect(stand.simulator.desk.calls.byMethod()).toEqual({ createVolume: 1, getVolumeInfo: 1 });
});

test("what has our name and no mark of ours is left alone", async () => {
  const stand = await leftHandStand();
  const driver = await stand.agent();
  const name = `volumeName=volume-${volume.id}`;
  await stand.cliq("createVolume", name, "clusterName=Cluster01", "size=64MB", "description=not theirs");
  await stand.cliq("createSnapshot", name, `snapshotName=snapshot-${snapshot.id}`);
  const before = standing(stand);
  const calls: Record<string, () => Promise<unknown>> = {
    create: () => driver.createVolume(callContext(), volume, own),
    extend: () => driver.extendVolume(callContext(), volume, 2 * SIZE_BYTES),
    snapshot: () => driver.createSnapshot(callContext(), snapshot, volume, own),
    export: () => driver.ensureExport(callContext(), volume, chap, "rw"),
  };
  for (const [what, call] of Object.entries(calls)) expect(await outcomeOf(call()), what).toBe("not-done");
  // Ours is gone, and theirs is none of our business.
  await driver.terminateConnection(callContext(), volume, host);
  await driver.removeExport(callContext(), volume);
  await driver.deleteSnapshot(callContext(), snapshot, volume);
  await driver.deleteVolume(callContext(), volume);
  expect(standing(stand)).toEqual(before);
  const { objects, foreign } = await driver.list(callContext(), null);
  expect({ objects, foreign: [...foreign].sort() }).toEqual({
    objects: [],
    foreign: [`snapshot-${snapshot.id}`, `volume-${volume.id}`],
  });
});

test("what is full says so, a snapshot that clones stand upon is not deleted, a newer snapshot forbids to go back", async () => {
  const stand = await leftHandStand({ capacityGib: 1 });
  const driver = await stand.agent({ san_thin_provision: false });
  await kept(driver);
  const large = volumeRef({ sizeBytes: 8 * SIZE_BYTES });
  expect(await outcomeOf(driver.createVolume(callContext(), large, own))).toBe("no-space");
  expect(await outcomeOf(driver.extendVolume(callContext(), volume, 9 * SIZE_BYTES))).toBe("no-space");
  const before = standing(stand);
  expect(await outcomeOf(driver.createVolumeFromSnapshot(callContext(), large, own, snapshot))).toBe("no-space");
  expect(await outcomeOf(driver.cloneVolume(callContext(), large, own, volume))).toBe("no-space");
  expect(standing(stand)).toEqual(before);

  for (const copy of [volumeRef(), volumeRef()])
    expect(await driver.createVolumeFromSnapshot(callContext(), copy, own, snapshot)).toMatchObject({
      dependsOnSource: true,
    });
  expect(await outcomeOf(driver.deleteSnapshot(callContext(), snapshot, volume))).toBe("not-done");
  await stand.cliq("createSnapshot", `volumeName=volume-${volume.id}`, "snapshotName=an-admins");
  expect(await outcomeOf(driver.revertVolume?.(callContext(), volume, snapshot) ?? Promise.resolve())).toBe("not-done");
  const { exitCode } = await stand.cliq("getSnapshotInfo", "snapshotName=an-admins");
  expect(exitCode).toBe(0);
});

test("what is being deleted is as good as gone", async () => {
  const stand = await leftHandStand();
  const driver = await stand.agent();
  await kept(driver);
  stand.simulator.desk.faults.set("slow-delete", { delayMs: 60_000 });
  await driver.deleteSnapshot(callContext(), snapshot, volume);
  await driver.deleteVolume(callContext(), volume);
  await driver.deleteVolume(callContext(), volume);
  await driver.deleteSnapshot(callContext(), snapshot, volume);
  expect(await driver.list(callContext(), null)).toEqual({ objects: [], foreign: [], next: null });
  expect((await driver.measure(callContext())).objectCount).toBe(0);
});

test("a clone whose snapshot cannot go before it stands upon it, and takes it along", async () => {
  const stand = await leftHandStand();
  const driver = await stand.agent();
  await made(driver);
  const value = "80001001 CliqUnexpected 128 Snapshot 's' cannot be deleted because it is a clone point.";
  stand.simulator.desk.faults.set("failure", { value, methods: ["deleteSnapshot"] });
  for (let time = 0; time < 2; time++)
    expect(await driver.cloneVolume(callContext(), other, own, volume)).toMatchObject({ dependsOnSource: true });
  expect(standing(stand).map(({ name }) => name)).toContain(`volume-${other.id}.source`);
  const { objects, foreign } = await driver.list(callContext(), null);
  expect({ ids: objects.map(({ id }) => id).sort(), foreign }).toEqual({
    ids: [volume.id, other.id].sort(),
    foreign: [],
  });
  stand.simulator.desk.faults.clearAll();
  await driver.deleteVolume(callContext(), other);
  expect(standing(stand).map(({ name }) => name)).toEqual([`volume-${volume.id}`]);
});

test("a volume is deleted also where the array does not delete what is assigned", async () => {
  for (const use_chap_auth of [true, false]) {
    const stand = await leftHandStand();
    const driver = await stand.agent({ use_chap_auth });
    stand.simulator.desk.faults.set("refuse-assigned");
    await connected(driver);
    await driver.initializeConnection(callContext(), volume, host, chap, "rw");
    await driver.deleteVolume(callContext(), volume);
    expect(standing(stand)).toEqual([]);
  }
});

test("success that ends like a failure is not believed before it is seen", async () => {
  const stand = await leftHandStand();
  const driver = await stand.agent();
  stand.simulator.desk.faults.set("failure", { value: "0 CliqSuccess 137 Operation succeeded.", times: 1 });
  expect(await outcomeOf(driver.createVolume(callContext(), volume, own))).toBe("unknown");
  await driver.createVolume(callContext(), volume, own);
  expect(standing(stand)).toHaveLength(1);
});

test("an array that does not know a command says so, and others are not tried in its place", async () => {
  const stand = await leftHandStand();
  const driver = await stand.agent();
  await kept(driver);
  stand.simulator.desk.faults.set("old-release", { methods: ["rollbackSnapshot"] });
  expect(await outcomeOf(driver.revertVolume?.(callContext(), volume, snapshot) ?? Promise.resolve())).toBe("not-done");
});

test.each(["no-capacity", "odd-capacity"])("with %s it is not measured, and works all the same", async (fault) => {
  const stand = await leftHandStand();
  const driver = await stand.agent();
  stand.simulator.desk.faults.set(fault);
  expect(await outcomeOf(driver.measure(callContext()))).toBe("unknown");
  await made(driver);
});

test("the cluster's space is counted in its blocks, or in bytes if it is said, and once for each copy", async () => {
  const stand = await leftHandStand({ capacityGib: 8 });
  const gib = async (parameters: Record<string, string | number>) => {
    const { totalBytes, freeBytes } = await (await stand.agent(parameters)).measure(callContext());
    return [Number(totalBytes) / 1024 ** 3, Number(freeBytes) / 1024 ** 3];
  };
  await (await stand.agent({ san_thin_provision: false })).createVolume(
    callContext(),
    volumeRef({ sizeBytes: 1024 ** 3 }),
    own,
  );
  expect(await gib({})).toEqual([4, 3]);
  expect(await gib({ replication: 1 })).toEqual([8, 6]);
  stand.simulator.desk.faults.set("capacity-in-bytes");
  expect(await gib({ capacity_unit: "bytes" })).toEqual([4, 3]);
});

test("neither the array's answers nor its refusals bring a secret into a log or an error", async () => {
  const stand = await leftHandStand();
  const { log, lines } = recordingLog();
  const context = () => callContext({ log });
  const driver = await stand.agent();
  await made(driver);
  await driver.ensureExport(context(), volume, chap, "rw");
  await driver.initializeConnection(context(), volume, host, chap, "rw");
  stand.simulator.desk.faults.set("half-answer");
  const thrown = await driver
    .initializeConnection(context(), volume, host, chap, "rw")
    .catch((error: unknown) => error);
  stand.simulator.desk.faults.clearAll();
  stand.simulator.desk.faults.set("failure", {
    value: "80001001 CliqUnexpected 128 No.",
    methods: ["assignVolumeChap"],
  });
  const refused = await driver
    .ensureExport(context(), volume, credentials(volume, "another-secret-0"), "rw")
    .catch((error: unknown) => error);
  for (const error of [thrown, refused]) {
    expect(error).toBeInstanceOf(DriverError);
    log.error({ err: error }, "it failed");
  }
  expect(lines.length).toBeGreaterThan(4);
  expect(lines.join("\n")).toContain("getVolumeInfo");
  expect(lines.join("\n")).not.toContain(chap.secret.reveal());
});
