import { describe, expect, test } from "vitest";
import type { SnapshotEvidence } from "#scheduler/core/commands.ts";
import { buriedUnder } from "#scheduler/core/reset.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import { gibToBytes } from "#shared/units.ts";
import { CoreStand, ON } from "#test/kit/core-stand.ts";
import { uuid } from "#test/kit/records.ts";

const ID = uuid(0x5a);

function snapshotOf(stand: CoreStand): Snapshot {
  const { id: volumeId } = stand.availableVolume({ zone: "north" });
  const texts = { name: "kept", description: "", metadata: {} };
  const request = { id: ID, scope: null, userId: "u", volumeId, ...texts, force: false, requestId: "req-1" };
  stand.send("snapshot.create", request);
  stand.finish(ID);
  return now(stand);
}

function now({ state }: CoreStand): Snapshot {
  const snapshot = state.get("snapshot", ID);
  if (snapshot === undefined) throw new Error("there is no snapshot");
  return snapshot;
}

function standing(fields: Partial<ListedObject> = {}): ListedObject {
  const common = { sizeBytes: gibToBytes(1), mark: null, whole: true, ageMs: null, providerId: "p", properties: {} };
  return { kind: "snapshot", id: ID, volumeId: null, ...common, ...fields };
}

function reset(
  stand: CoreStand,
  to: "available" | "error",
  found: SnapshotEvidence["found"],
  of = now(stand),
): Snapshot {
  const evidence = { snapshot: of, buried: buriedUnder(stand.state, ID), found };
  return stand.send("snapshot.reset", { ...ON(ID), to, by: "ann@desk", reason: "I know", evidence });
}

describe("snapshot reset", () => {
  test("says that it is lost where its backend does not hold it, and that it stands after all where it does", () => {
    const stand = CoreStand.ready();
    snapshotOf(stand);
    expect(() => reset(stand, "error", standing())).toThrow(/stands on backend 1: delete it/);
    expect(() => reset(stand, "error", standing({ whole: false }))).toThrow(/in part/);
    expect(() => reset(stand, "available", standing())).toThrow(/stands as recorded/);
    expect(reset(stand, "error", null)).toMatchObject({
      status: "error",
      claim: { virtualBytes: 0 },
      reset: { from: "available", to: "error", by: "ann@desk", reason: "I know", atMs: stand.nowMs, backendId: 1 },
    });
    expect(stand.effects.at(-1)).toMatchObject({ operation: "snapshot.reset", objectId: ID, outcome: "done" });
    expect(() => reset(stand, "error", null)).toThrow(/is error/);
    expect(() => reset(stand, "available", null)).toThrow(/does not hold/);
    expect(() => reset(stand, "available", standing({ whole: false }))).toThrow(/does not hold/);
    expect(() => reset(stand, "available", standing({ sizeBytes: 5 }))).toThrow(/no size of a snapshot/);
    expect(reset(stand, "available", standing({ sizeBytes: gibToBytes(3) }))).toMatchObject({
      status: "available",
      sizeGib: 3,
      claim: { virtualBytes: gibToBytes(3) },
      providerId: "p",
      reset: { from: "error", to: "available" },
    });
  });

  test("is refused while a job is at work, a copy is made from it, or it changed meanwhile", () => {
    const stand = CoreStand.ready();
    const before = snapshotOf(stand);
    stand.send("snapshot.update", { ...ON(ID), texts: { name: "other" } });
    expect(() => reset(stand, "error", null, before)).toThrow(/changed while/);
    const copy = stand.createVolume({ source: { kind: "snapshot", snapshotId: ID }, sizeGib: null });
    expect(() => reset(stand, "error", null)).toThrow(`is being copied to volume ${copy.id}`);
    stand.finish(copy.id);
    stand.send("snapshot.delete", ON(ID));
    expect(() => reset(stand, "error", null)).toThrow(/a job is at work/);
  });

  test("gives back nothing of which a removal was ordered", () => {
    const stand = CoreStand.ready();
    const { id: volumeId } = stand.availableVolume({ zone: "north" });
    const texts = { name: "", description: "", metadata: {} };
    const request = { id: ID, scope: null, userId: "u", volumeId, ...texts, force: false, requestId: "req-1" };
    stand.send("snapshot.create", request);
    stand.finish(ID, "not-done");
    expect(() => reset(stand, "available", standing())).toThrow(/a job is at work/);
    const [leftover] = [...stand.state.table("leftover").values()];
    stand.finish(leftover?.id ?? "");
    expect(() => reset(stand, "available", standing())).toThrow(/is to be removed from backend 1/);
  });

  test("one that is said to be lost is not swept while it has a record, for its disk may come back", () => {
    const stand = CoreStand.ready();
    snapshotOf(stand);
    reset(stand, "error", null);
    stand.send("snapshot.delete", ON(ID));
    expect(stand.state.get("snapshot", ID)).toBeUndefined();
    // Deleted then, it is looked for where it was.
    expect(stand.state.get("tombstone", ID)).toMatchObject({ backendId: 1 });
  });
});
