import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Attachment } from "#shared/model/attachment.ts";
import type { Job, Outcome } from "#shared/model/job.ts";
import type { Operation, OperationKind } from "#shared/model/operation.ts";
import { gibToBytes } from "#shared/units.ts";
import { CoreStand, ON } from "#test/kit/core-stand.ts";
import { ENTER_VOLUME, MEANS, manage } from "#test/kit/object-states.ts";
import { uuid } from "#test/kit/records.ts";

const CONNECTOR = { host: "host-1", ip: null, initiator: "iqn.2026-01.test.host:one", multipath: false };

/** What users and operators see, and what is reserved: without the numbers of commits, which tell only when. */
function seen(stand: CoreStand): unknown {
  const { state } = stand;
  const records = [...state.table("volume").values(), ...state.table("snapshot").values()];
  return {
    objects: records.map(({ id, status, sizeGib, backendId }) => `${id} ${status} ${sizeGib} ${backendId}`).sort(),
    attachments: [...state.table("attachment").values()].map(({ id, status }) => `${id} ${status}`).sort(),
    jobs: [...state.table("job").values()].map(({ operation }) => `${objectOf(operation)} ${operation.kind}`).sort(),
    leftovers: [...state.table("leftover").values()].map(({ volume, backendId }) => `${volume.id} ${backendId}`).sort(),
    claimed: [1, 2, 3].map((id) => state.space.backend(id).unmeasuredVirtualBytes),
  };
}

function objectOf(operation: Operation): string {
  if (operation.kind === "backend.failover") return "backend";
  return "volume" in operation ? operation.volume.id : operation.groupSnapshotId;
}

/** Each operation under way, with the job that does it: one that is added without this does not compile. */
const UNDER_WAY: Readonly<Record<OperationKind, (stand: CoreStand) => Job>> = {
  "volume.create": (stand) => stand.job(stand.createVolume().id),
  "volume.create-from-snapshot": (stand) => {
    const snapshotId = snapshotOf(stand, stand.availableVolume().id);
    stand.finish(snapshotId);
    stand.report(1);
    return stand.job(stand.createVolume({ source: { kind: "snapshot", snapshotId } }).id);
  },
  "volume.clone": (stand) => {
    const { id } = stand.availableVolume();
    return stand.job(stand.createVolume({ source: { kind: "volume", volumeId: id } }).id);
  },
  "volume.delete": (stand) => {
    const { id } = stand.availableVolume();
    stand.send("volume.delete", ON(id));
    return stand.job(id);
  },
  "volume.extend": (stand) => {
    const { id } = stand.availableVolume();
    stand.report(1);
    stand.send("volume.extend", { ...ON(id), newSizeGib: 2 });
    return stand.job(id);
  },
  "volume.revert": (stand) => {
    const { id } = stand.availableVolume();
    const snapshotId = snapshotOf(stand, id);
    stand.finish(snapshotId);
    stand.report(1);
    stand.send("volume.revert", { ...ON(id), snapshotId });
    return stand.job(id);
  },
  "group-snapshot.create": (stand) => stand.job(stand.createGroupSnapshot(groupOf(stand)).id),
  "group-snapshot.delete": (stand) => {
    const { id } = stand.createGroupSnapshot(groupOf(stand));
    stand.finish(id);
    stand.send("group-snapshot.delete", ON(id));
    return stand.job(id);
  },
  "volume.copy": (stand) => {
    const id = ENTER_VOLUME.maintenance(stand);
    stand.finish(id);
    return stand.job(id);
  },
  "volume.migrate": (stand) => {
    for (const id of [1, 2]) stand.report(id, { arrayId: "array", capabilities: ["migrate"] });
    return stand.job(ENTER_VOLUME.maintenance(stand));
  },
  "volume.retype": (stand) => {
    stand.report(2, { capabilities: ["retype"] });
    const { id } = stand.availableVolume({ flavor: "silver" });
    stand.send("volume.retype", { ...ON(id), ...MEANS, flavor: "gold", policy: "never" });
    return stand.job(id);
  },
  "volume.manage": (stand) => stand.job(manage(stand)),
  "volume.unmanage": (stand) => {
    const { id } = stand.availableVolume();
    stand.send("volume.unmanage", ON(id));
    return stand.job(id);
  },
  "snapshot.create": (stand) => stand.job(snapshotOf(stand, stand.availableVolume().id)),
  "snapshot.delete": (stand) => {
    const id = snapshotOf(stand, stand.availableVolume().id);
    stand.finish(id);
    stand.send("snapshot.delete", ON(id));
    return stand.job(id);
  },
  "backend.failover": (stand) => {
    const { catalogue } = stand.state.catalogue;
    const mirrored = { replicationTargets: [{ name: "dr", parameters: {} }] };
    const backends = catalogue.backends.map((backend) => (backend.id === 1 ? { ...backend, ...mirrored } : backend));
    stand.send("catalogue.changed", { ...catalogue, backends });
    stand.send("backend.failover", { backendId: 1, to: "dr", userId: "tester", requestId: "req-2" });
    stand.tick(1);
    return stand.job("backend-1");
  },
  "mark.write": (stand) => {
    const { id } = stand.availableVolume();
    stand.report(1, { capabilities: ["marks"] });
    stand.send("volume.update", { ...ON(id), texts: { name: "new" } });
    return stand.job(id);
  },
  "attachment.connect": (stand) => stand.job(connected(stand)),
  "attachment.connect-snapshot": (stand) => stand.job(snapshotConnected(stand).id),
  "attachment.disconnect-snapshot": (stand) => {
    const { id, snapshotId } = snapshotConnected(stand);
    stand.finish(id);
    stand.send("snapshot.disconnect", { ...ON(snapshotId ?? ""), connector: null });
    return stand.job(id);
  },
  "attachment.disconnect": (stand) => {
    const attachmentId = connected(stand);
    stand.finish(attachmentId);
    const volumeId = stand.state.get("attachment", attachmentId)?.volumeId ?? "";
    stand.send("attachment.disconnect", { ...ON(volumeId), connector: null });
    return stand.job(attachmentId);
  },
};

function groupOf(stand: CoreStand): string {
  const { id } = stand.createGroup();
  for (let n = 0; n < 2; n++) stand.availableVolume({ groupId: id });
  stand.report(1);
  return id;
}

/** What is in hand is offered again from time to time, and refused by the queue. */
function sentOnce({ sent }: CoreStand): number {
  return new Set(sent.map(({ id, attempt }) => `${id} ${attempt}`)).size;
}

function snapshotOf(stand: CoreStand, volumeId: string): string {
  const id = uuid(0xa00);
  const words = { userId: "tester", name: "", description: "", metadata: {}, force: false };
  stand.report(1);
  stand.send("snapshot.create", { ...ON(id), ...words, volumeId });
  return id;
}

function snapshotConnected(stand: CoreStand): Attachment {
  const id = snapshotOf(stand, stand.availableVolume().id);
  stand.finish(id);
  const connector = { host: "h1", ip: null, initiator: null, multipath: false };
  const chap = { username: "user", sealedSecret: "sealed" };
  return stand.send("snapshot.connect", { ...ON(id), attachmentId: uuid(0xa1), connector, chap });
}

function connected(stand: CoreStand): string {
  const attachmentId = uuid(0xb00);
  const chap = { username: "user", sealedSecret: "sealed" };
  const { id } = stand.availableVolume();
  stand.send("attachment.connect", { ...ON(id), attachmentId, connector: CONNECTOR, chap });
  return attachmentId;
}

describe.each(Object.entries(UNDER_WAY))("a result of %s", (kind, begin) => {
  it("that comes twice, or once more much later, changes nothing the second time", () => {
    const stand = CoreStand.ready();
    const job = begin(stand);
    expect(job.operation.kind).toBe(kind);
    stand.answer(job, "done");
    const [before, seq, sent] = [seen(stand), stand.seq, sentOnce(stand)];
    stand.answer(job, "done");
    stand.tick(100);
    stand.answer(job, "done");
    expect(seen(stand)).toEqual(before);
    expect([stand.seq, sentOnce(stand)]).toEqual([seq, sent]);
  });

  it.each<Outcome>(["done", "not-done", "no-space", "unknown"])(
    "that is of an attempt before the one in hand (%s) is not taken for this one",
    (outcome) => {
      const stand = CoreStand.ready();
      const first = begin(stand);
      stand.answer(first, "unknown");
      for (let ticks = 0; stand.sent.at(-1)?.attempt !== first.attempt + 1 && ticks < 100; ticks++) stand.tick(100);
      const second = stand.sent.at(-1);
      expect(second).toMatchObject({ id: first.id, attempt: first.attempt + 1 });
      const [before, seq] = [seen(stand), stand.seq];
      stand.answer(first, outcome);
      expect([seen(stand), stand.seq]).toEqual([before, seq]);
      stand.answer(second ?? first, "done");
      expect(stand.state.get("job", first.id)).toBeUndefined();
    },
  );

  it("that is lost is told again, and counts then", () => {
    const [stand, lossy] = [CoreStand.ready(), CoreStand.ready()];
    stand.answer(begin(stand), "done");
    const job = begin(lossy);
    lossy.tick(1_000);
    lossy.answer(job, "done");
    expect(seen(lossy)).toEqual(seen(stand));
  });
});

describe("results of several jobs", () => {
  it("come to the same in any order, however often each comes", () => {
    const VOLUMES = 4;
    const arrivals = fc.array(fc.integer({ min: 0, max: VOLUMES - 1 }), { maxLength: 12 });
    const outcomes = fc.array(fc.constantFrom<Outcome>("done", "done", "not-done"), {
      minLength: VOLUMES,
      maxLength: VOLUMES,
    });
    const run = (order: readonly number[], told: readonly Outcome[]): unknown => {
      const stand = CoreStand.ready();
      const jobs = Array.from({ length: VOLUMES }, () => stand.job(stand.createVolume().id));
      for (const n of order) {
        const job = jobs[n];
        if (job !== undefined) stand.answer(job, told[n] ?? "done");
      }
      return seen(stand);
    };
    const inOrder = Array.from({ length: VOLUMES }, (_, n) => n);
    fc.assert(
      fc.property(arrivals, outcomes, (order, told) => {
        const all = [...order, ...inOrder.filter((n) => !order.includes(n))];
        expect(run(all, told)).toEqual(run(inOrder, told));
      }),
    );
  });
});

describe("reports", () => {
  it("come to the same in any order, however often each comes, as long as the newest comes", () => {
    const run = (order: readonly number[]): unknown => {
      const stand = CoreStand.ready();
      // What each report has seen, and measured: one volume more each time.
      const reports = Array.from({ length: 5 }, (_, made) => {
        stand.availableVolume();
        return { asOf: stand.seq, freeBytes: gibToBytes(99 - made) };
      });
      for (const n of order) {
        const report = reports[n];
        if (report !== undefined) stand.report(1, { freeBytes: report.freeBytes }, report.asOf);
      }
      const space = stand.state.space.backend(1);
      return [space.asOf, space.measurement?.freeBytes, space.unmeasuredVirtualBytes, stand.seq];
    };
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 12 }), fc.nat({ max: 12 }), (order, place) => {
        const withNewest = order.toSpliced(Math.min(place, order.length), 0, 4);
        expect(run(withNewest)).toEqual(run([0, 1, 2, 3, 4]));
      }),
    );
  });

  it("that are lost leave what was made reserved, until the next one", () => {
    const stand = CoreStand.ready();
    stand.availableVolume({ sizeGib: 60 });
    const reserved = (): number => stand.state.space.backend(1).unmeasuredVirtualBytes;
    stand.tick(60_000);
    expect(reserved()).toBe(gibToBytes(60));
    stand.report(1, { freeBytes: gibToBytes(40), provisioned: { scope: "pool", bytes: gibToBytes(60) } });
    expect(reserved()).toBe(0);
  });
});
