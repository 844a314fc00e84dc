import { describe, expect, test } from "vitest";
import { type CallContext, type Driver, DriverError } from "#agent/drivers/driver.ts";
import type { GroupMember, OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import { Secret } from "#shared/secret.ts";
import { BYTES_PER_GIB } from "#shared/units.ts";
import { connectorOf, snapshotRef, volumeRef } from "#test/conformance/objects.ts";
import { callContext } from "#test/kit/driver-context.ts";
import { recordingLog } from "#test/kit/recording-log.ts";
import { SolidFireStand } from "#test/kit/solidfire-stand.ts";

const GIB = BYTES_PER_GIB;
const MARK: OwnerMark = { projectId: "acme", flavorName: "gold", name: "first" };
const GROUP_ID = "9bd3a4cc-5ae6-4c0b-9ad5-0a1b2c3d4e5f";
const HOST = connectorOf("iqn.2026-01.test.host:h1");
const CHAP = { username: "berth-1", secret: new Secret("kept-from-logs") };

/** One step of a volume's life; each is done once all those before it are. */
interface Step {
  readonly name: string;
  /** Told twice, it is as told once: nothing more stands, and nothing less. */
  run(context: CallContext): Promise<unknown>;
}

interface Life {
  readonly steps: readonly Step[];
  readonly volume: VolumeRef;
}

/** What Berth asks of a driver, in an order in which all of it can be done; at its end nothing is left. */
function lifeOf(driver: Driver): Life {
  const gib = (sizeGib: number): VolumeRef => volumeRef({ sizeBytes: sizeGib * GIB });
  const [volume, copy, clone] = [gib(1), gib(2), gib(1)];
  const grown: VolumeRef = { ...volume, sizeBytes: 2 * GIB };
  const snapshot: SnapshotRef = snapshotRef(volume);
  const grouped = [volume, clone].map((one): GroupMember => ({ volume: one, snapshot: snapshotRef(one), mark: MARK }));
  const step = (name: string, run: (context: CallContext) => Promise<unknown> | undefined): Step => ({
    name,
    run: async (context) => await run(context),
  });
  return {
    volume,
    steps: [
      step("create", (context) => driver.createVolume(context, volume, MARK)),
      step("snapshot", (context) => driver.createSnapshot(context, snapshot, volume, MARK)),
      step("create from snapshot", (context) => driver.createVolumeFromSnapshot(context, copy, MARK, snapshot)),
      step("clone", (context) => driver.cloneVolume(context, clone, MARK, volume)),
      step("revert", (context) => driver.revertVolume?.(context, volume, snapshot)),
      step("group snapshot", (context) => driver.createGroupSnapshot?.(context, GROUP_ID, grouped)),
      step("delete group snapshot", (context) => driver.deleteGroupSnapshot?.(context, GROUP_ID, grouped)),
      step("extend", (context) => driver.extendVolume(context, volume, 2 * GIB)),
      step("retype", (context) => driver.retypeVolume?.(context, grown, { ...MARK, flavorName: "silver" })),
      step("write mark", (context) => driver.writeMark(context, { volume, snapshot: null }, { ...MARK, name: "new" })),
      step("write mark of snapshot", (context) =>
        driver.writeMark(context, { volume, snapshot }, { ...MARK, name: "renamed" }),
      ),
      step("connect", async (context) => {
        await driver.ensureExport(context, volume, CHAP, "rw");
        await driver.initializeConnection(context, volume, HOST, CHAP, "rw");
      }),
      step("disconnect", async (context) => {
        await driver.terminateConnection(context, volume, HOST);
        await driver.removeExport(context, volume);
      }),
      step("delete snapshot", (context) => driver.deleteSnapshot(context, snapshot, volume)),
      step("delete", async (context) => {
        for (const one of [volume, copy, clone]) await driver.deleteVolume(context, one);
      }),
    ],
  };
}

/** What stands, but for what differs from run to run. */
function picture({ cluster }: SolidFireStand) {
  const named = (name: string): string => name.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, "ID");
  return {
    accounts: cluster.accounts.map(({ username, status }) => `${username} ${status}`).sort(),
    volumes: cluster.volumes
      .map(({ name, status, totalSize, access }) => `${named(name)} ${status} ${totalSize / GIB} ${access}`)
      .sort(),
    snapshots: cluster.snapshots.map(({ name, attributes }) => `${named(name)} ${attributes["berth-name"]}`).sort(),
    groups: cluster.groupSnapshots.map(({ name }) => named(name)),
  };
}

async function pictures(): Promise<ReturnType<typeof picture>[]> {
  await using stand = await SolidFireStand.start();
  const seen = [];
  for (const { run } of lifeOf(await stand.agent()).steps) {
    await run(callContext());
    await run(callContext());
    seen.push(picture(stand));
  }
  return seen;
}

/** As the worker does it: what nobody knows the end of is told again. */
async function untilDone(step: Step, name: string): Promise<number> {
  for (let tries = 1; ; tries++) {
    try {
      await step.run(callContext());
      return tries;
    } catch (error) {
      expect(error, name).toBeInstanceOf(DriverError);
      if (error instanceof DriverError) expect(error.outcome, `${name}: ${error.message}`).toBe("unknown");
      expect(tries, name).toBeLessThan(4);
    }
  }
}

describe.each([
  ["lost-answer", "the answer of any one call is lost"],
  ["reset-in-body", "the answer of any one call breaks off"],
] as const)("%s", (fault, title) => {
  test(`when ${title}, each step comes to the same end, and nothing is made twice`, async () => {
    const expected = await pictures();
    let strikes = 0;
    for (let nth = 0, more = true; more; nth++) {
      more = false;
      await using stand = await SolidFireStand.start({ settings: { cloneMs: 0 } });
      // Nobody tries again but the worker.
      const driver = await stand.agent({ sf_volume_create_timeout: 0, num_shell_tries: 1 });
      for (const [n, step] of lifeOf(driver).steps.entries()) {
        const name = `${step.name}, call ${nth}`;
        stand.fault(fault, { skip: nth, times: 1 });
        await untilDone(step, name);
        if (stand.struck(fault) > 0) strikes += 1;
        more ||= stand.struck(fault) > 0;
        stand.clearFaults();
        expect(picture(stand), name).toEqual(expected[n]);
      }
    }
    // All calls of all steps were met.
    expect(strikes).toBeGreaterThan(60);
  }, 240_000);
});

/** It must not grow unseen: a busy array is slow in proportion to what it is asked. */
const CALLS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  create: { ListVolumes: 2, CreateVolume: 1 },
  snapshot: { ListVolumes: 1, ListSnapshots: 1, CreateSnapshot: 1 },
  "create from snapshot": { ListSnapshots: 1, ListVolumes: 4, CloneVolume: 1, GetAsyncResult: 1, GetDefaultQoS: 1 },
  clone: { ListVolumes: 4, CloneVolume: 1, GetAsyncResult: 1, GetDefaultQoS: 1 },
  revert: { ListVolumes: 1, ListSnapshots: 1, RollbackToSnapshot: 1 },
  // Of two volumes: each is looked for, and its snapshot before and after the group is taken.
  "group snapshot": {
    ListVolumes: 2,
    ListSnapshots: 4,
    ListGroupSnapshots: 2,
    CreateGroupSnapshot: 1,
    CreateSnapshot: 2,
    DeleteGroupSnapshot: 1,
  },
  "delete group snapshot": { ListGroupSnapshots: 1, ListVolumes: 2, ListSnapshots: 2, DeleteSnapshot: 2 },
  extend: { ListVolumes: 1, ModifyVolume: 1 },
  retype: { ListVolumes: 1, GetDefaultQoS: 1, ModifyVolume: 1 },
  "write mark": { ListVolumes: 1, ModifyVolume: 1 },
  "write mark of snapshot": { ListVolumes: 1, ListSnapshots: 2, CreateSnapshot: 1, DeleteSnapshot: 1 },
  connect: { ListVolumes: 2, GetAccountByName: 2, AddAccount: 1, ModifyVolume: 1 },
  disconnect: {
    ListVolumes: 2,
    GetAccountByID: 1,
    ModifyAccount: 1,
    ModifyVolume: 1,
    RemoveAccount: 1,
    ListAccounts: 1,
  },
  "delete snapshot": { ListVolumes: 1, ListSnapshots: 1, DeleteSnapshot: 1 },
  // Of three volumes.
  delete: { ListVolumes: 3, ListSnapshots: 3, GetAccountByID: 1, DeleteVolume: 3, PurgeDeletedVolume: 3 },
};

test("calls to the array per operation", async () => {
  await using stand = await SolidFireStand.start({ settings: { cloneMs: 0 } });
  const driver = await stand.agent();
  // The project's account is known from then on.
  await driver.createVolume(callContext(), volumeRef({ sizeBytes: GIB }), MARK);
  const calls: Record<string, Record<string, number>> = {};
  for (const { name, run } of lifeOf(driver).steps) {
    stand.simulator.desk.calls.reset();
    await run(callContext());
    calls[name] = stand.simulator.desk.calls.byMethod();
  }
  expect(calls).toEqual(CALLS);
});

test("no secret is in any log or error, whatever fails", async () => {
  await using stand = await SolidFireStand.start();
  const { log, lines } = recordingLog();
  const driver = await stand.agent();
  const context = (): CallContext => callContext({ log });
  const failures: string[] = [];
  for (const { run } of lifeOf(driver).steps) {
    for (const value of ["xInvalidParameter", "xNotPrimary"]) {
      stand.fault("error", { value, skip: 1 });
      await run(callContext({ log, signal: AbortSignal.timeout(300) })).catch((error) =>
        failures.push(`${error} ${JSON.stringify(error)} ${error.stack} ${error.cause}`),
      );
    }
    stand.clearFaults();
    await run(context());
  }
  stand.fault("auth");
  await driver.measure(context()).catch((error) => failures.push(`${error} ${error.stack} ${error.cause}`));
  const { password = "" } = stand.simulator.ready.credentials;
  const said = [...lines, ...failures].join("\n");
  expect(failures.length).toBeGreaterThan(10);
  for (const secret of [password, CHAP.secret.reveal(), Buffer.from(`admin:${password}`).toString("base64")])
    expect(said).not.toContain(secret);
  for (const { initiatorSecret } of stand.cluster.accounts) expect(said).not.toContain(initiatorSecret);
});

test("a login that may not do what is needed is told so when the backend is opened", async () => {
  await using stand = await SolidFireStand.start();
  for (const method of ["GetClusterCapacity", "ListVolumes", "ListAccounts"]) {
    stand.fault("error", { methods: [method], value: "xPermissionDenied" });
    const message = expect.stringContaining("it needs read, reporting, volumes and accounts");
    await expect(stand.agent({ num_shell_tries: 1 })).rejects.toMatchObject({ outcome: "not-done", message });
  }
});

describe("who it is", () => {
  test("another certificate than the pinned one, or a login that is not taken, is told, and nothing is sent", async () => {
    await using stand = await SolidFireStand.start();
    const pinned = stand.agent({ san_certificate_fingerprint: Array(32).fill("00").join(":") });
    await expect(pinned).rejects.toMatchObject({ outcome: "not-done" });
    const { san_certificate_fingerprint: _, ...unpinned } = stand.simulator.ready.backend.parameters;
    await expect(stand.agentWith(unpinned)).rejects.toMatchObject({ outcome: "not-done" });
    await stand.agentWith({ ...unpinned, san_ca_file: String(stand.simulator.ready.details.certificateFile) });
    await expect(stand.agent({ san_login: "somebody" })).rejects.toMatchObject({
      message: expect.stringContaining("does not take the login"),
    });
  });
});
