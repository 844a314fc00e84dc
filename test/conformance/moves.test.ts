import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { copyVolume } from "#agent/copy/copy-volume.ts";
import { openVolumeEnd } from "#agent/copy/volume-end.ts";
import { type CallContext, type Driver, LeaseLost, type Replication } from "#agent/drivers/driver.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import type { VolumeRef } from "#shared/model/operation.ts";
import { qemuNbdMissing, TEST_KEY } from "#test/kit/copy-ends.ts";
import { callContext, leaseFor } from "#test/kit/driver-context.ts";
import { connectorOf, credentials, MARK, madeSnapshot, objectsOf, snapshotRef } from "./objects.ts";
import { Bench, SUBJECTS, sizeOf } from "./subjects.ts";

const notDone = expect.objectContaining({ name: "DriverError", outcome: "not-done" });
const MIB = 1024 ** 2;
const REPLICATED = { provisioning: null, compression: false, replication: true, vendor: {}, qos: null };

async function listed(driver: Driver): Promise<ListedObject[]> {
  const { objects } = await driver.list(callContext(), null);
  return objects;
}

/** `volume ID: MiB`, of what stands whole. */
async function standing(driver: Driver): Promise<string[]> {
  const whole = (await listed(driver)).filter((object) => object.whole);
  return whole.map(({ kind, id, sizeBytes }) => `${kind} ${id}: ${(sizeBytes ?? 0) / MIB}`).sort();
}

const named = ({ id, sizeBytes }: VolumeRef): string => `volume ${id}: ${sizeBytes / MIB}`;

function has<T>(what: T | null | undefined): T {
  if (what === null || what === undefined) throw new Error("it is reported, and it is not there");
  return what;
}

/** Those whose kind has several backends on one storage system. */
describe.each(SUBJECTS.filter(({ moves = false }) => moves))("$label, moved by the storage system", (subject) => {
  const sizeBytes = sizeOf(subject);
  const { volumeRef, madeVolume } = objectsOf(sizeBytes);
  let bench: Bench;
  let from: Driver;
  let to: Driver;
  beforeEach(async () => {
    bench = await Bench.set(subject, null);
    from = await bench.agentOfPart(1);
    to = await bench.agentOfPart(2);
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  const target = (): VolumeRef => volumeRef();
  const mark = { ...MARK, flavorName: "silver" };
  const migrate = async (volume: VolumeRef, into: VolumeRef, context: CallContext = callContext()) =>
    await from.migrateVolume?.(context, volume, { driver: to, volume: into, mark });

  test("both say that they are of one storage system, and that they can", async () => {
    const [one, other] = [await from.measure(callContext()), await to.measure(callContext())];
    expect(one.arrayId).toBeDefined();
    expect(other.arrayId).toBe(one.arrayId);
    for (const { capabilities } of [one, other]) expect(capabilities).toContain("migrate");
  });

  test("it stands there as what it is to be, and is gone here; done again, it is done", async () => {
    const [volume, into] = [await madeVolume(from), target()];
    const first = await migrate(volume, into);
    expect(await migrate(volume, into)).toEqual(first);
    expect(await listed(from)).toEqual([]);
    expect(await listed(to)).toMatchObject([{ kind: "volume", id: into.id, sizeBytes, whole: true, mark }]);
    await to.extendVolume(callContext(), { ...into, ...first }, 2 * sizeBytes);
    await to.deleteVolume(callContext(), { ...into, ...first });
    expect([await listed(from), await listed(to)]).toEqual([[], []]);
  });

  test("what stands nowhere, and what is to go to another storage system, is refused", async () => {
    await expect(migrate(volumeRef(), target())).rejects.toEqual(notDone);
    const volume = await madeVolume(from);
    const stranger = await bench.agent();
    await expect(
      from.migrateVolume?.(callContext(), volume, { driver: stranger, volume: target(), mark }),
    ).rejects.toEqual(notDone);
    expect(await standing(from)).toEqual([named(volume)]);
  });

  test("at whatever step the lease is lost it stands whole in one place or the other, and the same call heals it", async () => {
    const [volume, into] = [await madeVolume(from), target()];
    for (let changes = 0; ; changes++) {
      try {
        await migrate(volume, into, callContext({ guard: leaseFor(changes) }));
        break;
      } catch (error) {
        expect(error).toBeInstanceOf(LeaseLost);
      }
      const [here, there] = [await standing(from), await standing(to)];
      expect([...here, ...there].length).toBeGreaterThan(0);
      expect(changes).toBeLessThan(50);
    }
    expect([await standing(from), await standing(to)]).toEqual([[], [named(into)]]);
  });
});

test.each(SUBJECTS)("$label says that it can move volumes, or mirror, only if it can", async (subject) => {
  await using bench = await Bench.set(subject, null);
  const drivers = [
    await bench.agent(),
    ...(subject.moves === true ? [await bench.agentOfPart(1)] : []),
    ...(subject.mirrors === true ? [await bench.agentOfSide(null)] : []),
  ];
  for (const driver of drivers) {
    const { capabilities } = await driver.measure(callContext());
    if (capabilities.includes("migrate")) expect(driver.migrateVolume).toBeDefined();
    if (capabilities.includes("replication")) expect(driver.replication).toBeDefined();
    if (capabilities.includes("copy")) expect(driver.blockAddress).toBeDefined();
  }
  const alone = await has(drivers[0]).measure(callContext());
  // Without targets nothing is mirrored, whatever the kind can do.
  expect(alone.capabilities).not.toContain("replication");
});

/** Those whose kind can be mirrored. */
describe.each(SUBJECTS.filter(({ mirrors = false }) => mirrors))("$label, mirrored", (subject) => {
  const sizeBytes = sizeOf(subject);
  const { madeVolume } = objectsOf(sizeBytes);
  let bench: Bench;
  let own: Driver;
  beforeEach(async () => {
    bench = await Bench.set(subject, null);
    own = await bench.agentOfSide(null);
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  const replicated = (): Promise<VolumeRef> => madeVolume(own, { spec: REPLICATED });
  const sideOf = (side: string | null): Promise<Driver> => bench.agentOfSide(side);
  const replication = (driver: Driver): Replication => has(driver.replication);

  test("says so, brings over what was promised with its snapshots, sizes and deletes, and nothing else", async () => {
    expect((await own.measure(callContext())).capabilities).toContain("replication");
    const [kept, gone, plain] = [await replicated(), await replicated(), await madeVolume(own)];
    const snapshot = await madeSnapshot(own, kept);
    await madeSnapshot(own, plain);
    await own.extendVolume(callContext(), kept, 2 * sizeBytes);
    await own.deleteVolume(callContext(), gone);
    expect(await standing(await sideOf("dr"))).toEqual(
      [`volume ${kept.id}: ${(2 * sizeBytes) / MIB}`, `snapshot ${snapshot.id}: ${sizeBytes / MIB}`].sort(),
    );
  });

  test("a target takes over as often as it is asked; what is done there reaches home when home takes over, once", async () => {
    const [grown, removed, untouched] = [await replicated(), await replicated(), await replicated()];
    const plain = await madeVolume(own);
    const there = await sideOf("dr");
    for (let time = 0; time < 2; time++) await replication(there).takeOver(callContext(), null);
    await there.extendVolume(callContext(), grown, 3 * sizeBytes);
    await there.deleteVolume(callContext(), removed);
    const snapshot = snapshotRef(untouched);
    await there.createSnapshot(callContext(), snapshot, untouched, MARK);
    const home = await sideOf(null);
    for (let time = 0; time < 2; time++) await replication(home).takeOver(callContext(), "dr");
    const expected = [
      `volume ${grown.id}: ${(3 * sizeBytes) / MIB}`,
      named(untouched),
      `snapshot ${snapshot.id}: ${sizeBytes / MIB}`,
      named(plain),
    ];
    expect(await standing(home)).toEqual(expected.sort());
    // And it is mirrored as before.
    const later = await madeVolume(home, { spec: REPLICATED });
    expect(await standing(await sideOf("dr"))).toEqual(
      [...expected.filter((one) => one !== named(plain)), named(later)].sort(),
    );
  });

  test("a side that was left behind is not written by who has the other open", async () => {
    const volume = await replicated();
    const there = await sideOf("dr");
    await replication(there).takeOver(callContext(), null);
    await there.extendVolume(callContext(), volume, 2 * sizeBytes);
    expect(await standing(own)).toEqual([named(volume)]);
  });

  test("taking over asks for the lease, and is healed by the same call", async () => {
    const volume = await replicated();
    const there = await sideOf("dr");
    const lost = callContext({ guard: leaseFor(0) });
    await expect(replication(there).takeOver(lost, null)).rejects.toBeInstanceOf(LeaseLost);
    await replication(there).takeOver(callContext(), null);
    expect(await standing(there)).toEqual([named(volume)]);
  });
});

/** Systems on a network are copied over their exports, as any host reaches them; and `logging` is `fake`. */
const TARGETS = SUBJECTS.filter(({ driver, simulated = false }) => driver !== "logging" && !simulated);
/** How thick the source is makes no difference to who reads it. */
const SOURCES = TARGETS.filter(({ label }) => !label.endsWith("thick"));
const PAIRS = SOURCES.flatMap((from) => TARGETS.map((to) => ({ from, to, label: `${from.label} → ${to.label}` })));

/** By the agent, as a move does it: each kind into each. */
describe.skipIf(qemuNbdMissing() !== null)("copied by an agent", () => {
  test.each(PAIRS)("$label", async ({ from, to }) => {
    await using fromBench = await Bench.set(from, null);
    await using toBench = await Bench.set(to, null);
    const [source, target] = [await fromBench.agent(), await toBench.agent()];
    if (!(await canBeCopied(source)) || !(await canBeCopied(target))) return;
    const sizeBytes = Math.max(sizeOf(from), sizeOf(to));
    const { volumeRef, madeVolume } = objectsOf(sizeBytes);
    const [volume, into] = [await madeVolume(source), await madeVolume(target)];
    const stretches = [
      { offset: 0, data: randomBytes(MIB) },
      { offset: sizeBytes - 2 * MIB, data: randomBytes(2 * MIB) },
    ];
    const keeps = await writeInto(source, volume, stretches);
    await copy(source, volume, target, into);
    // Whole, at rest, and nothing but that is left of it.
    expect(await standing(target)).toEqual([named(into)]);
    await toBench.assertAtRest(into.id, sizeBytes);
    expect(await standing(source)).toEqual([named(volume)]);
    await fromBench.assertAtRest(volume.id, sizeBytes);
    if (!keeps) return;
    // The copy has the bytes by itself: the source may go.
    await source.deleteVolume(callContext(), volume);
    await expectBytes(target, into, stretches);
    // And what is made of it has them as well.
    const clone = volumeRef();
    await target.cloneVolume(callContext(), clone, MARK, into);
    await expectBytes(target, clone, stretches);
  });
});

async function canBeCopied(driver: Driver): Promise<boolean> {
  return (await driver.measure(callContext())).capabilities.includes("copy");
}

interface Stretch {
  readonly offset: number;
  readonly data: Buffer;
}

function endOf(driver: Driver, volume: VolumeRef, writable: boolean) {
  const { username } = credentials(volume);
  const chap = { username, sealedSecret: TEST_KEY.seal(credentials(volume).secret) };
  const connector = connectorOf("iqn.2026-01.test.berth:copier");
  return openVolumeEnd(callContext(), { driver, volume, connector, chap, sealingKey: TEST_KEY, writable });
}

/** Does it keep what is written to it? */
async function writeInto(driver: Driver, volume: VolumeRef, stretches: readonly Stretch[]): Promise<boolean> {
  await using end = await endOf(driver, volume, true);
  for (const { offset, data } of stretches) await end.write(data, offset);
  await end.flush();
  return end.keeps;
}

async function copy(source: Driver, volume: VolumeRef, target: Driver, into: VolumeRef): Promise<void> {
  await using from = await endOf(source, volume, false);
  await using to = await endOf(target, into, true);
  await copyVolume(callContext(), {
    source: from,
    target: to,
    sizeBytes: volume.sizeBytes,
    bandwidthLimitBytesPerS: null,
  });
}

async function expectBytes(driver: Driver, volume: VolumeRef, stretches: readonly Stretch[]): Promise<void> {
  await using end = await endOf(driver, volume, false);
  if (!end.keeps) return;
  const { sizeBytes } = volume;
  const all = Buffer.alloc(sizeBytes);
  for (const { offset, data } of stretches) data.copy(all, offset);
  const found = Buffer.alloc(sizeBytes);
  for (let offset = 0; offset < sizeBytes; offset += MIB) await end.read(found.subarray(offset, offset + MIB), offset);
  expect(found.equals(all)).toBe(true);
}
