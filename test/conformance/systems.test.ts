import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CallContext, type Driver, DriverError } from "#agent/drivers/driver.ts";
import { volumeName } from "#agent/drivers/names.ts";
import type { VolumeRef } from "#shared/model/operation.ts";
import { callContext } from "#test/kit/driver-context.ts";
import { recordingLog } from "#test/kit/recording-log.ts";
import { callsPerOperation } from "./calls.ts";
import { connect, connectorOf, credentials, MARK, madeSnapshot, makersOf, objectsOf, snapshotRef } from "./objects.ts";
import { Bench, capacityOf, SUBJECTS, sizeOf } from "./subjects.ts";

const SIMULATED = SUBJECTS.filter(({ simulated = false }) => simulated);
const INITIATOR = "iqn.2026-01.test.host:h1";
const notDone = expect.objectContaining({ outcome: "not-done" });
const noSpace = expect.objectContaining({ outcome: "no-space" });

/** More calls than any operation takes. */
const MANY = 60;

/** What systems on a network do to those who call them. */
const FAULTS = ["lost-answer", "cut", "refuse"] as const;

/** `npm run conformance` strikes each call with each of them, `npm test` each call with one. */
const WALKS =
  process.env.BERTH_CONFORMANCE === "full"
    ? FAULTS.map((fault) => ({ label: fault, faultAt: () => fault }))
    : [{ label: "one of three", faultAt: (turn: number) => FAULTS[turn % FAULTS.length] ?? FAULTS[0] }];

describe.each(SIMULATED)("$label, as a system", (subject) => {
  const sizeBytes = sizeOf(subject);
  const { volumeRef, madeVolume } = objectsOf(sizeBytes);
  let bench: Bench;
  let driver: Driver;
  beforeEach(async () => {
    bench = await Bench.set(subject, null);
    driver = await bench.agent();
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  type Call = (context: CallContext) => Promise<unknown>;

  /** All that changes something, each on what the ones before it made; done, nothing stands. */
  async function life(by: Driver): Promise<Record<string, Call>> {
    const [volume, copy, clone] = [volumeRef(), volumeRef({ sizeBytes: 2 * sizeBytes }), volumeRef()];
    const [snapshot, chap] = [snapshotRef(volume), credentials(volume)];
    const make = await makersOf(by);
    return {
      create: (context) => make(context, volume),
      snapshot: (context) => by.createSnapshot(context, snapshot, volume, MARK),
      "create from snapshot": (context) => make(context, copy, { kind: "volume.create-from-snapshot", snapshot }),
      clone: (context) => make(context, clone, { kind: "volume.clone", source: volume }),
      extend: (context) => by.extendVolume(context, clone, 2 * sizeBytes),
      export: (context) => by.ensureExport(context, volume, chap, "rw"),
      connect: (context) => by.initializeConnection(context, volume, connectorOf(INITIATOR), chap, "rw"),
      disconnect: (context) => by.terminateConnection(context, volume, connectorOf(INITIATOR)),
      "remove export": (context) => by.removeExport(context, volume),
      mark: (context) => by.writeMark(context, { volume, snapshot: null }, { ...MARK, name: "another" }),
      "delete clone": (context) => by.deleteVolume(context, clone),
      "delete copy": (context) => by.deleteVolume(context, copy),
      "delete snapshot": (context) => by.deleteSnapshot(context, snapshot, volume),
      delete: (context) => by.deleteVolume(context, volume),
    };
  }

  /** What a call came to: null, or the error; anything else than a DriverError with an honest outcome fails. */
  async function failureOf(call: Call, what: string, context = callContext()): Promise<DriverError | null> {
    const failure: unknown = await call(context).then(
      () => null,
      (error: unknown) => error,
    );
    if (failure === null) return null;
    expect(failure, what).toBeInstanceOf(DriverError);
    return failure instanceof DriverError ? failure : null;
  }

  for (const { label, faultAt } of WALKS)
    test(`a fault (${label}) at any call of any operation is healed by the next try`, {
      timeout: 300_000,
    }, async () => {
      const { faults } = bench.system.desk;
      // Operations that had fewer calls are only done, for the others stand upon them.
      const over = new Set<string>();
      for (let skip = 0, struck = true; struck && skip < MANY; skip++) {
        struck = false;
        for (const [n, [name, call]] of Object.entries(await life(driver)).entries()) {
          if (!over.has(name)) {
            const fault = faultAt(skip + n);
            faults.set(fault, { skip, times: 1 });
            await failureOf(call, `${name}, call ${skip}`);
            if (faults.struck(fault) > 0) struck = true;
            else over.add(name);
            faults.clear(fault);
            await call(callContext());
          }
          await call(callContext());
        }
        expect(await bench.leftovers(), `call ${skip}`).toEqual([]);
      }
    });

  test("what a lost answer leaves of a creation, a deletion removes", { timeout: 120_000 }, async () => {
    const { faults } = bench.system.desk;
    const make = await makersOf(driver);
    for (let skip = 0, struck = true; struck && skip < MANY; skip++) {
      const volume = volumeRef();
      faults.set("lost-answer", { skip, times: 1 });
      await failureOf((context) => make(context, volume), `call ${skip}`);
      struck = faults.struck("lost-answer") > 0;
      faults.clear("lost-answer");
      await driver.deleteVolume(callContext(), volume);
      expect(await bench.leftovers(), `call ${skip}`).toEqual([]);
    }
  });

  test("a full system says so, and nothing is left behind", async () => {
    const volume = await madeVolume(driver);
    const before = await bench.leftovers();
    bench.system.desk.faults.set("full");
    await expect(driver.createVolume(callContext(), volumeRef(), MARK)).rejects.toEqual(noSpace);
    await expect(driver.extendVolume(callContext(), volume, 2 * sizeBytes)).rejects.toEqual(noSpace);
    bench.system.desk.faults.clearAll();
    expect(await bench.leftovers()).toEqual(before);
    await driver.extendVolume(callContext(), volume, 2 * sizeBytes);
  });

  test("a system that is silent is reported within the time of the job, and healed afterwards", async () => {
    const { faults } = bench.system.desk;
    for (const fault of ["hang", "black-hole"]) {
      const volume = volumeRef();
      faults.set(fault);
      const call: Call = (context) => driver.createVolume(context, volume, MARK);
      const failure = await failureOf(call, fault, callContext({ signal: AbortSignal.timeout(500) }));
      expect(failure?.outcome, fault).toMatch(/unknown|not-done/);
      faults.clearAll();
      await driver.createVolume(callContext(), volume, MARK);
      await driver.deleteVolume(callContext(), volume);
    }
    expect(await bench.leftovers()).toEqual([]);
  });

  test("a system that is slow is waited for", async () => {
    bench.system.desk.faults.set("slow", { delayMs: 20 });
    for (const call of Object.values(await life(driver))) await call(callContext());
    expect(await bench.leftovers()).toEqual([]);
  });

  test("what stands there under a name of ours and is somebody else's is left alone", async () => {
    const volume = volumeRef();
    await bench.system.plant(volumeName(volume.id), sizeBytes);
    const before = await bench.leftovers();
    await expect(driver.createVolume(callContext(), volume, MARK)).rejects.toEqual(notDone);
    await expect(driver.extendVolume(callContext(), volume, 2 * sizeBytes)).rejects.toEqual(notDone);
    await driver.deleteVolume(callContext(), volume);
    expect(await bench.leftovers()).toEqual(before);
    expect((await driver.measure(callContext())).objectCount).toBe(0);
    const { objects, foreign } = await driver.list(callContext(), null);
    expect({ objects, foreign }).toEqual({ objects: [], foreign: [volumeName(volume.id)] });
  });

  test("two agents that do the same at once make it once", async () => {
    const agents = [driver, await bench.agent()];
    const makers = await Promise.all(agents.map(makersOf));
    const volume = volumeRef();
    const made = await Promise.allSettled(makers.map((make) => make(callContext(), volume)));
    expect(made.some(({ status }) => status === "fulfilled")).toBe(true);
    await makers[0]?.(callContext(), volume);
    expect((await driver.measure(callContext())).objectCount).toBe(1);
    const removed = await Promise.allSettled(agents.map((by) => by.deleteVolume(callContext(), volume)));
    expect(removed.some(({ status }) => status === "fulfilled")).toBe(true);
    await driver.deleteVolume(callContext(), volume);
    expect(await bench.leftovers()).toEqual([]);
  });

  test("a system that was restarted is found again, with all that stood there", async () => {
    const volume = await madeVolume(driver);
    const snapshot = await madeSnapshot(driver, volume);
    await bench.system.restart();
    // The connections that stood are dead, and the first call may be the one that finds out.
    await driver.measure(callContext()).catch(() => undefined);
    expect((await driver.measure(callContext())).objectCount).toBe(2);
    await driver.deleteSnapshot(callContext(), snapshot, volume);
    await driver.deleteVolume(callContext(), volume);
    expect(await bench.leftovers()).toEqual([]);
  });

  test("no secret is in any log or error", async () => {
    const { log, lines } = recordingLog();
    const errors: unknown[] = [];
    const context = () => callContext({ log });
    const by = await bench.agent(context());
    for (const call of Object.values(await life(by))) await call(context());
    const volume: VolumeRef = await madeVolume(by);
    const chap = credentials(volume);
    const info = await connect(by, volume, chap, INITIATOR);
    const refused = Object.values(await life(by)).slice(0, 4);
    bench.system.desk.faults.set("refuse");
    for (const call of refused) await call(context()).catch((error: unknown) => errors.push(error));
    bench.system.desk.faults.clearAll();
    bench.system.desk.faults.set("auth");
    await bench.agent(context()).catch((error: unknown) => errors.push(error));
    expect(errors.length).toBeGreaterThan(0);
    log.error({ errors }, "what failed");
    for (const error of errors) log.error({ err: error }, "it failed");
    const said = lines.join() + JSON.stringify(info);
    for (const secret of [...bench.system.secrets, chap.secret.reveal()]) expect(said).not.toContain(secret);
  });

  test("takes no more calls than its table says", async () => {
    expect(await callsPerOperation(bench, subject)).toEqual(bench.system.expectedCalls);
  });

  test("with the longest and oddest of marks, each is told again as it was", async () => {
    const names = [
      "",
      "a",
      "x".repeat(255),
      `'; "$(id)" \`id\` | & > < * ? \\ %s`,
      "ü🚢中".repeat(80),
      "-rf",
      "<a>&amp;",
    ];
    for (const name of names) {
      const volume = volumeRef();
      const mark = { ...MARK, projectId: "acme", name };
      await driver.createVolume(callContext(), volume, mark);
      const { objects } = await driver.list(callContext(), null);
      expect(objects).toMatchObject([{ id: volume.id, mark, whole: true }]);
      await driver.deleteVolume(callContext(), volume);
    }
  });
});

/** A system that takes four calls at once, and two hundred who want something. */
describe.each(SIMULATED)("$label, by many", (subject) => {
  const { volumeRef } = objectsOf(sizeOf(subject));
  const WANTED = 200;
  const AT_ONCE = 4;

  test("200 volumes at once are made, and never more than four calls are under way", { timeout: 120_000 }, async () => {
    await using bench = await Bench.set(subject, null, (WANTED / 8 + 1) * capacityOf(subject));
    const driver = await bench.agent();
    const make = await makersOf(driver);
    const { desk } = bench.system;
    desk.calls.reset();
    desk.faults.set("limit", { value: AT_ONCE });
    const signal = AbortSignal.timeout(110_000);
    const volumes = Array.from({ length: WANTED }, () => volumeRef());
    await Promise.all(volumes.map((volume) => make(callContext({ signal }), volume)));
    expect(desk.calls.highWater).toBe(AT_ONCE);
    expect((await driver.measure(callContext())).objectCount).toBe(WANTED);
  });
});
