import { describe, expect, test } from "vitest";
import type { ManageVolume } from "#scheduler/core/commands.ts";
import type { ForeignObject } from "#shared/model/foreign.ts";
import type { HistoryEntry } from "#shared/model/history.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import type { Volume } from "#shared/model/volume.ts";
import { gibToBytes } from "#shared/units.ts";
import { CoreStand, measurementOf, ON } from "#test/kit/core-stand.ts";
import { uuid } from "#test/kit/records.ts";

const ID = uuid(0x3a);
const refusedAs = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

function disk(fields: Partial<ForeignObject> = {}): ForeignObject {
  const sizeBytes = fields.sizeBytes ?? gibToBytes(2);
  return { reference: "disk.img", sizeBytes, countedBytes: sizeBytes, identity: "one", whyNot: null, ...fields };
}

function manage(stand: CoreStand, fields: Partial<ManageVolume> = {}): Volume {
  const texts = { name: "taken", description: "", metadata: {} };
  const on = { id: ID, projectId: "default", userId: "u", requestId: "req-manage", backendId: 1 };
  return stand.send("volume.manage", {
    ...on,
    ...texts,
    found: disk(),
    bootable: false,
    flavor: "gold",
    zone: null,
    ...fields,
  });
}

function historyOf(stand: CoreStand, id: string): HistoryEntry[] {
  return stand.history.filter(({ objectId }) => objectId === id);
}

/** As an audit finds it on the backend. */
function standing(id: string): ListedObject {
  const facts = { mark: null, whole: true, ageMs: 0, providerId: null, properties: {} };
  return { kind: "volume", id, volumeId: id, sizeBytes: gibToBytes(2), ...facts };
}

function sweep(stand: CoreStand, id: string): string[] {
  stand.send("audit.remove", { backendId: 1, objects: [standing(id)], reason: "sweep", requestId: "r" });
  return [...stand.state.table("job").values()].map(({ operation }) =>
    operation.kind === "volume.unmanage" ? `${operation.kind} ${operation.reference}` : operation.kind,
  );
}

describe("managing", () => {
  test("makes a volume of whole GiB, where the object is, and tells its history", () => {
    const stand = CoreStand.ready();
    const found = disk({ sizeBytes: gibToBytes(1) + 512 });
    expect(manage(stand, { found, bootable: true })).toMatchObject({
      status: "managing",
      sizeGib: 2,
      backendId: 1,
      zone: "north",
      bootable: true,
      takenFrom: "disk.img",
    });
    expect(stand.job(ID).operation).toMatchObject({
      kind: "volume.manage",
      reference: "disk.img",
      identity: "one",
      foundBytes: gibToBytes(1) + 512,
      volume: { sizeBytes: gibToBytes(2) },
      mark: { name: "taken", projectId: "default", flavorName: "gold" },
    });
    stand.finish(ID);
    expect(stand.volume(ID)).toMatchObject({ status: "available", lastError: null });
    expect(historyOf(stand, ID)).toMatchObject([{ operation: "volume.manage", detail: "from disk.img", error: null }]);
  });

  test("claims only what the reports do not count yet, from the decision on", () => {
    const stand = CoreStand.ready();
    const before = stand.state.space.backend(1).unmeasuredVirtualBytes;
    manage(stand, { found: disk({ sizeBytes: gibToBytes(2), countedBytes: gibToBytes(1) / 2 }) });
    expect(stand.state.space.backend(1).unmeasuredVirtualBytes - before).toBe(gibToBytes(1.5));
  });

  test("takes no room for what stands there already, however full the pool is, and is refused what it lacks", () => {
    const stand = CoreStand.ready();
    const full = {
      totalBytes: gibToBytes(100),
      freeBytes: 0,
      provisioned: { scope: "pool", bytes: gibToBytes(100) },
    } as const;
    stand.report(1, full);
    expect(() => manage(stand, { found: disk({ sizeBytes: gibToBytes(2) - 512 }) })).toThrow(
      refusedAs("E_NO_CAPACITY", /no room/),
    );
    expect(manage(stand).status).toBe("managing");
  });

  test("needs the flavor, the zone, the capability, an open backend, and the quota", () => {
    const stand = CoreStand.ready();
    expect(() => manage(stand, { flavor: "silver" })).toThrow(refusedAs("E_BAD_REQUEST", /silver does not stand on/));
    expect(() => manage(stand, { zone: "south" })).toThrow(refusedAs("E_BAD_REQUEST", /is in zone north/));
    expect(() => manage(stand, { backendId: 99 })).toThrow(refusedAs("E_NOT_FOUND", /no backend 99/));
    const { capabilities } = measurementOf();
    stand.report(1, { capabilities: capabilities.filter((name) => name !== "manage") });
    expect(() => manage(stand)).toThrow(refusedAs("E_CONFLICT", /cannot do this \(manage\)/));
    const { id } = stand.availableVolume();
    expect(() => stand.send("volume.unmanage", ON(id))).toThrow(refusedAs("E_CONFLICT", /cannot do this \(manage\)/));
    expect(stand.state.get("volume", ID)).toBeUndefined();
  });

  test("is refused with the reason that an agent gives, and for what is managed already or about to be", () => {
    const stand = CoreStand.ready();
    const whyNot = "it is a symbolic link";
    expect(() => manage(stand, { found: disk({ whyNot }) })).toThrow(refusedAs("E_BAD_REQUEST", /symbolic link/));
    expect(() => manage(stand, { found: disk({ sizeBytes: null }) })).toThrow(refusedAs("E_BAD_REQUEST", /size/));
    const { id } = stand.availableVolume();
    const ours = disk({ reference: `volume-${id}` });
    expect(() => manage(stand, { found: ours })).toThrow(refusedAs("E_BAD_REQUEST", new RegExp(id)));
    manage(stand);
    expect(() => manage(stand, { id: uuid(0x3b) })).toThrow(refusedAs("E_BAD_REQUEST", new RegExp(ID)));
  });

  test.each(["not-done", "no-space"] as const)(
    "%s: it is given back, and deleting the record removes nothing",
    (outcome) => {
      const stand = CoreStand.ready();
      manage(stand);
      stand.finish(ID, outcome, "in use");
      expect(stand.volume(ID)).toMatchObject({ status: "error_managing", backendId: null, claim: null });
      expect(historyOf(stand, ID)).toMatchObject([{ operation: "volume.manage", error: { message: "in use" } }]);
      stand.send("volume.delete", ON(ID));
      expect(stand.state.get("volume", ID)).toBeUndefined();
      const [giveBack, ...others] = [...stand.state.table("job").values()];
      expect(others).toEqual([]);
      expect(giveBack?.operation).toMatchObject({ kind: "volume.unmanage", reference: "disk.img", volume: { id: ID } });
      // Whatever it answers, it goes on until it is done.
      if (giveBack !== undefined) stand.answer(giveBack, "not-done");
      expect(stand.state.table("leftover").size).toBe(1);
      for (const job of stand.state.table("job").values()) stand.answer(job, "done");
      expect(stand.state.table("leftover").size).toBe(0);
    },
  );

  test("at its deadline its own job becomes the giving back, and what a late call takes over after that is given back as well", () => {
    const stand = CoreStand.ready();
    manage(stand);
    const late = stand.job(ID);
    stand.tick(stand.state.settings.operationDeadlineMs);
    expect(stand.volume(ID)).toMatchObject({ status: "error_managing", lastError: { code: "E_DEADLINE" } });
    const turned = stand.state.get("job", late.id);
    expect(turned?.operation).toMatchObject({ kind: "volume.unmanage", reference: "disk.img" });
    stand.beat("north");
    if (turned !== undefined) stand.answer({ ...turned }, "done");
    expect(stand.state.table("job").size).toBe(0);
    // A stray tells of itself; what is only found is swept. With the record, and when it is deleted.
    stand.answer(late, "done");
    const [stray] = [...stand.state.table("job").values()];
    expect(stray?.operation).toMatchObject({ kind: "volume.unmanage", reference: "disk.img" });
    if (stray !== undefined) stand.answer(stray, "done");
    expect(sweep(stand, ID)).toEqual(["volume.unmanage disk.img"]);
    stand.finish([...stand.state.table("leftover").keys()][0] ?? "");
    stand.send("volume.delete", ON(ID));
    expect(sweep(stand, ID)).toEqual(["volume.unmanage disk.img"]);
  });
});

describe("unmanaging", () => {
  test("ends the record, keeps the history, and leaves nothing that the sweep would remove", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    stand.send("volume.unmanage", ON(id));
    expect(stand.send("volume.unmanage", ON(id)).status).toBe("unmanaging");
    expect(stand.job(id).operation).toMatchObject({ kind: "volume.unmanage", reference: `unmanaged-${id}` });
    stand.finish(id);
    expect(stand.state.get("volume", id)).toBeUndefined();
    expect(historyOf(stand, id).at(-1)).toMatchObject({ operation: "volume.unmanage", detail: `as unmanaged-${id}` });
    const [job] = sweep(stand, id);
    expect(job).toMatch(new RegExp(`^volume.unmanage unmanaged-${id}-\\d+$`));
  });

  test("of one that was taken over: what a late call takes again gets its own name back", () => {
    const stand = CoreStand.ready();
    manage(stand);
    stand.finish(ID);
    stand.send("volume.unmanage", ON(ID));
    stand.finish(ID);
    expect(sweep(stand, ID)).toEqual(["volume.unmanage disk.img"]);
  });

  test("of one that was taken over and deleted, the sweep removes what stands again", () => {
    const stand = CoreStand.ready();
    manage(stand);
    stand.finish(ID);
    stand.send("volume.delete", ON(ID));
    stand.finish(ID);
    expect(sweep(stand, ID)).toEqual(["volume.delete"]);
  });

  test("is refused while anything depends on the volume, with what does", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    const snapshotId = uuid(0x51);
    const texts = { name: "", description: "", metadata: {} };
    stand.send("snapshot.create", { ...ON(snapshotId), ...texts, volumeId: id, force: false });
    stand.finish(snapshotId);
    expect(() => stand.send("volume.unmanage", ON(id))).toThrow(refusedAs("E_HAS_DEPENDENTS", new RegExp(snapshotId)));
  });

  test("is tried again whatever it answers, and can be asked for again when it takes too long", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    stand.send("volume.unmanage", ON(id));
    stand.finish(id, "not-done", "the name is taken");
    expect(stand.volume(id)).toMatchObject({ status: "unmanaging", lastError: { message: "the name is taken" } });
    stand.tick(stand.state.settings.operationDeadlineMs);
    expect(stand.volume(id).status).toBe("error_unmanaging");
    expect(stand.send("volume.unmanage", ON(id)).status).toBe("unmanaging");
    stand.finish(id);
    expect(stand.state.get("volume", id)).toBeUndefined();
  });
});
