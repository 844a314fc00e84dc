import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { type CallContext, type Driver, DriverError } from "#agent/drivers/driver.ts";
import { XenPool } from "#agent/drivers/xenapi/pool.ts";
import { Secret } from "#shared/secret.ts";
import {
  connectorOf,
  credentials,
  MARK,
  madeSnapshot,
  madeVolume,
  snapshotRef,
  volumeRef,
} from "#test/conformance/objects.ts";
import { callContext, driverTools } from "#test/kit/driver-context.ts";
import { recordsIn, XenClient } from "#test/kit/xen-client.ts";
import { NFS, XenStand } from "#test/kit/xen-stand.ts";

type Operation = (context: CallContext) => Promise<unknown>;

interface Case {
  readonly run: Operation;
  /** What stands afterwards, of ours. */
  readonly stands: number;
}

/** Each operation on objects of its own. */
async function cases(driver: Driver, stand: XenStand): Promise<Record<string, Case>> {
  const source = await madeVolume(driver);
  const snapshot = await madeSnapshot(driver, source);
  const [fresh, copy, clone] = [volumeRef(), volumeRef({ sizeBytes: 2 * source.sizeBytes }), volumeRef()];
  const taken = snapshotRef(source);
  const guest = { ...connectorOf(null), systemUuid: stand.detail("runningVm") };
  return {
    create: { run: (context) => driver.createVolume(context, fresh, MARK), stands: 3 },
    snapshot: { run: (context) => driver.createSnapshot(context, taken, source, MARK), stands: 4 },
    "from a snapshot": { run: (context) => driver.createVolumeFromSnapshot(context, copy, MARK, snapshot), stands: 5 },
    clone: { run: (context) => driver.cloneVolume(context, clone, MARK, source), stands: 6 },
    extend: { run: (context) => driver.extendVolume(context, fresh, 2 * fresh.sizeBytes), stands: 6 },
    mark: { run: (context) => driver.writeMark(context, { volume: fresh, snapshot: null }, MARK), stands: 6 },
    connect: {
      run: (context) => driver.initializeConnection(context, fresh, guest, credentials(fresh), "rw"),
      stands: 6,
    },
    disconnect: { run: (context) => driver.terminateConnection(context, fresh, guest), stands: 6 },
    revert: {
      run: async (context) => driver.revertVolume?.(context, source, snapshot),
      stands: 6,
    },
    "delete a snapshot": { run: (context) => driver.deleteSnapshot(context, taken, source), stands: 5 },
    delete: { run: (context) => driver.deleteVolume(context, clone), stands: 4 },
  };
}

async function standing(driver: Driver): Promise<{ whole: number; parts: number; foreign: number }> {
  const { objects, foreign } = await driver.list(callContext(), null);
  const whole = objects.filter((one) => one.whole).length;
  return { whole, parts: objects.length - whole, foreign: foreign.length };
}

describe.each(["lost-answer", "cut", "session-invalid", "http-500"])("%s at any one call", (fault) => {
  test("is healed by the next try: nothing is doubled, nothing is left", { timeout: 120_000 }, async () => {
    const stand = await XenStand.start();
    const driver = await stand.driver();
    for (const [name, { run, stands }] of Object.entries(await cases(driver, stand))) {
      for (let skip = 0; ; skip++) {
        stand.desk.faults.set(fault, { skip, times: 1 });
        const thrown: unknown = await run(callContext()).then(
          () => null,
          (error: unknown) => error,
        );
        const struck = stand.desk.faults.struck(fault) > 0;
        stand.desk.faults.clear(fault);
        if (thrown !== null) {
          expect(thrown, `${name}, call ${skip}`).toBeInstanceOf(DriverError);
          if (fault === "session-invalid") expect.unreachable(`${name}, call ${skip}: ${thrown}`);
          await run(callContext());
        }
        expect(await standing(driver), `${name}, call ${skip}`).toEqual({ whole: stands, parts: 0, foreign: 0 });
        if (!struck) break;
        expect(skip).toBeLessThan(40);
        // Done and looked up again the next time round: so it is undone first where that can be.
        if (name === "disconnect") await run(callContext());
      }
    }
  });
});

describe("creations whose answer was lost at each call", () => {
  test("stand once, and a deletion leaves nothing of what never became whole", { timeout: 120_000 }, async () => {
    const stand = await XenStand.start();
    const driver = await stand.driver();
    const source = await madeVolume(driver);
    const snapshot = await madeSnapshot(driver, source);
    const creations: Record<string, (context: CallContext, id: string) => Promise<unknown>> = {
      create: (context, id) => driver.createVolume(context, volumeRef({ id }), MARK),
      clone: (context, id) =>
        driver.cloneVolume(context, volumeRef({ id, sizeBytes: 2 * source.sizeBytes }), MARK, source),
      "from a snapshot": (context, id) => driver.createVolumeFromSnapshot(context, volumeRef({ id }), MARK, snapshot),
      snapshot: (context, id) => driver.createSnapshot(context, snapshotRef(source, { id }), source, MARK),
    };
    for (const [name, create] of Object.entries(creations))
      for (const heal of [true, false])
        for (let skip = 0; ; skip++) {
          const { id } = volumeRef();
          stand.desk.faults.set("lost-answer", { skip, times: 1 });
          await create(callContext(), id).catch(() => undefined);
          const struck = stand.desk.faults.struck("lost-answer") > 0;
          stand.desk.faults.clear("lost-answer");
          if (heal) await create(callContext(), id);
          if (heal) expect(await standing(driver), `${name}, call ${skip}`).toEqual({ whole: 3, parts: 0, foreign: 0 });
          if (name === "snapshot") await driver.deleteSnapshot(callContext(), snapshotRef(source, { id }), source);
          else await driver.deleteVolume(callContext(), volumeRef({ id }));
          expect(await standing(driver), `${name}, call ${skip}`).toEqual({ whole: 2, parts: 0, foreign: 0 });
          if (!struck) break;
          expect(skip).toBeLessThan(40);
        }
  });
});

describe("the pool's master", () => {
  test("is followed when it hands over, and the old one says who it is", async () => {
    const stand = await XenStand.start();
    const driver = await stand.driver();
    const volume = await madeVolume(driver);
    const admin = new XenClient(stand);
    const hosts = await admin.call("host.get_by_name_label", ["xen2"]);
    await admin.call("pool.designate_new_master", [Array.isArray(hosts) ? hosts[0] : ""]);
    await madeVolume(driver);
    await driver.deleteVolume(callContext(), volume);
    expect(await standing(driver)).toEqual({ whole: 1, parts: 0, foreign: 0 });
    // Who starts with the old address finds it as well.
    const late = await stand.driver();
    expect(await standing(late)).toEqual({ whole: 1, parts: 0, foreign: 0 });
  });

  test("that is gone is looked for at the other hosts, and references are looked up anew", async () => {
    const stand = await XenStand.start();
    const driver = await stand.driver();
    const volume = await madeVolume(driver);
    stand.desk.faults.set("master-gone", { times: 1 });
    // Nobody knows whether the call that met it was done.
    await driver.createVolume(callContext(), volume, MARK).catch(() => undefined);
    const another = await madeVolume(driver);
    await driver.extendVolume(callContext(), volume, 2 * volume.sizeBytes);
    await driver.deleteVolume(callContext(), another);
    expect(await standing(driver)).toEqual({ whole: 1, parts: 0, foreign: 0 });
  });

  test("may be named by a bare IPv6 address", async () => {
    const stand = await XenStand.start();
    stand.desk.faults.set("slave", { value: "fd00::2", times: 1 });
    const asked: string[] = [];
    const { https } = driverTools(stand.folder);
    const pool = new XenPool({
      url: stand.zoneSettings.xenapi_url,
      user: "root",
      password: async () => new Secret(stand.ready.credentials.password ?? ""),
      originator: "test",
      trust: { caFile: null, certificateFingerprint: null, verify: true },
      maxConcurrentCalls: 4,
      connect: (setting) => {
        asked.push(setting.origin);
        return https({ ...setting, connectTimeoutMs: 200 });
      },
    });
    await pool.call(callContext(), "pool.get_all", [], { changes: false });
    await pool.close(callContext());
    const { origin, port } = new URL(stand.zoneSettings.xenapi_url);
    expect(asked).toEqual([origin, `http://[fd00::2]:${port}`]);
  });
});

describe("over HTTPS", () => {
  test("a host's own certificate is believed by its file or its fingerprint, and not without", async () => {
    const stand = await XenStand.start();
    const https = { ...stand.zoneSettings, xenapi_url: stand.detail("https") };
    const certificate = new X509Certificate(await readFile(stand.detail("certificate")));
    const opening = async (settings: Record<string, string | boolean>): Promise<void> => {
      const driver = stand.closed("nfs", NFS, {}, new Secret("x"), { ...https, ...settings });
      await driver.open(callContext()).finally(() => driver.close());
    };
    await opening({ xenapi_ca_file: stand.detail("certificate") });
    await opening({ xenapi_fingerprint: certificate.fingerprint256 });
    await opening({ xenapi_verify_tls: false });
    await expect(opening({})).rejects.toMatchObject({ name: "NotAdmitted" });
    const another = certificate.fingerprint256.replace(/^../, (first) => (first === "00" ? "01" : "00"));
    await expect(opening({ xenapi_fingerprint: another })).rejects.toMatchObject({ name: "NotAdmitted" });
  });
});

describe("what the pool answers", () => {
  test.each([
    ["full", "no-space"],
    ["sr-full", "no-space"],
    ["plugin-crash", "unknown"],
    ["refuse", "unknown"],
  ] as const)("%s is %s, and nothing stands", async (fault, outcome) => {
    const stand = await XenStand.start();
    const driver = await stand.driver();
    stand.desk.faults.set(fault, { methods: ["VDI.create"] });
    await expect(driver.createVolume(callContext(), volumeRef(), MARK)).rejects.toMatchObject({ outcome });
    expect(await standing(driver)).toEqual({ whole: 0, parts: 0, foreign: 0 });
  });

  test("a full SR leaves neither copies nor notes of them", async () => {
    const stand = await XenStand.start();
    const driver = await stand.driver();
    const source = await madeVolume(driver);
    for (const method of ["VDI.clone", "VDI.resize"]) {
      stand.desk.faults.set("full", { methods: [method] });
      const copy = volumeRef({ sizeBytes: 2 * source.sizeBytes });
      await expect(driver.cloneVolume(callContext(), copy, MARK, source)).rejects.toMatchObject({
        outcome: "no-space",
      });
    }
    expect(await standing(driver)).toEqual({ whole: 1, parts: 0, foreign: 0 });
    expect(JSON.stringify(recordsIn(stand.objects, "VDI"))).not.toContain("berth_copy");
  });

  test("a disk in use is not deleted, and its volume stays", async () => {
    const stand = await XenStand.start();
    const driver = await stand.driver();
    const volume = await madeVolume(driver);
    stand.desk.faults.set("vdi-in-use");
    await expect(driver.deleteVolume(callContext(), volume)).rejects.toMatchObject({ outcome: "not-done" });
    stand.desk.faults.clear("vdi-in-use");
    await driver.deleteVolume(callContext(), volume);
    expect(await standing(driver)).toEqual({ whole: 0, parts: 0, foreign: 0 });
  });

  test("a login that is refused is not tried again at once; another password is", async () => {
    const stand = await XenStand.start();
    stand.desk.faults.set("auth");
    const driver = stand.closed();
    for (let time = 0; time < 3; time++)
      await expect(driver.open(callContext())).rejects.toMatchObject({ name: "NotAdmitted" });
    stand.desk.faults.clear("auth");
    await driver.open(callContext());
    await driver.close();
  });
});

describe("tasks", () => {
  /** A copy goes as a task. */
  async function copying(
    stand: XenStand,
  ): Promise<{ driver: Driver; copy: (context?: CallContext) => Promise<unknown> }> {
    const driver = await stand.driver();
    const source = await madeVolume(driver);
    const target = volumeRef();
    stand.desk.faults.set("chain-limit");
    return { driver, copy: (context = callContext()) => driver.cloneVolume(context, target, MARK, source) };
  }

  test.each([
    ["task-cancelled", "Async.VDI.copy"],
    ["task-vanished", "Async.VDI.copy"],
  ])("%s: nobody knows, and the next try ends it", async (fault) => {
    const stand = await XenStand.start();
    const { driver, copy } = await copying(stand);
    stand.desk.faults.set(fault, { times: 1, methods: ["VDI.copy"] });
    await expect(copy()).rejects.toMatchObject({ outcome: "unknown" });
    expect((await standing(driver)).whole).toBe(1);
    await copy();
    expect(await standing(driver)).toEqual({ whole: 2, parts: 0, foreign: 0 });
  });

  test("one that stands still is cancelled at the pool when its time is over", async () => {
    const stand = await XenStand.start();
    const { driver, copy } = await copying(stand);
    stand.desk.faults.set("task-stuck", { times: 1, methods: ["VDI.copy"] });
    await expect(copy(callContext({ signal: AbortSignal.timeout(500) }))).rejects.toMatchObject({ outcome: "unknown" });
    expect(stand.desk.calls.byMethod()["task.cancel"]).toBe(1);
    await copy();
    expect(await standing(driver)).toEqual({ whole: 2, parts: 0, foreign: 0 });
  });

  test.each(["token-rejected", "events-lost"])("%s: it is asked anew from the beginning", async (fault) => {
    const stand = await XenStand.start();
    const { driver, copy } = await copying(stand);
    stand.desk.faults.set(fault, { skip: 1, times: 2 });
    await copy();
    expect(stand.desk.faults.struck(fault)).toBe(2);
    expect(await standing(driver)).toEqual({ whole: 2, parts: 0, foreign: 0 });
  });
});

test("200 creations at once never pass the limit of four calls, and all succeed", { timeout: 60_000 }, async () => {
  const stand = await XenStand.start();
  const driver = await stand.driver("nfs", { ...NFS, max_concurrent_calls: 4 });
  stand.desk.calls.reset();
  stand.desk.faults.set("limit", { value: 4 });
  stand.desk.faults.set("slow", { delayMs: 1 });
  await Promise.all(Array.from({ length: 200 }, () => madeVolume(driver)));
  stand.desk.faults.clearAll();
  expect(stand.desk.calls.highWater).toBeLessThanOrEqual(4);
  expect(await standing(driver)).toEqual({ whole: 200, parts: 0, foreign: 0 });
});
