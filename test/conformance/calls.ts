import type { Driver } from "#agent/drivers/driver.ts";
import { callContext } from "#test/kit/driver-context.ts";
import { connect, connectorOf, credentials, MARK, makersOf, objectsOf, snapshotRef } from "./objects.ts";
import { COUNTED_OPERATIONS, type CountedOperation } from "./subject.ts";
import { type Bench, type Subject, sizeOf } from "./subjects.ts";

const INITIATOR = "iqn.2026-01.test.host:h1";

/** Each operation once, in an order in which each has what it needs; the connections that calls need stand already. */
export async function callsPerOperation(
  bench: Bench,
  subject: Subject,
): Promise<Record<string, Record<string, number>>> {
  const { volumeRef } = objectsOf(sizeOf(subject));
  const driver = await bench.agent();
  const volume = volumeRef();
  const snapshot = snapshotRef(volume);
  const [copy, clone] = [volumeRef(), volumeRef()];
  const chap = credentials(volume);
  const make = await makersOf(driver);
  const operations: Record<CountedOperation, (by: Driver) => Promise<unknown>> = {
    open: (by) => by.open(callContext()),
    measure: (by) => by.measure(callContext()),
    list: (by) => by.list(callContext(), null),
    "create volume": () => make(callContext(), volume),
    "create volume again": () => make(callContext(), volume),
    "create snapshot": (by) => by.createSnapshot(callContext(), snapshot, volume, MARK),
    "create volume from snapshot": () => make(callContext(), copy, { kind: "volume.create-from-snapshot", snapshot }),
    "clone volume": () => make(callContext(), clone, { kind: "volume.clone", source: volume }),
    "extend volume": (by) => by.extendVolume(callContext(), clone, 2 * clone.sizeBytes),
    connect: (by) => connect(by, volume, chap, INITIATOR),
    async disconnect(by) {
      await by.terminateConnection(callContext(), volume, connectorOf(INITIATOR));
      await by.removeExport(callContext(), volume);
    },
    "write mark": (by) => by.writeMark(callContext(), { volume, snapshot: null }, { ...MARK, name: "another" }),
    "delete snapshot": (by) => by.deleteSnapshot(callContext(), snapshot, volume),
    "delete volume": (by) => by.deleteVolume(callContext(), volume),
    "delete volume again": (by) => by.deleteVolume(callContext(), volume),
  };
  const table: [string, Record<string, number>][] = [];
  for (const operation of COUNTED_OPERATIONS) {
    bench.system.desk.calls.reset();
    await operations[operation](driver);
    table.push([operation, bench.system.desk.calls.byMethod()]);
  }
  return Object.fromEntries(table);
}
