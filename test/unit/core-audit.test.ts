import { describe, expect, test } from "vitest";
import { type BackendAudit, booksOf, compareBooks } from "#scheduler/core/audit.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import type { Volume } from "#shared/model/volume.ts";
import { gibToBytes } from "#shared/units.ts";
import { sampleCatalogue } from "#test/kit/catalogue.ts";
import { CoreStand, ON } from "#test/kit/core-stand.ts";
import { uuid } from "#test/kit/records.ts";
import { Random } from "#test/simulation/random.ts";

function listed(id: string, fields: Partial<ListedObject> = {}): ListedObject {
  return {
    kind: "volume",
    id,
    volumeId: id,
    sizeBytes: gibToBytes(1),
    mark: { projectId: "p1", flavorName: "gold", name: "data" },
    whole: true,
    ageMs: 7_200_000,
    providerId: `volume-${id}`,
    properties: {},
    ...fields,
  };
}

function standingOf({ id, sizeGib }: Pick<Volume, "id" | "sizeGib">): ListedObject {
  return listed(id, { sizeBytes: gibToBytes(sizeGib) });
}

/** An audit of backend 1, in the midst of which `meanwhile` happens. */
function audited(stand: CoreStand, objects: readonly ListedObject[], meanwhile = () => {}): BackendAudit {
  const before = booksOf(stand.state, 1);
  meanwhile();
  return compareBooks(stand.state, 1, before, { objects, foreign: ["notes.txt"] }, booksOf(stand.state, 1));
}

const found = ({ recorded, inWork, orphans, missing, differing }: BackendAudit) => ({
  recorded,
  inWork,
  orphans: orphans.map(({ object, origin }) => `${object.id} ${origin}`),
  missing: missing.map(({ record }) => record.id),
  differing: differing.map(({ object }) => object.id),
});
const NOTHING = { recorded: 0, inWork: 0, orphans: [], missing: [], differing: [] };

describe("an audit", () => {
  test("tells what is recorded, orphaned, missing, differing and foreign", () => {
    const stand = CoreStand.ready();
    const [right, missing, grown, part] = [1, 2, 3, 4].map(() => stand.availableVolume({ zone: "north" }));
    const deleted = stand.availableVolume();
    stand.send("volume.delete", ON(deleted.id));
    stand.finish(deleted.id);
    if (!right || !missing || !grown || !part) throw new Error("not made");
    const audit = audited(stand, [
      standingOf(right),
      listed(grown.id, { sizeBytes: gibToBytes(2) }),
      listed(part.id, { whole: false }),
      listed(deleted.id),
      listed(uuid(0xabc)),
    ]);
    expect(found(audit)).toEqual({
      recorded: 1,
      inWork: 0,
      orphans: [`${deleted.id} deleted`, `${uuid(0xabc)} unknown`],
      missing: [missing.id],
      differing: [grown.id, part.id],
    });
    expect(audit.foreign).toEqual(["notes.txt"]);
  });

  test("says nothing of what a job makes, changes or removes, whether it was listed or not", () => {
    const stand = CoreStand.ready();
    const creating = stand.createVolume();
    const growing = stand.availableVolume();
    stand.send("volume.extend", { ...ON(growing.id), newSizeGib: 3 });
    const going = stand.availableVolume();
    stand.send("volume.delete", ON(going.id));
    const refused = stand.createVolume();
    stand.finish(refused.id, "not-done");
    expect(
      found(
        audited(
          stand,
          [creating, growing, going, refused].map(({ id }) => listed(id)),
        ),
      ),
    ).toEqual({
      ...NOTHING,
      inWork: 4,
    });
    expect(found(audited(stand, []))).toEqual({ ...NOTHING, inWork: 3 });
  });

  test("says nothing of what came, changed or went between its first page and its last", () => {
    const stand = CoreStand.ready();
    const going = stand.availableVolume();
    const growing = stand.availableVolume();
    const meanwhile: string[] = [];
    const act = (): void => {
      meanwhile.push(stand.availableVolume().id);
      stand.send("volume.delete", ON(going.id));
      stand.finish(going.id);
      stand.send("volume.extend", { ...ON(growing.id), newSizeGib: 2 });
      stand.finish(growing.id);
      const passing = stand.availableVolume().id;
      stand.send("volume.delete", ON(passing));
      stand.finish(passing);
      meanwhile.push(passing);
    };
    // Made and deleted within the audit, and seen in between.
    const seen = [listed(going.id), listed(growing.id)];
    expect(found(audited(stand, seen, act))).toEqual({ ...NOTHING, inWork: 3 });
    expect(meanwhile.length).toBe(2);
  });

  test("says nothing of what was removed once more meanwhile, whenever that began", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    stand.send("volume.delete", ON(id));
    stand.finish(id);
    const input = { backendId: 1, objects: [listed(id)], reason: "sweep", requestId: "req-1" };
    const remove = (): void => void stand.send("audit.remove", input);
    const removed = (): void => stand.answer(stand.sent.at(-1) ?? stand.job(id), "done");
    stand.nowMs += 1;
    expect(found(audited(stand, [listed(id)], () => [remove(), removed()]))).toEqual({ ...NOTHING, inWork: 1 });
    remove();
    expect(found(audited(stand, [listed(id)], removed))).toEqual({ ...NOTHING, inWork: 1 });
    expect(found(audited(stand, [listed(id)]))).toMatchObject({ orphans: [`${id} deleted`] });
  });

  test("has no false alarm on 1,000 objects while volumes and snapshots are made, grown and deleted", () => {
    const stand = CoreStand.ready(sampleCatalogue(), {});
    stand.report(1, { totalBytes: "infinite", freeBytes: "infinite" });
    const random = new Random(7);
    const storage = new Map<string, ListedObject>();
    const settle = (id: string): void => {
      const { operation } = stand.job(id);
      if (operation.kind === "volume.delete") storage.delete(operation.volume.id);
      else if (operation.kind === "volume.extend") storage.set(id, listed(id, { sizeBytes: operation.newSizeBytes }));
      else if (operation.kind === "volume.create")
        storage.set(id, listed(id, { sizeBytes: operation.volume.sizeBytes }));
      stand.finish(id);
    };
    const make = (): void => {
      const volume = stand.createVolume({ sizeGib: random.between(1, 5), zone: "north" });
      settle(volume.id);
    };
    for (let n = 0; n < 1000; n++) make();
    const working = new Set<string>();
    const churn = (): void => {
      const ids = [...stand.state.table("volume").values()].filter(({ status }) => status === "available");
      const volume = random.pick(ids);
      if (volume === undefined) return;
      const what = random.between(1, 3);
      if (what === 1) make();
      else if (what === 2) stand.send("volume.delete", ON(volume.id));
      else stand.send("volume.extend", { ...ON(volume.id), newSizeGib: volume.sizeGib + 1 });
      if (what > 1) working.add(volume.id);
      // Jobs end later than they begin, so that some are at work at each end of an audit.
      const done = random.chance(0.7) ? random.pick([...working]) : undefined;
      if (done !== undefined) settle(done);
      if (done !== undefined) working.delete(done);
    };
    let told = 0;
    for (let round = 0; round < 10; round++) {
      const before = booksOf(stand.state, 1);
      const objects: ListedObject[] = [];
      for (let after = ""; ; ) {
        for (let n = 0; n < 10; n++) churn();
        const page = [...storage.values()].filter(({ id }) => id > after).sort((a, b) => (a.id < b.id ? -1 : 1));
        objects.push(...page.slice(0, 100));
        if (page.length <= 100) break;
        after = page[99]?.id ?? "";
      }
      for (let n = 0; n < 10; n++) churn();
      const audit = compareBooks(stand.state, 1, before, { objects, foreign: [] }, booksOf(stand.state, 1));
      expect(found(audit)).toMatchObject({ orphans: [], missing: [], differing: [] });
      told += audit.recorded;
      expect(audit.recorded).toBeGreaterThan(500);
    }
    expect(told).toBeGreaterThan(5000);
  });
});

describe("removing orphans", () => {
  test("is a leftover's job, once, and never of what has a record or is at work", () => {
    const stand = CoreStand.ready();
    const kept = stand.availableVolume();
    const creating = stand.createVolume();
    const objects = [kept.id, creating.id, uuid(0xabc)].map((id) => listed(id));
    objects.push(listed(uuid(0xabd), { kind: "snapshot", volumeId: kept.id }));
    const input = { backendId: 1, objects, reason: "test", requestId: "req-1" };
    const reply = stand.send("audit.remove", input);
    expect(reply).toEqual({
      done: [uuid(0xabc), uuid(0xabd)],
      passed: [
        { id: kept.id, why: "it has a record" },
        { id: creating.id, why: expect.stringContaining("it has a record") },
      ],
    });
    expect(stand.send("audit.remove", input).done).toEqual([]);
    const jobs = stand.sent.filter(({ owner }) => owner.kind === "leftover");
    expect(jobs.map(({ operation }) => operation.kind)).toEqual(["volume.delete", "snapshot.delete"]);
    for (const job of jobs) stand.answer(job, "done");
    expect(stand.state.table("leftover").size).toBe(0);
  });
});

describe("adopting", () => {
  const volumeId = uuid(0xa1);
  const snapshot = listed(uuid(0xa2), {
    kind: "snapshot",
    volumeId,
    mark: { projectId: "p1", flavorName: "gold", name: "before" },
  });

  test("brings volumes and their snapshots back, in whatever order, and counts their space", () => {
    const stand = CoreStand.ready();
    const volume = listed(volumeId, { sizeBytes: gibToBytes(40) });
    const reply = stand.send("audit.adopt", {
      backendId: 1,
      objects: [{ ...snapshot, sizeBytes: gibToBytes(30) }, volume],
      requestId: "req-1",
    });
    expect(reply).toEqual({ done: [volumeId, snapshot.id], passed: [] });
    expect(stand.seq).toBe(1);
    expect(stand.volume(volumeId)).toMatchObject({
      projectId: "p1",
      name: "data",
      sizeGib: 40,
      status: "available",
      backendId: 1,
      zone: "north",
      createdAtMs: expect.any(Number),
    });
    expect(stand.state.flavor(stand.volume(volumeId))?.name).toBe("gold");
    expect(stand.state.get("snapshot", snapshot.id)).toMatchObject({ volumeId, name: "before", sizeGib: 30 });
    expect(stand.state.space.backend(1).unmeasuredVirtualBytes).toBe(gibToBytes(70));
    expect(stand.effects.at(-1)).toEqual({ kind: "measure", backendId: 1 });
    // It lives on like any other.
    stand.send("snapshot.delete", ON(snapshot.id));
    stand.finish(snapshot.id);
    stand.send("volume.delete", ON(volumeId));
    stand.finish(volumeId);
    expect(stand.state.table("volume").size).toBe(0);
  });

  test("passes over what is not lost, or whose mark does not say what a record must hold", () => {
    const stand = CoreStand.ready();
    const known = stand.availableVolume();
    const deleted = stand.availableVolume();
    stand.send("volume.delete", ON(deleted.id));
    stand.finish(deleted.id);
    const mark = { projectId: "p1", flavorName: "gold", name: "data" };
    const objects = [
      listed(known.id),
      listed(deleted.id),
      listed(uuid(0xb1), { mark: null }),
      listed(uuid(0xb2), { whole: false }),
      listed(uuid(0xb3), { mark: { ...mark, flavorName: "platinum" } }),
      listed(uuid(0xb4), { sizeBytes: 1000 }),
      listed(uuid(0xb5), { mark: { ...mark, projectId: "../etc" } }),
      listed(uuid(0xb6), { mark: { ...mark, name: "bell \u0007" } }),
      listed(uuid(0xb7), { kind: "snapshot", volumeId: uuid(0xb8) }),
    ];
    const { done, passed } = stand.send("audit.adopt", { backendId: 1, objects, requestId: "req-1" });
    expect(done).toEqual([]);
    expect(passed.map(({ why }) => why)).toEqual([
      "it has a record",
      expect.stringContaining("it was deleted"),
      "its mark does not say what it is",
      "only a part of it is there",
      'there is no flavor "platinum" in the catalogue',
      expect.stringContaining("sizeGib"),
      expect.stringContaining("projectId"),
      expect.stringContaining("name"),
      expect.stringContaining("is not recorded on this backend"),
    ]);
    expect(stand.state.table("volume").size).toBe(1);
  });
});
