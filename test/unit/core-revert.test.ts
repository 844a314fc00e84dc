import { describe, expect, test } from "vitest";
import type { JobResult } from "#shared/protocol/result.ts";
import { CoreStand, measurementOf, ON } from "#test/kit/core-stand.ts";
import { uuid } from "#test/kit/records.ts";

const refusal = (code: string, words: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(words) });

function snapshotOf(core: CoreStand, volumeId: string, n: number): string {
  const id = uuid(0x5000 + n);
  const rest = { scope: null, userId: "u", name: "", description: "", metadata: {}, force: true, requestId: "r" };
  core.nowMs += 1;
  core.send("snapshot.create", { ...rest, id, volumeId });
  core.finish(id);
  return id;
}

/** A volume with one snapshot. */
function ready(): { core: CoreStand; id: string; snapshotId: string } {
  const core = CoreStand.ready();
  const { id } = core.availableVolume({ sizeGib: 2 });
  return { core, id, snapshotId: snapshotOf(core, id, 1) };
}

describe("a revert", () => {
  test("takes space for both contents while it goes on, keeps the snapshot, and ends at rest", () => {
    const { core, id, snapshotId } = ready();
    const before = core.state.space.backend(1).unmeasuredPhysicalBytes;
    core.send("volume.revert", { ...ON(id), snapshotId });
    expect(core.volume(id).status).toBe("reverting");
    expect(core.state.space.backend(1).unmeasuredPhysicalBytes - before).toBe(2 * 1024 ** 3);
    expect(() => core.send("snapshot.delete", ON(snapshotId))).toThrow(refusal("E_HAS_DEPENDENTS", /going back to it/));
    core.finish(id);
    expect(core.volume(id)).toMatchObject({ status: "available", revertTo: null, lastError: null });
    expect(core.state.space.backend(1).unmeasuredPhysicalBytes).toBe(before);
    core.send("snapshot.delete", ON(snapshotId));
  });

  test("that the backend refuses leaves the volume as it was, with the reason", () => {
    const { core, id, snapshotId } = ready();
    core.send("volume.revert", { ...ON(id), snapshotId });
    core.finish(id, "not-done", "no way");
    expect(core.volume(id)).toMatchObject({ status: "available", revertTo: null, lastError: { message: "no way" } });
  });

  test("past its deadline goes on, and can be asked for again", () => {
    const { core, id, snapshotId } = ready();
    core.send("volume.revert", { ...ON(id), snapshotId });
    core.tick(core.state.settings.operationDeadlineMs);
    expect(core.volume(id).status).toBe("error_reverting");
    core.send("volume.revert", { ...ON(id), snapshotId });
    expect(core.volume(id).status).toBe("reverting");
    expect(core.state.table("job").size).toBe(1);
    core.finish(id);
    expect(core.volume(id).status).toBe("available");
  });

  test("is to the newest snapshot only, of the same size, of the same volume, by a backend that can", () => {
    const { core, id, snapshotId } = ready();
    const newer = snapshotOf(core, id, 2);
    const ask = (to: string) => () => core.send("volume.revert", { ...ON(id), snapshotId: to });
    expect(ask(snapshotId)).toThrow(refusal("E_CONFLICT", new RegExp(`not the newest .*${newer}`)));
    const other = core.availableVolume();
    expect(() => core.send("volume.revert", { ...ON(other.id), snapshotId })).toThrow(
      refusal("E_BAD_REQUEST", /not of/),
    );
    core.report(1, { capabilities: measurementOf().capabilities.filter((one) => one !== "revert") });
    expect(ask(newer)).toThrow(refusal("E_CONFLICT", /cannot do this \(revert\)/));
    core.report(1);
    core.send("volume.extend", { ...ON(id), newSizeGib: 3 });
    core.finish(id);
    expect(ask(newer)).toThrow(refusal("E_CONFLICT", /extended after the snapshot, from 2 to 3 GiB/));
  });

  test("needs the volume at rest", () => {
    const { core, id, snapshotId } = ready();
    const connector = { host: "h", ip: null, initiator: null, multipath: false };
    const chap = { username: "u", sealedSecret: "s" };
    core.send("attachment.connect", { ...ON(id), attachmentId: uuid(0xaa), connector, chap });
    core.finish(uuid(0xaa));
    expect(() => core.send("volume.revert", { ...ON(id), snapshotId })).toThrow(
      refusal("E_WRONG_STATE", /is in-use; revert needs it to be available: disconnect/),
    );
  });
});

describe("a copy that the driver says to need its source", () => {
  const answered = (core: CoreStand, ownerId: string, more: Partial<JobResult>): void => {
    const { id: jobId, attempt, backendId, operation } = core.job(ownerId);
    const rest = { version: 2 as const, agentId: "a", outcome: "done" as const, error: null, durationMs: 1 };
    const nothing = { providerId: null, properties: null, connectionInfo: null };
    core.send("job.result", { ...rest, ...nothing, jobId, attempt, backendId, operation, ...more });
  };

  test("keeps its volume from being deleted, and is named; when it is gone, it may", () => {
    const core = CoreStand.ready();
    const { id } = core.availableVolume();
    const copy = core.createVolume({ source: { kind: "volume", volumeId: id } });
    answered(core, copy.id, { dependsOnSource: true });
    expect(core.volume(copy.id).parent).toEqual({ kind: "volume", id });
    expect(() => core.send("volume.delete", ON(id))).toThrow(
      refusal("E_HAS_DEPENDENTS", new RegExp(`volume ${copy.id}, a copy that needs it`)),
    );
    core.send("volume.delete", ON(copy.id));
    expect(() => core.send("volume.delete", ON(id))).toThrow(refusal("E_HAS_DEPENDENTS", /needs it/));
    core.finish(copy.id);
    expect(core.send("volume.delete", ON(id))?.status).toBe("deleting");
  });

  test("keeps its snapshot, until the driver says that it stands by itself", () => {
    const { core, snapshotId } = ready();
    const copy = core.createVolume({ sizeGib: 2, source: { kind: "snapshot", snapshotId } });
    answered(core, copy.id, { dependsOnSource: true });
    expect(() => core.send("snapshot.delete", ON(snapshotId))).toThrow(refusal("E_HAS_DEPENDENTS", /needs it/));
    core.send("volume.extend", { ...ON(copy.id), newSizeGib: 3 });
    answered(core, copy.id, { dependsOnSource: false });
    expect(core.volume(copy.id).parent).toBeNull();
    expect(core.send("snapshot.delete", ON(snapshotId))?.status).toBe("deleting");
  });

  test("keeps nothing where the driver says nothing", () => {
    const core = CoreStand.ready();
    const { id } = core.availableVolume();
    const copy = core.availableVolume({ source: { kind: "volume", volumeId: id } });
    expect(core.volume(copy.id).parent).toBeNull();
    expect(core.send("volume.delete", ON(id))?.status).toBe("deleting");
  });
});
