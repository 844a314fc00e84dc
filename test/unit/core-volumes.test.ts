import { describe, expect, it } from "vitest";
import { gibToBytes } from "#shared/units.ts";
import { CoreStand, ON } from "#test/kit/core-stand.ts";
import { uuid } from "#test/kit/records.ts";

const CHAP = { username: "user", sealedSecret: "sealed" };
const HOST = { host: "h1", ip: null, initiator: "iqn.2026-01.test.host:h1", multipath: false };

function connect(stand: CoreStand, id: string, attachment = 1) {
  return stand.send("attachment.connect", { ...ON(id), attachmentId: uuid(attachment), connector: HOST, chap: CHAP });
}

function snapshot(stand: CoreStand, volumeId: string, id = uuid(7), force = false) {
  const texts = { name: "", description: "", metadata: {} };
  return stand.send("snapshot.create", { id, scope: null, userId: "u", volumeId, ...texts, force, requestId: "r" });
}

describe("a volume's life", () => {
  it("goes from creating to available with the backend's result, and keeps its reservation until it is measured", () => {
    const stand = CoreStand.ready();
    const volume = stand.createVolume({ sizeGib: 10 });
    expect(volume).toMatchObject({ status: "creating", backendId: 1, claim: { settledSeq: null } });
    stand.finish(volume.id);
    expect(stand.volume(volume.id)).toMatchObject({ status: "available", claim: { settledSeq: stand.seq } });
    expect(stand.state.space.backend(1).unmeasuredVirtualBytes).toBe(gibToBytes(10));
    stand.report(1);
    expect(stand.state.space.backend(1).unmeasuredVirtualBytes).toBe(0);
  });

  it("is the same volume for the same idempotency key, and a conflict for another body", () => {
    const stand = CoreStand.ready();
    const idempotency = { key: "k", bodyHash: "one" };
    const first = stand.createVolume({ idempotency });
    expect(stand.createVolume({ idempotency }).id).toBe(first.id);
    expect(stand.createVolume({ idempotency, projectId: "other" }).id).not.toBe(first.id);
    expect(() => stand.createVolume({ idempotency: { key: "k", bodyHash: "two" } })).toThrow(/another request body/);
    stand.tick(stand.state.settings.idempotencyTtlMs + 1);
    expect(stand.createVolume({ idempotency: { key: "k", bodyHash: "two" } }).id).not.toBe(first.id);
  });

  it.each([0, -1])("refuses to shrink or keep its size when extended by %i", (by) => {
    const stand = CoreStand.ready();
    const { id, sizeGib } = stand.availableVolume({ sizeGib: 2 });
    expect(() => stand.send("volume.extend", { ...ON(id), newSizeGib: sizeGib + by })).toThrow(/must be more/);
    expect(stand.volume(id).status).toBe("available");
  });

  it("reserves the difference of an extend, and gives it back when the backend has no room", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume({ sizeGib: 10 });
    stand.report(1, { freeBytes: gibToBytes(90), provisioned: { scope: "pool", bytes: gibToBytes(10) } });
    stand.send("volume.extend", { ...ON(id), newSizeGib: 15 });
    expect(stand.state.space.backend(1).unmeasuredVirtualBytes).toBe(gibToBytes(5));
    stand.finish(id, "no-space");
    expect(stand.volume(id)).toMatchObject({ status: "available", sizeGib: 10, growth: [] });
    expect(stand.state.space.backend(1).unmeasuredVirtualBytes).toBe(0);
    expect(() => stand.send("volume.extend", { ...ON(id), newSizeGib: 101 })).toThrow(/no room/);
  });

  it("extends again and again between two reports without counting anything twice", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume({ sizeGib: 1 });
    for (const newSizeGib of [2, 4, 8]) {
      stand.send("volume.extend", { ...ON(id), newSizeGib });
      stand.finish(id);
    }
    expect(stand.volume(id).sizeGib).toBe(8);
    expect(stand.state.space.backend(1).unmeasuredVirtualBytes).toBe(gibToBytes(8));
  });
});

describe("deleting", () => {
  it("wins over a create that no agent has heard of: nothing is ever made", () => {
    const stand = CoreStand.ready();
    const busy = Array.from({ length: 16 }, () => stand.createVolume({ zone: "north" }));
    const held = stand.createVolume({ zone: "north" });
    expect(stand.job(held.id).dispatched).toBe(false);
    expect(stand.send("volume.delete", ON(held.id))).toBeNull();
    expect(stand.state.get("volume", held.id)).toBeUndefined();
    stand.finish(busy[0]?.id ?? "");
    expect(stand.sent.some((job) => job.owner.id === held.id)).toBe(false);
  });

  it.each(["done", "no-space"] as const)("wins over a create that is with an agent and ends in %s", (outcome) => {
    const stand = CoreStand.ready();
    const { id } = stand.createVolume();
    expect(stand.send("volume.delete", ON(id))?.status).toBe("deleting");
    stand.finish(id, outcome);
    if (outcome === "done") {
      expect(stand.job(id).operation.kind).toBe("volume.delete");
      stand.finish(id);
    }
    expect(stand.state.get("volume", id)).toBeUndefined();
  });

  it("is refused while something depends on the volume, and names it", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    snapshot(stand, id);
    stand.finish(uuid(7));
    expect(() => stand.send("volume.delete", ON(id))).toThrow(`snapshot ${uuid(7)}`);
    stand.send("snapshot.delete", ON(uuid(7)));
    stand.finish(uuid(7));
    expect(stand.send("volume.delete", ON(id))?.status).toBe("deleting");
  });

  it("is tried until it is done, tells that it takes long, and a second request speeds it up", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    stand.send("volume.delete", ON(id));
    stand.finish(id, "not-done", "device is busy");
    expect(stand.volume(id)).toMatchObject({ status: "deleting", lastError: { message: "device is busy" } });
    stand.tick(stand.state.settings.operationDeadlineMs + 1);
    expect(stand.volume(id)).toMatchObject({ status: "error_deleting", lastError: { code: "E_DEADLINE" } });
    expect(stand.send("volume.delete", ON(id))?.status).toBe("deleting");
    stand.finish(id);
    expect(stand.state.get("volume", id)).toBeUndefined();
  });

  it("of what is there no more is not found, and of another project's as if it were not there", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    expect(() => stand.send("volume.delete", ON(uuid(999)))).toThrow(/could not be found/);
    expect(() => stand.send("volume.delete", { ...ON(id), scope: "stranger" })).toThrow(/could not be found/);
  });
});

describe("a passing state's deadline", () => {
  it("ends a create in error, and its job becomes the removal of what it may still make", () => {
    const stand = CoreStand.ready();
    const { id } = stand.createVolume();
    const create = stand.job(id);
    stand.tick(stand.state.settings.operationDeadlineMs + 1);
    expect(stand.volume(id)).toMatchObject({ status: "error", backendId: null, claim: null });
    const removal = stand.state.get("job", create.id);
    expect(removal).toMatchObject({ attempt: 2, operation: { kind: "volume.delete" }, owner: { kind: "leftover" } });
    // The create was done after all, too late: its result is ignored, the removal stands.
    stand.answer(create, "done");
    expect(stand.volume(id).status).toBe("error");
    expect(stand.state.get("job", create.id)?.attempt).toBe(2);
    expect(stand.state.space.backend(1).unmeasuredVirtualBytes).toBeGreaterThan(0);
    if (removal !== undefined) stand.answer(removal, "done");
    expect(stand.state.table("leftover").size).toBe(0);
  });

  it("leaves an extend that may yet be done, and takes its late success", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    stand.send("volume.extend", { ...ON(id), newSizeGib: 3 });
    stand.tick(stand.state.settings.operationDeadlineMs + 1);
    expect(stand.volume(id).status).toBe("error_extending");
    stand.finish(id);
    expect(stand.volume(id)).toMatchObject({ status: "available", sizeGib: 3 });
  });

  it("undoes a connect", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    const attachment = connect(stand, id);
    stand.tick(stand.state.settings.operationDeadlineMs + 1);
    expect(stand.job(attachment.id).operation.kind).toBe("attachment.disconnect");
    stand.finish(attachment.id);
    expect(stand.volume(id)).toMatchObject({ status: "available", chap: null, lastError: { code: "E_DEADLINE" } });
  });
});

describe("connecting", () => {
  it("gives one host one attachment, refuses another host, and forgets the CHAP secret with the last", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    const attachment = connect(stand, id);
    expect(connect(stand, id, 2).id).toBe(attachment.id);
    stand.finish(attachment.id);
    expect(stand.volume(id)).toMatchObject({ status: "in-use", chap: CHAP });
    const other = { ...HOST, host: "h2", initiator: "iqn.2026-01.test.host:h2" };
    expect(() =>
      stand.send("attachment.connect", { ...ON(id), attachmentId: uuid(3), connector: other, chap: CHAP }),
    ).toThrow(/another host/);
    expect(() => stand.send("attachment.disconnect", { ...ON(id), connector: other })).toThrow(
      /not connected to that host/,
    );
    stand.send("attachment.disconnect", { ...ON(id), connector: { ...HOST, initiator: null } });
    stand.finish(attachment.id);
    expect(stand.volume(id)).toMatchObject({ status: "available", chap: null });
  });

  it("says of a host that is just being sent away what to wait for, and names no other host", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    const attachment = connect(stand, id);
    stand.finish(attachment.id);
    stand.send("attachment.disconnect", { ...ON(id), connector: HOST });
    expect(() => connect(stand, id, 2)).toThrow(/is detaching; connect needs it to be available/);
    stand.finish(attachment.id);
    connect(stand, id, 3);
  });

  it("is undone when the backend cannot", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    const attachment = connect(stand, id);
    stand.finish(attachment.id, "not-done", "no target");
    expect(stand.job(attachment.id)).toMatchObject({ operation: { kind: "attachment.disconnect", last: true } });
    stand.finish(attachment.id);
    expect(stand.volume(id)).toMatchObject({ status: "available", lastError: { message: "no target" } });
  });
});

describe("a result that nobody awaits", () => {
  it("of a create that ran again after its volume was deleted has what it made removed", () => {
    const stand = CoreStand.ready();
    const { id } = stand.createVolume();
    const create = stand.job(id);
    stand.finish(id);
    stand.send("volume.delete", ON(id));
    stand.finish(id);
    stand.answer(create, "done");
    expect([...stand.state.table("leftover").values()]).toMatchObject([{ volume: { id }, backendId: 1 }]);
    expect(stand.sent.at(-1)?.operation.kind).toBe("volume.delete");
  });

  it("of a disconnect that ran again has the hosts that are recorded as in let in again", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    const first = connect(stand, id, 1);
    stand.finish(first.id);
    stand.send("attachment.disconnect", { ...ON(id), connector: null });
    const disconnect = stand.job(first.id);
    stand.finish(first.id);
    const second = connect(stand, id, 2);
    stand.finish(second.id);
    stand.answer(disconnect, "done");
    expect(stand.job(second.id).operation.kind).toBe("attachment.connect");
  });
});
