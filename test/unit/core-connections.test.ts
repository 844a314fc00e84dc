import { describe, expect, test } from "vitest";
import { countByKey, sealedRecords } from "#scheduler/core/secrets.ts";
import type { Attachment } from "#shared/model/attachment.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import { sampleCatalogue } from "#test/kit/catalogue.ts";
import { CHAP, CoreStand, measurementOf, ON } from "#test/kit/core-stand.ts";
import { ENTER_SNAPSHOT, ENTER_VOLUME } from "#test/kit/object-states.ts";
import { uuid } from "#test/kit/records.ts";

const host = (n: number) => ({ host: null, ip: null, initiator: `iqn.2026-01.test.host:h${n}`, multipath: false });

/** Every flavor says multiattach, as the field writes it. */
function shared(): CoreStand {
  const catalogue = sampleCatalogue();
  const said = { extraSpecs: { multiattach: "<is> True" } };
  const flavors: Catalogue["flavors"] = catalogue.flavors.map((flavor) => ({ ...flavor, ...said }));
  return CoreStand.ready({ ...catalogue, flavors });
}

let count = 0;
function connect(stand: CoreStand, id: string, n: number, wish: { access?: "rw" | "ro" } = {}): Attachment {
  count += 1;
  const attachmentId = uuid(0xa000 + count);
  return stand.send("attachment.connect", { ...ON(id), attachmentId, connector: host(n), chap: CHAP, wish });
}

function disconnect(stand: CoreStand, id: string, n: number, force = false): void {
  stand.send("attachment.disconnect", { ...ON(id), connector: host(n), force });
}

function jobOf(stand: CoreStand, { id }: Attachment) {
  const job = [...stand.state.table("job").values()].find(({ owner }) => owner.id === id);
  if (job === undefined) throw new Error(`attachment ${id} has no job`);
  return job;
}

describe("an attachment that its user holds", () => {
  const asked = (stand: CoreStand, id: string) => {
    const attachmentId = uuid(0xab);
    const wish = { access: "rw", instanceId: "server-1", mountpoint: null, announced: false } as const;
    stand.send("attachment.reserve", { ...ON(id), attachmentId, ...wish });
    return attachmentId;
  };
  const connectIt = (stand: CoreStand, id: string, reservationId: string) =>
    stand.send("attachment.connect", {
      ...ON(id),
      attachmentId: uuid(0xac),
      connector: host(1),
      chap: CHAP,
      reservationId,
    });

  test("outlives a connect that failed: what is half done is taken back, then it is tried again or let go of", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    const held = asked(stand, id);
    connectIt(stand, id, held);
    stand.finish(held, "not-done", "no target");
    expect(stand.attachment(held)).toMatchObject({ status: "error_attaching", lastError: { message: "no target" } });
    expect(stand.volume(id)).toMatchObject({ status: "detaching", lastError: { message: "no target" } });
    expect(stand.job(held).operation.kind).toBe("attachment.disconnect");
    expect(() => connectIt(stand, id, held)).toThrow("is being taken back");
    stand.finish(held);
    expect(stand.attachment(held)).toMatchObject({ status: "error_attaching", connector: null });
    expect(stand.volume(id).status).toBe("reserved");
    // Nobody is let in by it, and nobody else gets the volume.
    expect(() => connect(stand, id, 2)).toThrow("reserved for another host");

    connectIt(stand, id, held);
    stand.finish(held);
    expect(stand.attachment(held)).toMatchObject({ status: "connected", lastError: null });
    stand.send("attachment.detach", { ...ON(held), force: false });
    stand.finish(held);
    expect(stand.volume(id)).toMatchObject({ status: "available", chap: null });
  });

  test("shuts its host out again when a late call lets it in after all", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    const held = asked(stand, id);
    connectIt(stand, id, held);
    const late = stand.job(held);
    stand.finish(held, "not-done");
    stand.finish(held);
    stand.answer(late, "done");
    expect(stand.volume(id).status).toBe("detaching");
    expect(stand.job(held).operation).toMatchObject({ kind: "attachment.disconnect", connector: host(1) });
    stand.finish(held);
    expect(stand.attachment(held)).toMatchObject({ status: "error_attaching", connector: null });
    expect(stand.volume(id).status).toBe("reserved");
  });

  test.each([true, false])("goes when it is let go of, also while it is taken back (%s)", (during) => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    const held = asked(stand, id);
    connectIt(stand, id, held);
    stand.finish(held, "not-done");
    if (!during) stand.finish(held);
    stand.send("attachment.detach", { ...ON(held), force: false });
    if (during) {
      expect(stand.attachment(held).status).toBe("detaching");
      stand.finish(held);
    }
    expect(stand.state.get("attachment", held)).toBeUndefined();
    expect(stand.volume(id).status).toBe("available");
    expect(stand.state.table("job").size).toBe(0);
  });

  test("that is let go of while its host is let in leaves nothing when that fails", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    const held = asked(stand, id);
    connectIt(stand, id, held);
    const inHand = stand.job(held);
    stand.send("attachment.detach", { ...ON(held), force: false });
    stand.answer(inHand, "not-done");
    stand.finish(held);
    expect(stand.state.get("attachment", held)).toBeUndefined();
    expect(stand.volume(id).status).toBe("available");
  });

  test("that nobody holds goes by itself, for nobody would let go of it", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    const one = connect(stand, id, 1);
    stand.finish(one.id, "not-done");
    expect(stand.attachment(one.id).status).toBe("detaching");
    stand.finish(one.id);
    expect(stand.state.get("attachment", one.id)).toBeUndefined();
    expect(stand.volume(id)).toMatchObject({ status: "available", lastError: expect.anything() });
  });
});

describe("several hosts", () => {
  test("have a volume at once where its flavor says so; the last one out closes the export", () => {
    const stand = shared();
    const { id } = stand.availableVolume();
    const [one, two] = [connect(stand, id, 1), connect(stand, id, 2, { access: "ro" })];
    for (const { id: attachment } of [one, two]) stand.finish(attachment);
    expect(stand.volume(id)).toMatchObject({ status: "in-use", multiattach: true });
    expect(stand.attachment(two.id).access).toBe("ro");
    disconnect(stand, id, 1);
    expect(jobOf(stand, one).operation).toMatchObject({ last: false });
    stand.finish(one.id);
    expect(stand.volume(id).status).toBe("in-use");
    disconnect(stand, id, 2);
    expect(jobOf(stand, two).operation).toMatchObject({ last: true });
    stand.finish(two.id);
    expect(stand.volume(id)).toMatchObject({ status: "available", chap: null });
  });

  test("do not where it does not, and the refusal names who has it", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    const one = connect(stand, id, 1);
    stand.finish(one.id);
    expect(() => connect(stand, id, 2)).toThrow(one.id);
    expect(() => connect(stand, id, 2)).toThrow(/multiattach/);
  });

  test("do not where the backend cannot", () => {
    const stand = shared();
    const { id } = stand.availableVolume();
    stand.finish(connect(stand, id, 1).id);
    stand.report(stand.volume(id).backendId ?? 0, measurementOf({ capabilities: ["connect"] }));
    expect(() => connect(stand, id, 2)).toThrow(/capability multiattach/);
  });
});

test("a connector that lacks what the backend needs is refused, and the field is named", () => {
  const stand = CoreStand.ready();
  const { id, backendId } = stand.availableVolume();
  stand.report(backendId ?? 0, measurementOf({ connectorNeeds: ["initiator", "wwpns"] }));
  expect(() => connect(stand, id, 1)).toThrow(/must say its wwpns/);
});

test("nobody writes to a volume that is read-only", () => {
  const stand = CoreStand.ready();
  const { id } = stand.availableVolume();
  stand.send("volume.flag", { ...ON(id), flags: { readOnly: true } });
  expect(jobOf(stand, connect(stand, id, 1, { access: "rw" })).operation).toMatchObject({ access: "ro" });
});

describe("a detach by force", () => {
  test("frees the volume at once, and is tried until the backend has done it, however long that takes", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    const one = connect(stand, id, 1);
    stand.finish(one.id);
    disconnect(stand, id, 1, true);
    expect(stand.volume(id)).toMatchObject({ status: "available", chap: null });
    expect(stand.state.evictionsOf(id).map(({ status }) => status)).toEqual(["evicting"]);
    expect(jobOf(stand, one)).toMatchObject({ deadlineMs: null, operation: { last: true } });
    stand.answer(jobOf(stand, one), "not-done");
    stand.tick(stand.state.settings.operationDeadlineMs * 2);
    expect(stand.attachment(one.id).status).toBe("evicting");
    stand.answer(jobOf(stand, one), "done");
    expect(stand.state.evictionsOf(id)).toEqual([]);
    expect(stand.volume(id).exportsClosedAtMs).toBeDefined();
  });

  test("does not cut off who comes meanwhile; the same host waits until it is through", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    const one = connect(stand, id, 1);
    stand.finish(one.id);
    disconnect(stand, id, 1, true);
    expect(() => connect(stand, id, 1)).toThrow(/detached by force/);
    const two = connect(stand, id, 2);
    expect(jobOf(stand, one).operation).toMatchObject({ last: false });
    expect(jobOf(stand, two).dispatched).toBe(false);
    stand.answer(jobOf(stand, one), "done");
    stand.finish(two.id);
    expect(stand.volume(id).status).toBe("in-use");
  });

  test("takes over a connect that does not end", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    const one = connect(stand, id, 1);
    disconnect(stand, id, 1, true);
    expect(stand.volume(id).status).toBe("available");
    expect(jobOf(stand, one)).toMatchObject({ attempt: 2, operation: { kind: "attachment.disconnect" } });
  });

  test("keeps neither the volume nor its backend's place in the ledger from going", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    const one = connect(stand, id, 1);
    stand.finish(one.id);
    disconnect(stand, id, 1, true);
    stand.send("volume.delete", ON(id));
    stand.answer(jobOf(stand, one), "done");
    stand.finish(id);
    expect(stand.state.get("volume", id)).toBeUndefined();
    expect(stand.state.table("attachment").size).toBe(0);
  });
});

describe("a snapshot", () => {
  const connectSnapshot = (stand: CoreStand, id: string, n: number) =>
    stand.send("snapshot.connect", { ...ON(id), attachmentId: uuid(0xb0 + n), connector: host(n), chap: CHAP });

  test("is read by several hosts, is not deleted meanwhile, and its volume's state is its own", () => {
    const stand = CoreStand.ready();
    const id = ENTER_SNAPSHOT.available(stand);
    const some = [connectSnapshot(stand, id, 1), connectSnapshot(stand, id, 2)];
    for (const one of some) {
      expect(one).toMatchObject({ access: "ro", snapshotId: id });
      stand.finish(one.id);
    }
    expect(stand.volume(some[0]?.volumeId ?? "").status).toBe("available");
    expect(() => stand.send("snapshot.delete", ON(id))).toThrow(`attachment ${some[0]?.id}`);
    stand.send("snapshot.disconnect", { ...ON(id), connector: null });
    for (const one of some) stand.finish(one.id);
    expect(stand.state.get("snapshot", id)).toMatchObject({ chap: null, status: "available" });
    stand.send("snapshot.delete", ON(id));
  });

  test("is refused where the backend cannot, which is named", () => {
    const stand = CoreStand.ready();
    const id = ENTER_SNAPSHOT.available(stand);
    const backendId = stand.state.get("snapshot", id)?.backendId ?? 0;
    stand.report(backendId, measurementOf({ capabilities: ["connect", "snapshot"] }));
    expect(() => connectSnapshot(stand, id, 1)).toThrow(/capability attach-snapshot/);
  });
});

test("secrets are sealed anew but for those in hand, and what changed meanwhile is passed over", () => {
  const stand = CoreStand.ready();
  const { id } = stand.availableVolume();
  const one = connect(stand, id, 1);
  const job = jobOf(stand, one);
  const secrets = [
    { kind: "volume", id, from: "sealed", to: "anew" },
    { kind: "volume", id: uuid(9), from: "sealed", to: "anew" },
    { kind: "job", id: job.id, from: "sealed", to: "anew" },
  ] as const;
  expect(stand.send("secrets.reseal", { secrets })).toBe(1);
  expect(stand.volume(id).chap?.sealedSecret).toBe("anew");
  expect(jobOf(stand, one).operation).toMatchObject({ chap: { sealedSecret: "sealed" } });
  expect(stand.send("secrets.reseal", { secrets })).toBe(0);
  stand.answer(job, "unknown");
  expect(jobOf(stand, one).dispatched).toBe(false);
  expect(stand.send("secrets.reseal", { secrets })).toBe(1);
});

test("a volume that is moved has the copier's secret: it is told, sealed anew, and goes with the next step", () => {
  const stand = CoreStand.ready();
  const id = ENTER_VOLUME.maintenance(stand);
  expect([...sealedRecords(stand.state)]).toEqual([{ kind: "move", id, sealedSecret: "sealed", inHand: false }]);
  const anew = { kind: "move", id, from: "sealed", to: "anew" } as const;
  expect(stand.send("secrets.reseal", { secrets: [anew, { ...anew, id: uuid(9) }] })).toBe(1);
  expect(stand.send("secrets.reseal", { secrets: [anew] })).toBe(0);
  stand.finish(id);
  expect(stand.job(id).operation).toMatchObject({ kind: "volume.copy", chap: { sealedSecret: "anew" } });
  expect([...countByKey(stand.state).keys()]).toHaveLength(1);
});

test("so has the secret that a storage system gave for the copy", () => {
  const stand = CoreStand.ready();
  const id = ENTER_VOLUME.maintenance(stand);
  const volume = stand.volume(id);
  if (volume.move?.copier == null) throw new Error("it is not copied");
  const info = { driverVolumeType: "iscsi", data: {}, chap: { username: "system", sealedSecret: "given" } };
  stand.state.put("volume", { ...volume, move: { ...volume.move, copier: { ...volume.move.copier, info } } });
  expect([...sealedRecords(stand.state)].map(({ sealedSecret }) => sealedSecret)).toEqual(["sealed", "given"]);
  const anew = { kind: "move", id, from: "given", to: "anew" } as const;
  expect(stand.send("secrets.reseal", { secrets: [anew] })).toBe(1);
  expect(stand.volume(id).move?.copier).toMatchObject({
    chap: { sealedSecret: "sealed" },
    info: { chap: { username: "system", sealedSecret: "anew" } },
  });
});
