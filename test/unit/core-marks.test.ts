import { expect, test } from "vitest";
import type { Operation } from "#shared/model/operation.ts";
import { CoreStand, ON } from "#test/kit/core-stand.ts";
import { offer, TRANSFER_ID } from "#test/kit/object-states.ts";
import { uuid } from "#test/kit/records.ts";

/** What stands beside an object on its backend says what its record says, for when the ledger is lost. */

const CAPABILITIES = ["snapshot", "extend", "connect", "marks"] as const;

function marking(): CoreStand {
  const stand = CoreStand.ready();
  for (const { id } of stand.state.catalogue.catalogue.backends) stand.report(id, { capabilities: [...CAPABILITIES] });
  return stand;
}

function marks(stand: CoreStand): Extract<Operation, { kind: "mark.write" }>[] {
  return [...stand.state.table("job").values()].flatMap(({ operation }) =>
    operation.kind === "mark.write" ? [operation] : [],
  );
}

test("a new name is written into the mark; other texts are not in it", () => {
  const stand = marking();
  const { id } = stand.availableVolume({ name: "old" });
  stand.send("volume.update", { ...ON(id), texts: { description: "d" } });
  expect(marks(stand)).toEqual([]);
  stand.send("volume.update", { ...ON(id), texts: { name: "new" } });
  expect(marks(stand)).toMatchObject([
    { volume: { id }, snapshot: null, mark: { projectId: "default", flavorName: "gold", name: "new" } },
  ]);
  stand.finish(id);
  expect(stand.state.table("job").size).toBe(0);
});

test("of two changes the later stands, whatever the queue does: the job is turned", () => {
  const stand = marking();
  const { id } = stand.availableVolume();
  for (const name of ["one", "two"]) stand.send("volume.update", { ...ON(id), texts: { name } });
  expect(marks(stand).map(({ mark }) => mark.name)).toEqual(["two"]);
  expect(stand.job(id).attempt).toBe(2);
});

test("a volume that was renamed while it was made is marked anew", () => {
  const stand = marking();
  const { id } = stand.createVolume({ name: "old" });
  stand.send("volume.update", { ...ON(id), texts: { name: "new" } });
  expect(marks(stand)).toEqual([]);
  stand.finish(id);
  expect(marks(stand).map(({ mark }) => mark.name)).toEqual(["new"]);
});

test("what is handed over bears its new project, the snapshots as well", () => {
  const stand = marking();
  const { id } = stand.availableVolume();
  const snapshotId = uuid(0x54);
  const words = { name: "s", description: "", metadata: {}, force: false };
  stand.send("snapshot.create", { ...ON(snapshotId), ...words, volumeId: id });
  stand.finish(snapshotId);
  const { keyHash } = offer(stand, id);
  stand.send("transfer.accept", { id: TRANSFER_ID, projectId: "other", keyHash, userId: "u", requestId: "r" });
  expect(marks(stand).map(({ snapshot, mark }) => [snapshot?.id ?? null, mark.projectId])).toEqual([
    [null, "other"],
    [snapshotId, "other"],
  ]);
});

test("a backend without marks is not asked for them; work on the volume goes on beside a mark that fails", () => {
  const plain = CoreStand.ready();
  const { id: unmarked } = plain.availableVolume();
  plain.send("volume.update", { ...ON(unmarked), texts: { name: "new" } });
  expect(plain.state.table("job").size).toBe(0);

  const stand = marking();
  const { id } = stand.availableVolume();
  stand.send("volume.update", { ...ON(id), texts: { name: "new" } });
  stand.finish(id, "unknown");
  stand.send("volume.delete", ON(id));
  const removal = stand.sent.at(-1);
  expect(removal?.operation.kind).toBe("volume.delete");
  if (removal !== undefined) stand.answer(removal, "done");
  stand.tick(60_000);
  stand.finish(id, "not-done");
  expect(stand.state.table("job").size).toBe(0);
});
