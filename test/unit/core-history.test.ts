import { expect, test } from "vitest";
import { HISTORY_KEPT } from "#shared/model/history.ts";
import { CHAP, CoreStand, ON } from "#test/kit/core-stand.ts";
import { ATTACHMENT_ID, HOST } from "#test/kit/object-states.ts";

/** Each operation that ends is told: who, what, how long, what came of it. */

test("a life is told in order, with who asked and how long it took", () => {
  const stand = CoreStand.ready();
  const { id } = stand.createVolume({ userId: "ann", requestId: "req-ann" });
  stand.nowMs += 250;
  stand.finish(id);
  stand.send("volume.extend", { ...ON(id), userId: "ben", newSizeGib: 3 });
  stand.nowMs += 1_000;
  stand.finish(id);
  stand.send("attachment.connect", { ...ON(id), attachmentId: ATTACHMENT_ID, connector: HOST, chap: CHAP });
  stand.finish(ATTACHMENT_ID);
  stand.send("attachment.disconnect", { ...ON(id), connector: null });
  stand.finish(ATTACHMENT_ID);
  stand.send("volume.update", { ...ON(id), texts: { name: "new", description: "d" } });
  stand.send("volume.delete", { ...ON(id), userId: "cleo" });
  stand.finish(id);
  const told = stand.history.filter(({ objectId }) => objectId === id);
  expect(told.map(({ n, operation, userId, detail, error }) => [n, operation, userId, detail, error])).toEqual([
    [1, "volume.create", "ann", null, null],
    [2, "volume.extend", "ben", "from 1 to 3 GiB", null],
    [3, "attachment.connect", "tester", "h1", null],
    [4, "attachment.disconnect", "tester", "h1", null],
    [5, "volume.update", "tester", "name, description", null],
    [6, "volume.delete", "cleo", null, null],
  ]);
  expect(told.map(({ startedAtMs, endedAtMs }) => endedAtMs - startedAtMs)).toEqual([250, 1_000, 0, 0, 0, 0]);
  expect(told[0]).toMatchObject({ requestId: "req-ann", backendId: 1 });
});

test("what failed says why: a volume that fits nowhere, an extend that was refused, a create that took too long", () => {
  const stand = CoreStand.ready();
  const { id: nowhere } = stand.createVolume({ sizeGib: 100_000 });
  const { id: small } = stand.availableVolume();
  stand.send("volume.extend", { ...ON(small), newSizeGib: 2 });
  stand.finish(small, "not-done", "the disk says no");
  const { id: late } = stand.createVolume();
  stand.tick(stand.state.settings.operationDeadlineMs);
  const failed = stand.history.filter(({ error }) => error !== null);
  expect(failed.map(({ objectId, operation, error }) => [objectId, operation, error?.code])).toEqual([
    [nowhere, "volume.place", "E_NO_PLACEMENT"],
    [small, "volume.extend", "E_BACKEND_FAILED"],
    [late, "volume.create", "E_DEADLINE"],
  ]);
  expect(failed[1]?.error?.message).toBe("the disk says no");
});

test("the last entries are kept, and all go with the tombstone", () => {
  const stand = CoreStand.ready();
  const { id } = stand.availableVolume();
  for (let n = 0; n < HISTORY_KEPT + 5; n++) stand.send("volume.update", { ...ON(id), texts: { name: `n${n}` } });
  stand.send("volume.delete", ON(id));
  stand.finish(id);
  expect(stand.history).toHaveLength(HISTORY_KEPT);
  expect(stand.history.at(-1)?.operation).toBe("volume.delete");
  stand.tick(stand.state.settings.tombstoneTtlMs + 1);
  expect(stand.history).toEqual([]);
});
