import { describe, expect, test } from "vitest";
import { backendState } from "#scheduler/core/sides.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import { gibToBytes } from "#shared/units.ts";
import { backendOf, sampleCatalogue } from "#test/kit/catalogue.ts";
import { CHAP, CoreStand, measurementOf, ON } from "#test/kit/core-stand.ts";
import { ATTACHMENT_ID, HOST, MEANS } from "#test/kit/object-states.ts";
import { uuid } from "#test/kit/records.ts";

/** A backend changes sides while there is work on it, of every kind: what becomes of that, there and when it is back. */

const WHO = { userId: "operator", requestId: "req-9" };
const CAN = [...measurementOf().capabilities, "replication", "migrate", "retype", "marks"] as const;
const TEXTS = { name: "", description: "", metadata: {} };

/** gold and mirrored (replicated) on backend 1, which mirrors to `dr`, and on 2, of the same storage system. */
function catalogue(): Catalogue {
  const sample = sampleCatalogue();
  const first = backendOf(1, {
    driver: "fake",
    parameters: { capacity_gib: 100 },
    replicationTargets: [{ name: "dr", parameters: {} }],
  });
  const mirrored = { id: uuid(0xf9), name: "mirrored", description: "", backends: [1, 2] };
  return {
    ...sample,
    flavors: [...sample.flavors, { ...mirrored, extraSpecs: { replication_enabled: "<is> True" } }],
    backends: [first, ...sample.backends.slice(1)],
  };
}

function standWith(arrayId?: string): CoreStand {
  const stand = CoreStand.ready(catalogue());
  report(stand, arrayId);
  return stand;
}

function report(stand: CoreStand, arrayId?: string): void {
  for (const id of [1, 2]) stand.report(id, { capabilities: [...CAN], ...(arrayId === undefined ? {} : { arrayId }) });
}

const migrate = (stand: CoreStand, id: string, backend: string) =>
  stand.send("volume.migrate", { ...ON(id), ...MEANS, to: { backend, zone: null }, forceCopy: false });

/** The side takes over; these stand there whole. Jobs in hand of the backend are given up by their agents. */
function switchTo(stand: CoreStand, to: string | null, ...standing: readonly string[]): void {
  stand.send("backend.failover", { backendId: 1, to, ...WHO });
  for (const job of [...stand.state.queues.of(1).inHand.values()]) stand.answer(job, "unknown");
  stand.beat("north");
  stand.tick(1);
  stand.finish("backend-1");
  const facts = { volumeId: null, mark: null, whole: true, ageMs: null, providerId: null, properties: {} };
  const objects = standing.map((id): ListedObject => ({ kind: "volume", id, sizeBytes: gibToBytes(1), ...facts }));
  stand.send("backend.listed", { backendId: 1, token: backendState(stand.state, 1).changedSeq, objects });
}

/** Everything that may leave is done, in time. */
function workOff(stand: CoreStand): void {
  for (let round = 0; round < 20; round++) {
    stand.tick(1_000);
    stand.beat("north");
    for (const job of [...stand.state.table("job").values()]) if (job.dispatched) stand.answer(job, "done");
  }
}

const sideOf = (stand: CoreStand, ownerId: string) => stand.job(ownerId).side ?? null;

describe("a volume that is copied when its backend changes sides", () => {
  for (const phase of ["making", "copying"] as const)
    for (const direction of ["away", "here"] as const)
      test(`stays where it is (${phase}, ${direction}), and nothing of the copy is left`, () => {
        const stand = standWith();
        const from = direction === "away" ? 1 : 2;
        if (from === 2) stand.reportDown(1, "not now");
        const { id } = stand.availableVolume({ flavor: "mirrored" });
        report(stand);
        expect(stand.volume(id).backendId).toBe(from);
        migrate(stand, id, from === 1 ? "2" : "1");
        if (phase === "copying") stand.finish(id);
        expect(stand.volume(id).move?.phase).toBe(phase);
        const late = stand.job(id);
        switchTo(stand, "dr", ...(from === 1 ? [id] : []));
        expect(stand.volume(id)).toMatchObject({ status: "available", backendId: from, move: null, migrated: "error" });
        expect(stand.volume(id)).not.toHaveProperty("aside");
        expect(stand.volume(id).lastError?.message ?? "").toContain("went to dr");
        // What comes of it late counts no more.
        stand.answer(late, "done");
        expect(stand.volume(id)).toMatchObject({ status: "available", backendId: from });
        workOff(stand);
        switchTo(stand, null, ...(from === 1 ? [id] : []));
        workOff(stand);
        expect(stand.state.table("job").size).toBe(0);
        expect(stand.state.table("leftover").size).toBe(0);
        expect(stand.volume(id)).toMatchObject({ status: "available", backendId: from, nameId: null });
      });

  test("one that is not replicated is put aside, as what it was", () => {
    const stand = standWith();
    const { id } = stand.availableVolume();
    migrate(stand, id, "2");
    stand.finish(id);
    switchTo(stand, "dr");
    expect(stand.volume(id)).toMatchObject({ status: "error", move: null, aside: { side: null, status: "available" } });
    switchTo(stand, null, id);
    expect(stand.volume(id)).toMatchObject({ status: "available", backendId: 1 });
    workOff(stand);
    expect([stand.state.table("job").size, stand.state.table("leftover").size]).toEqual([0, 0]);
  });
});

describe("a volume that its storage system moves when the backend changes sides", () => {
  test("goes on when its side is back, for nobody else knows how far it is", () => {
    for (const flavor of ["gold", "mirrored"]) {
      const stand = standWith("array");
      const { id } = stand.availableVolume({ flavor });
      migrate(stand, id, "2");
      expect(stand.volume(id).move?.phase).toBe("migrating");
      // Also where the target has it still: it may be elsewhere by now.
      switchTo(stand, "dr", id);
      expect(stand.volume(id)).toMatchObject({ status: "error", aside: { side: null, status: "maintenance" } });
      stand.tick(stand.state.settings.operationDeadlineMs);
      expect(stand.job(id)).toMatchObject({ dispatched: false, operation: { kind: "volume.migrate" } });
      stand.beat("north");
      // It had been moved: it does not stand there any more.
      switchTo(stand, null);
      expect(stand.volume(id).status).toBe("maintenance");
      workOff(stand);
      expect(stand.volume(id)).toMatchObject({ status: "available", backendId: 2, nameId: MEANS.targetId, move: null });
      expect(stand.volume(id)).not.toHaveProperty("aside");
      expect(stand.state.table("job").size).toBe(0);
    }
  });

  test("is not moved into one that changes sides, or is not on its own", () => {
    const stand = standWith("array");
    stand.reportDown(1, "not now");
    const { id } = stand.availableVolume({ flavor: "mirrored" });
    report(stand, "array");
    migrate(stand, id, "1");
    const inHand = stand.job(id);
    expect(inHand).toMatchObject({ backendId: 2, dispatched: true });
    stand.send("backend.failover", { backendId: 1, to: "dr", ...WHO });
    stand.tick(1);
    // It writes there yet.
    expect(backendState(stand.state, 1).failover?.phase).toBe("closing");
    stand.answer(inHand, "unknown");
    stand.beat("north");
    stand.tick(60_000);
    expect(stand.job(id).dispatched).toBe(false);
    stand.beat("north");
    stand.tick(1);
    expect(backendState(stand.state, 1).failover?.phase).toBe("switching");
    stand.finish("backend-1");
    stand.send("backend.listed", { backendId: 1, token: backendState(stand.state, 1).changedSeq, objects: [] });
    stand.tick(1);
    expect(stand.job(id).dispatched).toBe(false);
    expect(stand.volume(id)).toMatchObject({ status: "maintenance", backendId: 2 });
    switchTo(stand, null);
    workOff(stand);
    expect(stand.volume(id)).toMatchObject({ status: "available", backendId: 1 });
  });
});

describe("a volume that moves away from a backend that is failed over", () => {
  test("is copied from there, and is mirrored where it comes to", () => {
    const stand = standWith();
    const { id } = stand.availableVolume({ flavor: "mirrored" });
    switchTo(stand, "dr", id);
    const { capabilities } = measurementOf();
    const measurement = measurementOf({ poolId: "pool-1", capabilities: [...capabilities, "replication"] });
    const result = { state: "up" as const, measurement };
    const told = { backendId: 1, asOf: stand.seq, side: "dr", durationMs: 1, result };
    stand.send("report.received", { agentId: "test", zone: "north", report: told });
    migrate(stand, id, "2");
    workOff(stand);
    expect(stand.volume(id)).toMatchObject({ status: "available", backendId: 2, replicationStatus: "enabled" });
    expect(stand.state.table("job").size).toBe(0);
    switchTo(stand, null);
    expect(stand.volume(id)).toMatchObject({ status: "available", backendId: 2 });
  });

  test("one that was moved here before is known by the name that it has here", () => {
    const stand = standWith();
    stand.reportDown(1, "not now");
    const { id } = stand.availableVolume({ flavor: "mirrored" });
    report(stand);
    migrate(stand, id, "1");
    workOff(stand);
    expect(stand.volume(id)).toMatchObject({ backendId: 1, nameId: MEANS.targetId });
    switchTo(stand, "dr", MEANS.targetId);
    expect(stand.volume(id)).toMatchObject({ status: "available", replicationStatus: "failed-over" });
    switchTo(stand, null, MEANS.targetId);
    expect(stand.volume(id)).toMatchObject({ status: "available", replicationStatus: "enabled" });
  });

  test("and so is the work on it, which waits for its side", () => {
    const stand = standWith();
    stand.reportDown(1, "not now");
    const { id } = stand.availableVolume();
    report(stand);
    migrate(stand, id, "1");
    workOff(stand);
    report(stand);
    stand.send("volume.extend", { ...ON(id), newSizeGib: 2 });
    switchTo(stand, "dr");
    expect(stand.volume(id)).toMatchObject({ status: "error", aside: { side: null, status: "extending" } });
    stand.tick(120_000);
    stand.beat("north");
    stand.tick(1);
    expect(stand.job(id)).toMatchObject({ dispatched: false });
    expect(sideOf(stand, id)).toBeNull();
    switchTo(stand, null, MEANS.targetId);
    workOff(stand);
    expect(stand.volume(id)).toMatchObject({ status: "available", sizeGib: 2 });
  });

  test("loses its replication with its flavor", () => {
    const stand = standWith();
    const { id } = stand.availableVolume({ flavor: "mirrored" });
    stand.send("volume.retype", { ...ON(id), ...MEANS, flavor: "gold", policy: "on-demand" });
    workOff(stand);
    expect(stand.volume(id).status).toBe("available");
    expect(stand.volume(id)).not.toHaveProperty("replicationStatus");
    expect(stand.volume(id).nameId).toBe(MEANS.targetId);
  });
});

describe("what is managed, or let go of, when its backend changes sides", () => {
  const manage = (stand: CoreStand) => {
    const sizeBytes = gibToBytes(1);
    const found = { reference: "disk.img", sizeBytes, countedBytes: sizeBytes, identity: "1", whyNot: null };
    const on = { id: uuid(0x3a), projectId: "default", ...WHO, backendId: 1 };
    return stand.send("volume.manage", { ...on, ...TEXTS, found, bootable: false, flavor: "gold", zone: null }).id;
  };

  test("is managed when its side is back, though nothing stands under its name yet", () => {
    const stand = standWith();
    const id = manage(stand);
    switchTo(stand, "dr");
    expect(stand.volume(id)).toMatchObject({ status: "error", aside: { status: "managing" } });
    expect(sideOf(stand, id)).toBeNull();
    switchTo(stand, null);
    expect(stand.volume(id).status).toBe("managing");
    workOff(stand);
    expect(stand.volume(id).status).toBe("available");
    expect(stand.volume(id)).not.toHaveProperty("aside");
  });

  test("is let go of when its side is back, though it may stand under its new name already", () => {
    for (const flavor of ["gold", "mirrored"]) {
      const stand = standWith();
      const { id } = stand.availableVolume({ flavor });
      stand.send("volume.unmanage", ON(id));
      switchTo(stand, "dr", id);
      expect(stand.volume(id)).toMatchObject({ status: "error", aside: { status: "unmanaging" } });
      switchTo(stand, null);
      expect(stand.volume(id).status).toBe("unmanaging");
      workOff(stand);
      expect(stand.state.get("volume", id)).toBeUndefined();
      expect(stand.state.table("job").size).toBe(0);
    }
  });

  test("what could not be managed stays what it is", () => {
    const stand = standWith();
    const id = manage(stand);
    stand.finish(id, "not-done");
    expect(stand.volume(id).status).toBe("error_managing");
    switchTo(stand, "dr");
    expect(stand.volume(id)).toMatchObject({ status: "error_managing" });
    switchTo(stand, null);
    workOff(stand);
    expect(stand.volume(id).status).toBe("error_managing");
    expect(stand.state.table("leftover").size).toBe(0);
  });
});

describe("groups when their backend changes sides", () => {
  test("their volumes become what they are, one by one, and can be snapshotted together when all are back", () => {
    const stand = standWith();
    const { id: groupId } = stand.createGroup({ flavors: ["gold", "mirrored"] });
    const [one, two] = [
      stand.availableVolume({ groupId, flavor: "mirrored" }),
      stand.availableVolume({ groupId, flavor: "gold" }),
    ];
    switchTo(stand, "dr", one.id);
    expect(
      stand.state
        .membersOf(groupId)
        .map(({ status }) => status)
        .sort(),
    ).toEqual(["available", "error"]);
    expect(() => stand.createGroupSnapshot(groupId)).toThrow(two.id);
    switchTo(stand, null, one.id, two.id);
    report(stand);
    const taken = stand.createGroupSnapshot(groupId);
    stand.finish(taken.id);
    expect(stand.state.get("group-snapshot", taken.id)?.status).toBe("available");
  });

  test("a copy that is being made is made there, or all of it goes", () => {
    const stand = standWith();
    for (const flavor of ["mirrored", "gold"]) {
      const { id: groupId } = stand.createGroup({ flavors: [flavor] });
      const members = [stand.availableVolume({ groupId, flavor }), stand.availableVolume({ groupId, flavor })];
      const { id: copyId } = stand.createGroup({ source: { kind: "group", groupId } });
      const standing = members.map(({ id }) => id);
      switchTo(stand, "dr", ...standing);
      workOff(stand);
      stand.tick(stand.state.settings.placementDeadlineMs);
      stand.beat("north");
      workOff(stand);
      const copies = stand.state.membersOf(copyId).map(({ status }) => status);
      if (flavor === "mirrored") expect(copies).toEqual(["available", "available"]);
      else expect([stand.state.get("group", copyId)?.status, copies]).toEqual(["error", []]);
      switchTo(stand, null, ...standing, ...stand.state.membersOf(copyId).map(({ id }) => id));
      workOff(stand);
      expect(stand.state.table("job").size).toBe(0);
      report(stand);
    }
  });
});

test("what nobody waits for gets no deadline by a change of sides", () => {
  const stand = standWith();
  const { id } = stand.availableVolume({ flavor: "mirrored" });
  stand.send("attachment.connect", { ...ON(id), attachmentId: ATTACHMENT_ID, connector: HOST, chap: CHAP });
  stand.finish(ATTACHMENT_ID);
  stand.send("attachment.disconnect", { ...ON(id), connector: null, force: true });
  stand.send("volume.update", { ...ON(id), texts: { name: "renamed" } });
  switchTo(stand, "dr", id);
  expect(stand.job(ATTACHMENT_ID).deadlineMs).toBeNull();
  expect([...stand.state.table("job").values()].map(({ deadlineMs }) => deadlineMs)).toEqual([null, null]);
  stand.tick(stand.state.settings.operationDeadlineMs);
  expect(stand.attachment(ATTACHMENT_ID).status).toBe("evicting");
});
