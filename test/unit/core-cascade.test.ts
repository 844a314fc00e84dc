import { describe, expect, it } from "vitest";
import { BerthError } from "#shared/errors.ts";
import type { JobOwner } from "#shared/model/job.ts";
import { CHAP, CoreStand, ON } from "#test/kit/core-stand.ts";
import { ATTACHMENT_ID, ENTER_VOLUME, HOST, offer } from "#test/kit/object-states.ts";
import { uuid } from "#test/kit/records.ts";

const [FIRST, SECOND] = [uuid(0x51), uuid(0x52)];

function snapshot(stand: CoreStand, volumeId: string, id: string): void {
  const texts = { name: "", description: "", metadata: {}, userId: "u", requestId: "r" };
  stand.send("snapshot.create", { id, scope: null, volumeId, ...texts, force: false });
  stand.finish(id);
}

/** Of a volume with two snapshots. */
function family(): { stand: CoreStand; id: string } {
  const stand = CoreStand.ready();
  const { id } = stand.availableVolume();
  snapshot(stand, id, FIRST);
  snapshot(stand, id, SECOND);
  return { stand, id };
}

function jobs(stand: CoreStand): [JobOwner["kind"], string][] {
  return [...stand.state.table("job").values()].map(({ owner, operation }) => [owner.kind, operation.kind]);
}

function refusal(ask: () => unknown): BerthError {
  try {
    ask();
  } catch (error) {
    if (error instanceof BerthError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

describe("a volume that is deleted with its snapshots", () => {
  it("goes after the last of them", () => {
    const { stand, id } = family();
    expect(stand.send("volume.delete", { ...ON(id), cascade: true })?.status).toBe("deleting");
    expect(jobs(stand)).toEqual([
      ["snapshot", "snapshot.delete"],
      ["snapshot", "snapshot.delete"],
    ]);
    stand.finish(FIRST);
    expect(jobs(stand)).toEqual([["snapshot", "snapshot.delete"]]);
    stand.finish(SECOND);
    expect(jobs(stand)).toEqual([["volume", "volume.delete"]]);
    stand.finish(id);
    expect(stand.state.get("volume", id)).toBeUndefined();
    expect(stand.state.table("snapshot").size).toBe(0);
    expect(stand.state.unsettled.size).toBe(0);
  });

  it("is deleted as ever where it has none, and is refused with them where that was not said", () => {
    const { stand, id } = family();
    expect(refusal(() => stand.send("volume.delete", ON(id))).code).toBe("E_HAS_DEPENDENTS");
    const plain = stand.availableVolume().id;
    stand.send("volume.delete", { ...ON(plain), cascade: true });
    expect(jobs(stand)).toEqual([["volume", "volume.delete"]]);
  });

  it("stays, with all its snapshots, while something stands on one of them", () => {
    const { stand, id } = family();
    stand.createVolume({ source: { kind: "snapshot", snapshotId: SECOND }, sizeGib: null });
    const before = stand.seq;
    const refused = refusal(() => stand.send("volume.delete", { ...ON(id), cascade: true }));
    expect([refused.code, refused.message]).toEqual(["E_HAS_DEPENDENTS", expect.stringContaining(SECOND)]);
    expect(stand.seq).toBe(before);
    expect(stand.volume(id).status).toBe("available");
    expect(stand.state.get("snapshot", FIRST)?.status).toBe("available");
  });

  it("stays while a snapshot is another project's, but for an administrator", () => {
    const { stand, id } = family();
    const taken = stand.state.get("snapshot", FIRST);
    if (taken === undefined) throw new Error("there is no snapshot");
    stand.state.put("snapshot", { ...taken, projectId: "stranger" });
    const scope = stand.volume(id).projectId;
    const refused = refusal(() => stand.send("volume.delete", { ...ON(id), scope, cascade: true }));
    expect([refused.code, refused.message]).toEqual(["E_HAS_DEPENDENTS", expect.stringContaining("another project")]);
    expect(stand.send("volume.delete", { ...ON(id), cascade: true })?.status).toBe("deleting");
  });

  it("stays while it is being copied", () => {
    const { stand, id } = family();
    stand.createVolume({ source: { kind: "volume", volumeId: id }, sizeGib: null });
    expect(refusal(() => stand.send("volume.delete", { ...ON(id), cascade: true })).code).toBe("E_HAS_DEPENDENTS");
  });

  it("stays while it is attached, or a snapshot is of a group", () => {
    const { stand, id } = family();
    stand.send("attachment.connect", { ...ON(id), attachmentId: ATTACHMENT_ID, connector: HOST, chap: CHAP });
    stand.finish(ATTACHMENT_ID);
    expect(refusal(() => stand.send("volume.delete", { ...ON(id), cascade: true })).code).toBe("E_WRONG_STATE");
    const group = stand.createGroup();
    const member = stand.availableVolume({ groupId: group.id });
    const taken = stand.createGroupSnapshot(group.id);
    stand.finish(taken.id);
    stand.send("group.update", { ...ON(group.id), texts: {}, addVolumes: [], removeVolumes: [member.id] });
    const refused = refusal(() => stand.send("volume.delete", { ...ON(member.id), cascade: true }));
    expect(refused.message).toMatch(/group snapshot/);
  });

  it("says in time that a snapshot does not go, and follows it all the same", () => {
    const { stand, id } = family();
    stand.send("volume.delete", { ...ON(id), cascade: true });
    stand.finish(FIRST);
    stand.finish(SECOND, "not-done", "device is busy");
    stand.tick(stand.state.settings.operationDeadlineMs);
    expect(stand.volume(id)).toMatchObject({
      status: "error_deleting",
      lastError: { code: "E_DEADLINE", message: expect.stringContaining(SECOND) },
    });
    // Asked again, without a word of the snapshots: it is the same.
    expect(stand.send("volume.delete", ON(id))?.status).toBe("deleting");
    stand.finish(SECOND);
    stand.finish(id);
    expect(stand.state.get("volume", id)).toBeUndefined();
  });

  it("waits for both where it could not be grown before", () => {
    const { stand, id } = family();
    stand.send("volume.extend", { ...ON(id), newSizeGib: 2 });
    stand.tick(stand.state.settings.operationDeadlineMs);
    expect(stand.volume(id).status).toBe("error_extending");
    stand.send("volume.delete", { ...ON(id), cascade: true });
    stand.finish(id);
    expect(stand.volume(id)).toMatchObject({ status: "deleting", sizeGib: 2 });
    expect(jobs(stand).map(([, kind]) => kind)).toEqual(["snapshot.delete", "snapshot.delete"]);
    stand.finish(FIRST);
    stand.finish(SECOND);
    stand.finish(id);
    expect(stand.state.get("volume", id)).toBeUndefined();
  });
});

describe("deleting by force", () => {
  it.each(["reserved", "attaching", "awaiting-transfer", "extending", "creating", "error"] as const)(
    "takes a volume that is %s, and nothing of it stays",
    (status) => {
      const stand = CoreStand.ready();
      const id = ENTER_VOLUME[status](stand);
      stand.send("volume.delete", { ...ON(id), force: true });
      for (let n = 0; n < 5; n++) for (const job of stand.state.table("job").values()) stand.answer(job, "done");
      for (const kind of ["volume", "attachment", "transfer", "job", "leftover"] as const)
        expect([...stand.state.table(kind).values()], kind).toEqual([]);
    },
  );

  it("leaves what a host has attached", () => {
    const stand = CoreStand.ready();
    const id = ENTER_VOLUME["in-use"](stand);
    expect(refusal(() => stand.send("volume.delete", { ...ON(id), force: true })).code).toBe("E_WRONG_STATE");
    expect(stand.volume(id).status).toBe("in-use");
  });

  it("is no way around who offers it, without force", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    offer(stand, id);
    expect(refusal(() => stand.send("volume.delete", ON(id))).code).toBe("E_WRONG_STATE");
  });
});
