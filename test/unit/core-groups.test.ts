import { describe, expect, test } from "vitest";
import { type Group, MAX_GROUP_MEMBERS } from "#shared/model/group.ts";
import type { HistoryEntry } from "#shared/model/history.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import { backendOf, sampleCatalogue } from "#test/kit/catalogue.ts";
import { CoreStand, measurementOf, ON } from "#test/kit/core-stand.ts";

const refusal = (code: string, words: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(words) });

/** Two backends of gold in one zone. */
function stand(): CoreStand {
  return CoreStand.ready(sampleCatalogue({ backends: [backendOf(1), backendOf(2), backendOf(3, { zone: "south" })] }));
}

function groupWith(core: CoreStand, volumes: number): Group {
  const group = core.createGroup();
  for (let n = 0; n < volumes; n++) core.availableVolume({ groupId: group.id });
  return group;
}

function update(core: CoreStand, id: string, addVolumes: string[], removeVolumes: string[] = []): Group {
  return core.send("group.update", { ...ON(id), texts: {}, addVolumes, removeVolumes });
}

function snapshotsOf(core: CoreStand, id: string): Snapshot[] {
  return core.state.snapshotsOfGroup(id);
}

function groupStatus(core: CoreStand, id: string): string | undefined {
  return core.state.get("group", id)?.status;
}

describe("a group's volumes", () => {
  test("are placed where the first is, whatever else would fit; the verdict says so", () => {
    const core = stand();
    const { id } = core.createGroup();
    core.report(1, { capabilities: measurementOf().capabilities.filter((one) => one !== "group-snapshot") });
    expect(core.createVolume({ groupId: id }).backendId).toBe(2);
    core.report(1);
    expect(core.createVolume({ groupId: id }).backendId).toBe(2);
    expect(core.placements.at(-1)?.verdicts[0]).toMatchObject({ backendId: 1, reason: "group-elsewhere" });
    expect(core.createVolume().backendId).toBe(1);
  });

  test("join and leave; a volume from elsewhere, of another flavor or group is refused, and then none joins", () => {
    const core = stand();
    const { id } = core.createGroup();
    const [one, other] = [core.availableVolume(), core.availableVolume()];
    const far = core.availableVolume({ zone: "south", flavor: "silver" });
    update(core, id, [one.id]);
    expect(() => update(core, id, [other.id, far.id])).toThrow(refusal("E_BAD_REQUEST", /no volumes of flavor silver/));
    expect(core.volume(other.id).groupId).toBeNull();
    core.send("group.update", { ...ON(id), texts: { name: "n" }, addVolumes: [], removeVolumes: [one.id] });
    expect(core.volume(one.id).groupId).toBeNull();
    expect(core.state.get("group", id)?.name).toBe("n");

    const second = core.createGroup().id;
    update(core, second, [one.id]);
    expect(() => update(core, id, [one.id])).toThrow(refusal("E_CONFLICT", /is in group/));
    // Asked for twice it is as asked for once.
    update(core, second, [one.id], [other.id]);
    expect(core.state.membersOf(second).map((volume) => volume.id)).toEqual([one.id]);
  });

  test("are not deleted by themselves, and the group not while it has any", () => {
    const core = stand();
    const { id } = groupWith(core, 1);
    const [member] = core.state.membersOf(id);
    expect(() => core.send("volume.delete", ON(member?.id ?? ""))).toThrow(
      refusal("E_WRONG_STATE", /belongs to group/),
    );
    expect(() => core.send("group.delete", { ...ON(id), deleteVolumes: false })).toThrow(
      refusal("E_HAS_DEPENDENTS", new RegExp(`still has 1 volume .*${member?.id}`)),
    );
  });

  test("are as many as a message can name, and no more", () => {
    const core = CoreStand.ready(undefined, {});
    core.report(1, { totalBytes: "infinite", freeBytes: "infinite" });
    const { id } = core.createGroup();
    for (let n = 0; n < MAX_GROUP_MEMBERS; n++) core.createVolume({ groupId: id });
    expect(() => core.createVolume({ groupId: id })).toThrow(refusal("E_CONFLICT", /can have no more/));
  });
});

describe("a group snapshot", () => {
  test("is one job on all its volumes, beside which none of them has another", () => {
    const core = stand();
    const { id } = groupWith(core, 3);
    const taken = core.createGroupSnapshot(id);
    const job = core.job(taken.id);
    expect(job.operation.kind).toBe("group-snapshot.create");
    expect([...job.serialKeys].sort()).toEqual(core.state.membersOf(id).map((volume) => volume.id));
    const extended = core.state.membersOf(id)[0]?.id ?? "";
    core.send("volume.extend", { ...ON(extended), newSizeGib: 2 });
    expect(core.job(extended).dispatched).toBe(false);
    core.finish(taken.id);
    expect(core.job(extended).dispatched).toBe(true);
    expect(snapshotsOf(core, taken.id).map(({ status }) => status)).toEqual(Array(3).fill("available"));
    expect(core.state.get("group-snapshot", taken.id)?.status).toBe("available");
  });

  test("that is refused leaves nothing but a job that removes what it may have left", () => {
    const core = stand();
    const { id } = groupWith(core, 2);
    const taken = core.createGroupSnapshot(id);
    core.finish(taken.id, "not-done", "somebody writes");
    expect(core.state.get("group-snapshot", taken.id)).toMatchObject({ status: "error" });
    expect(snapshotsOf(core, taken.id).map(({ status }) => status)).toEqual(["error", "error"]);
    expect(core.job(taken.id)).toMatchObject({ operation: { kind: "group-snapshot.delete" }, deadlineMs: null });
    // What it claims counts until that is done, and then no more.
    expect(snapshotsOf(core, taken.id).every(({ claim }) => claim.virtualBytes > 0)).toBe(true);
    core.finish(taken.id);
    expect(snapshotsOf(core, taken.id).every(({ claim }) => claim.virtualBytes === 0)).toBe(true);
    expect(core.send("group-snapshot.delete", ON(taken.id))).toBeNull();
    expect(core.state.table("snapshot").size).toBe(0);
  });

  test("needs a backend that can, room for all of it, and its volumes at rest", () => {
    const core = stand();
    const { id } = groupWith(core, 3);
    core.report(1, { capabilities: ["snapshot"] });
    expect(() => core.createGroupSnapshot(id)).toThrow(refusal("E_CONFLICT", /cannot do this \(group-snapshot\)/));
    core.report(1, { objectCount: 3, maxObjects: 5 });
    expect(() => core.createGroupSnapshot(id)).toThrow(refusal("E_NO_CAPACITY", /object-limit/));
    core.report(1);
    core.send("volume.extend", { ...ON(core.state.membersOf(id)[1]?.id ?? ""), newSizeGib: 2 });
    expect(() => core.createGroupSnapshot(id)).toThrow(refusal("E_WRONG_STATE", /is extending/));
    expect(core.state.table("snapshot").size).toBe(0);
    expect(() => core.createGroupSnapshot(core.createGroup().id)).toThrow(refusal("E_BAD_REQUEST", /no volumes/));
  });

  test("goes as a whole: its snapshots not alone, its group not before it, and not before its copies", () => {
    const core = stand();
    const { id } = groupWith(core, 2);
    const taken = core.createGroupSnapshot(id);
    core.finish(taken.id);
    const [first] = snapshotsOf(core, taken.id);
    expect(() => core.send("snapshot.delete", ON(first?.id ?? ""))).toThrow(refusal("E_WRONG_STATE", /group snapshot/));
    expect(() => core.send("group.delete", { ...ON(id), deleteVolumes: true })).toThrow(
      refusal("E_HAS_DEPENDENTS", new RegExp(`group snapshot ${taken.id}`)),
    );
    const copy = core.createVolume({ source: { kind: "snapshot", snapshotId: first?.id ?? "" } });
    expect(() => core.send("group-snapshot.delete", ON(taken.id))).toThrow(
      refusal("E_HAS_DEPENDENTS", new RegExp(`volume ${copy.id}, being copied`)),
    );
    core.finish(copy.id);
    core.send("group-snapshot.delete", ON(taken.id));
    core.finish(taken.id);
    expect(core.state.table("group-snapshot").size + core.state.table("snapshot").size).toBe(0);
    expect([...core.state.table("tombstone").keys()]).toEqual(expect.arrayContaining([taken.id, first?.id]));
  });

  test("that is over and was done again is mended: a snapshot without a record goes", () => {
    const core = stand();
    const taken = core.createGroupSnapshot(groupWith(core, 2).id);
    const job = core.job(taken.id);
    core.finish(taken.id);
    core.send("group-snapshot.delete", ON(taken.id));
    core.finish(taken.id);
    core.answer(job, "done");
    const kinds = [...core.state.table("leftover").values()].map(({ snapshot }) => snapshot?.id).sort();
    expect(kinds).toEqual(
      job.operation.kind === "group-snapshot.create"
        ? job.operation.members.map(({ snapshot }) => snapshot.id).sort()
        : [],
    );
  });
});

describe("a copy of a group", () => {
  test("is there at once with all its volumes, when the last of them is made", () => {
    const core = stand();
    const taken = core.createGroupSnapshot(groupWith(core, 2).id);
    core.finish(taken.id);
    const copy = core.createGroup({ source: { kind: "group-snapshot", groupSnapshotId: taken.id } });
    const [one, other] = core.state.membersOf(copy.id);
    core.finish(one?.id ?? "");
    expect(groupStatus(core, copy.id)).toBe("creating");
    expect(core.volume(one?.id ?? "").status).toBe("creating");
    core.finish(other?.id ?? "");
    expect(groupStatus(core, copy.id)).toBe("available");
    expect(core.state.membersOf(copy.id).map(({ status }) => status)).toEqual(["available", "available"]);
  });

  test("of which one volume cannot be made goes again, all of it", () => {
    const core = stand();
    const source = groupWith(core, 2);
    const copy = core.createGroup({ source: { kind: "group", groupId: source.id } });
    const [one, other] = core.state.membersOf(copy.id);
    core.finish(one?.id ?? "");
    core.finish(other?.id ?? "", "not-done", "broken");
    expect(core.state.get("group", copy.id)).toMatchObject({
      status: "error",
      lastError: { message: /broken|no backend/ },
    });
    expect(core.volume(one?.id ?? "").status).toBe("deleting");
    core.finish(one?.id ?? "");
    expect(core.state.membersOf(copy.id)).toEqual([]);
    expect(core.send("group.delete", { ...ON(copy.id), deleteVolumes: false })).toBeNull();
  });

  test("that has no room for all is refused, and nothing of it is there", () => {
    const core = stand();
    const source = core.createGroup();
    for (let n = 0; n < 2; n++) core.availableVolume({ groupId: source.id, sizeGib: 30 });
    core.report(1, { freeBytes: 40 * 1024 ** 3, provisioned: { scope: "pool", bytes: 60 * 1024 ** 3 } });
    const volumes = core.state.table("volume").size;
    expect(() => core.createGroup({ source: { kind: "group", groupId: source.id } })).toThrow(
      refusal("E_NO_CAPACITY", /cannot be copied/),
    );
    expect(core.state.table("volume").size).toBe(volumes);
    expect(core.state.table("group").size).toBe(1);
  });

  test("keeps its source at rest until it is made, so that it is of one instant", () => {
    const core = stand();
    const source = groupWith(core, 2);
    core.createGroup({ source: { kind: "group", groupId: source.id } });
    const [member] = core.state.membersOf(source.id);
    const connector = { host: "h", ip: null, initiator: null, multipath: false };
    const chap = { username: "u", sealedSecret: "s" };
    expect(() =>
      core.send("attachment.connect", {
        ...ON(member?.id ?? ""),
        attachmentId: core.state.table("volume").size.toString(),
        connector,
        chap,
      }),
    ).toThrow(refusal("E_CONFLICT", /being copied with its group/));
    expect(() => core.send("group.delete", { ...ON(source.id), deleteVolumes: true })).toThrow(
      refusal("E_HAS_DEPENDENTS", /being copied from it/),
    );
  });
});

test("a group and its volumes go together, or stay together", () => {
  const core = stand();
  const { id } = groupWith(core, 2);
  const [one, other] = core.state.membersOf(id);
  const snapshot = { scope: null, userId: "u", name: "", description: "", metadata: {}, force: false, requestId: "r" };
  core.send("snapshot.create", { ...snapshot, id: one?.id.replace(/.$/, "f") ?? "", volumeId: other?.id ?? "" });
  expect(() => core.send("group.delete", { ...ON(id), deleteVolumes: true })).toThrow(
    refusal("E_HAS_DEPENDENTS", /still has snapshot/),
  );
  expect(core.volume(one?.id ?? "").status).toBe("available");
  const left = groupWith(core, 1);
  core.send("group.delete", { ...ON(left.id), deleteVolumes: true });
  expect(groupStatus(core, left.id)).toBe("deleting");
  core.finish(core.state.membersOf(left.id)[0]?.id ?? "");
  expect(groupStatus(core, left.id)).toBeUndefined();
});

test("what happened to a group stands in its history, its volumes' and its snapshots'", () => {
  const core = stand();
  const told: HistoryEntry[] = [];
  const add = core.state.addHistory.bind(core.state);
  core.state.addHistory = (entry) => {
    told.push(entry);
    add(entry);
  };
  const { id } = groupWith(core, 1);
  const taken = core.createGroupSnapshot(id);
  core.finish(taken.id);
  const of = (objectId: string): string[] =>
    told.filter((entry) => entry.objectId === objectId).map(({ operation }) => operation);
  expect(of(id)).toEqual(["group.create", "group-snapshot.create"]);
  expect(of(taken.id)).toEqual(["group-snapshot.create"]);
  expect(of(snapshotsOf(core, taken.id)[0]?.id ?? "")).toEqual(["group-snapshot.create"]);
});
