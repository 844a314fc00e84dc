import { expect, test } from "vitest";
import type { BerthError } from "#shared/errors.ts";
import { sampleCatalogue } from "#test/kit/catalogue.ts";
import { CoreStand, ON } from "#test/kit/core-stand.ts";
import { offer, TRANSFER_ID } from "#test/kit/object-states.ts";
import { uuid } from "#test/kit/records.ts";

const WHO = { userId: "ben", requestId: "req-3" };
const KEY = "ab".repeat(32);

function accept(stand: CoreStand, projectId: string, keyHash = KEY) {
  return stand.send("transfer.accept", { id: TRANSFER_ID, projectId, keyHash, ...WHO });
}

function code(act: () => unknown): string | null {
  try {
    act();
    return null;
  } catch (error) {
    return (error as BerthError).code;
  }
}

function withSnapshot(stand: CoreStand): { id: string; snapshotId: string } {
  const { id } = stand.availableVolume({ sizeGib: 3 });
  const snapshotId = uuid(0x53);
  const texts = { name: "", description: "", metadata: {} };
  stand.send("snapshot.create", { id: snapshotId, scope: null, volumeId: id, force: false, ...texts, ...WHO });
  stand.finish(snapshotId);
  return { id, snapshotId };
}

test("whoever has the key gets the volume with its snapshots, and its project pays for them", () => {
  const stand = CoreStand.ready();
  const { id, snapshotId } = withSnapshot(stand);
  offer(stand, id);
  expect(stand.volume(id).status).toBe("awaiting-transfer");
  expect(code(() => accept(stand, "other", "cd".repeat(32)))).toBe("E_BAD_REQUEST");
  accept(stand, "other");
  expect(stand.volume(id)).toMatchObject({ status: "available", projectId: "other", userId: "ben" });
  expect(stand.state.get("snapshot", snapshotId)).toMatchObject({ projectId: "other", userId: "ben" });
  expect(stand.state.usage.of("default")).toEqual({ volumes: 0, snapshots: 0, gib: 0 });
  expect(stand.state.usage.of("other")).toEqual({ volumes: 1, snapshots: 1, gib: 6 });
  const told = stand.history
    .filter(({ objectId }) => objectId === id)
    .map(({ operation, detail }) => [operation, detail]);
  expect(told.slice(-2)).toEqual([
    ["transfer.create", null],
    ["transfer.accept", "from project default to other"],
  ]);
});

test("accepting is done once: repeated it is the same, and nobody else can", () => {
  const stand = CoreStand.ready();
  const { id } = stand.availableVolume();
  offer(stand, id);
  const first = accept(stand, "other");
  const { seq } = stand;
  expect(accept(stand, "other")).toEqual(first);
  expect(stand.seq).toBe(seq);
  expect(code(() => accept(stand, "third"))).toBe("E_NOT_FOUND");
  stand.tick(stand.state.settings.idempotencyTtlMs + 1);
  expect(stand.state.table("transfer").size).toBe(0);
});

test("a project takes no more than its quota allows, and the offer stands on", () => {
  const quotas = { default: {}, projects: { other: { gib: 5 } } };
  const stand = CoreStand.ready({ ...sampleCatalogue(), quotas });
  const { id } = withSnapshot(stand);
  offer(stand, id);
  expect(code(() => accept(stand, "other"))).toBe("E_QUOTA");
  expect(stand.volume(id)).toMatchObject({ status: "awaiting-transfer", projectId: "default" });
});

test("a project gets no volume of a flavor that is not open to it, and the offer stands on", () => {
  const flavors = sampleCatalogue().flavors.map((flavor) => ({ ...flavor, projects: ["default", "friend"] }));
  const stand = CoreStand.ready(sampleCatalogue({ flavors }));
  const { id } = withSnapshot(stand);
  offer(stand, id);
  expect(code(() => accept(stand, "other"))).toBe("E_FORBIDDEN");
  expect(stand.volume(id)).toMatchObject({ status: "awaiting-transfer", projectId: "default" });
  accept(stand, "friend");
  expect(stand.volume(id)).toMatchObject({ status: "available", projectId: "friend" });
});

test("quotas of the flavor count as well, for volumes, snapshots and sizes", () => {
  for (const limits of [{ volumes: 0 }, { snapshots: 0 }, { gib: 5 }]) {
    const quotas = { default: {}, projects: { other: { flavors: { gold: limits } } } };
    const stand = CoreStand.ready({ ...sampleCatalogue(), quotas });
    const { id } = withSnapshot(stand);
    offer(stand, id);
    expect(
      code(() => accept(stand, "other")),
      JSON.stringify(limits),
    ).toBe("E_QUOTA");
    accept(stand, "third");
    expect(stand.volume(id).projectId).toBe("third");
  }
});

test("an offer is taken back by its project only, and the volume can be used again", () => {
  const stand = CoreStand.ready();
  const { id } = stand.availableVolume();
  offer(stand, id);
  expect(code(() => stand.send("transfer.delete", { ...ON(TRANSFER_ID), scope: "other" }))).toBe("E_NOT_FOUND");
  stand.send("transfer.delete", ON(TRANSFER_ID));
  expect(stand.volume(id).status).toBe("available");
  expect(code(() => accept(stand, "other"))).toBe("E_NOT_FOUND");
});

test("flags are told, kept, and inherited where they make sense", () => {
  const stand = CoreStand.ready();
  const { id } = stand.availableVolume();
  stand.send("volume.flag", { ...ON(id), flags: { bootable: true, readOnly: true } });
  expect(stand.history.at(-1)).toMatchObject({ operation: "volume.flag", detail: "bootable, read-only" });
  const { seq } = stand;
  stand.send("volume.flag", { ...ON(id), flags: { bootable: true } });
  expect(stand.seq).toBe(seq);
  const copy = stand.createVolume({ source: { kind: "volume", volumeId: id }, sizeGib: null });
  expect(copy).toMatchObject({ bootable: true, readOnly: false });
});
