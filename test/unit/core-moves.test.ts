import { describe, expect, test } from "vitest";
import { objectIdOf } from "#scheduler/core/refs.ts";
import type { Volume } from "#shared/model/volume.ts";
import { gibToBytes } from "#shared/units.ts";
import { GOLD_ID, SILVER_ID, sampleCatalogue } from "#test/kit/catalogue.ts";
import { CoreStand, ON } from "#test/kit/core-stand.ts";
import { ENTER_VOLUME, MEANS } from "#test/kit/object-states.ts";
import { uuid } from "#test/kit/records.ts";

const SNAPSHOT = {
  id: uuid(0x51),
  scope: null,
  userId: "u",
  name: "",
  description: "",
  metadata: {},
  force: false,
  requestId: "r",
};

function migrate(stand: CoreStand, id: string, backend: string | null, zone: string | null = null): Volume {
  return stand.send("volume.migrate", { ...ON(id), ...MEANS, to: { backend, zone }, forceCopy: false });
}

function retype(stand: CoreStand, id: string, flavor: string, policy: "never" | "on-demand" = "on-demand"): Volume {
  return stand.send("volume.retype", { ...ON(id), ...MEANS, flavor, policy });
}

function kinds(stand: CoreStand): string[] {
  return [...stand.state.table("job").values()].map(({ operation, backendId }) => `${operation.kind} on ${backendId}`);
}

/** What is taken of a backend beside its report. */
function takenGib(stand: CoreStand, backendId: number): number {
  return stand.state.space.backend(backendId).unmeasuredVirtualBytes / gibToBytes(1);
}

describe("a migration by copying", () => {
  test("makes, copies, switches, and removes the source; both ends have space reserved meanwhile", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume({ sizeGib: 10 });
    expect(migrate(stand, id, "2")).toMatchObject({ status: "maintenance", backendId: 1 });
    expect([takenGib(stand, 1), takenGib(stand, 2)]).toEqual([10, 10]);
    expect(kinds(stand)).toEqual(["volume.create on 2"]);
    stand.finish(id);
    expect(kinds(stand)).toEqual(["volume.copy on 2"]);
    expect(stand.job(id).operation).toMatchObject({
      volume: { id: MEANS.targetId },
      source: { kind: "local", backendId: 1, volume: { id } },
    });
    expect(stand.volume(id)).toMatchObject({ backendId: 1, nameId: null });
    stand.finish(id);
    expect(stand.volume(id)).toMatchObject({
      status: "available",
      backendId: 2,
      nameId: MEANS.targetId,
      move: null,
      migrated: "success",
    });
    expect(kinds(stand)).toEqual(["volume.delete on 1"]);
    const [leftover] = [...stand.state.table("leftover").values()];
    stand.finish(leftover?.id ?? "");
    for (const backend of [1, 2]) stand.report(backend);
    expect([takenGib(stand, 1), takenGib(stand, 2)]).toEqual([0, 0]);
    // What comes next is done to the new object.
    stand.send("volume.delete", ON(id));
    expect(stand.job(id).operation).toMatchObject({ volume: { id: MEANS.targetId } });
  });

  test("to another zone lets the agent there in first; when that fails, it is sent away and nothing is left", () => {
    const gold = { id: GOLD_ID, name: "gold", description: "", backends: [1, 2, 3] };
    const stand = CoreStand.ready(sampleCatalogue({ flavors: [gold] }));
    const { id } = stand.availableVolume({ zone: "north" });
    migrate(stand, id, null, "south");
    stand.finish(id);
    expect(kinds(stand)).toEqual(["attachment.connect on 1"]);
    // Whoever lists the volume sees no host.
    expect(stand.state.attachmentsOf(id)).toEqual([]);
    stand.finish(id);
    expect(kinds(stand)).toEqual(["volume.copy on 3"]);
    stand.finish(id, "not-done", "unreadable");
    expect(stand.volume(id)).toMatchObject({
      status: "available",
      backendId: 1,
      migrated: "error",
      lastError: { message: "unreadable" },
    });
    expect(kinds(stand).sort()).toEqual(["attachment.disconnect on 1", "volume.delete on 3"]);
    for (const job of stand.state.table("job").values()) stand.answer(job, "done");
    expect(stand.volume(id)).toMatchObject({ status: "available", zone: "north", requestedZone: "north" });
  });

  test("follows the zone that was asked for, once it is there", () => {
    const gold = { id: GOLD_ID, name: "gold", description: "", backends: [1, 2, 3] };
    const stand = CoreStand.ready(sampleCatalogue({ flavors: [gold] }));
    const { id } = stand.availableVolume({ zone: "north" });
    migrate(stand, id, "3");
    for (let step = 0; step < 3; step++) stand.finish(id);
    expect(stand.volume(id)).toMatchObject({ backendId: 3, zone: "south", requestedZone: "south" });
  });

  test("that the destination has no room for is undone, and it is not asked for that size again before it is measured", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    migrate(stand, id, "2");
    stand.finish(id);
    stand.finish(id, "no-space");
    expect(stand.volume(id)).toMatchObject({ status: "available", backendId: 1 });
    expect(() => migrate(stand, id, "2")).toThrow(expect.objectContaining({ code: "E_NO_PLACEMENT" }));
  });

  test("is called back at any step: the step's job becomes the removal, and never runs beside it", () => {
    for (const steps of [0, 1]) {
      const stand = CoreStand.ready();
      const { id } = stand.availableVolume();
      migrate(stand, id, "2");
      for (let step = 0; step < steps; step++) stand.finish(id);
      const job = stand.job(id);
      stand.send("volume.cancel-move", ON(id));
      expect(stand.volume(id)).toMatchObject({ status: "available", backendId: 1, move: null });
      expect(stand.state.get("job", job.id)).toMatchObject({ operation: { kind: "volume.delete" }, attempt: 2 });
      // A late result of the step counts for nothing.
      stand.answer(job, "done");
      expect(stand.volume(id)).toMatchObject({ status: "available", backendId: 1 });
    }
  });

  test("moves its deadline on while it gets on", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    migrate(stand, id, "2");
    stand.finish(id);
    const { operationDeadlineMs } = stand.state.settings;
    const { id: jobId, attempt } = stand.job(id);
    const totalBytes = gibToBytes(1);
    for (let part = 1; part <= 3; part++) {
      stand.tick(operationDeadlineMs - 1);
      const doneBytes = (part * totalBytes) / 4;
      const told = {
        version: 2 as const,
        jobId,
        attempt,
        agentId: "a",
        doneBytes,
        totalBytes,
        checkpointBytes: doneBytes,
      };
      expect(stand.send("job.progress", told)).toMatchObject({ goOn: true });
      expect(stand.volume(id).status).toBe("maintenance");
    }
    stand.tick(operationDeadlineMs);
    expect(stand.volume(id)).toMatchObject({ status: "available", lastError: { code: "E_DEADLINE" } });
  });

  test("is refused where it cannot be, with what would be needed", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    const refusal = (ask: () => unknown, code: string, words: RegExp): void => {
      expect(ask).toThrow(expect.objectContaining({ code, message: expect.stringMatching(words) }));
    };
    refusal(() => migrate(stand, id, "1"), "E_BAD_REQUEST", /is on backend backend-1 already/);
    refusal(() => migrate(stand, id, "3"), "E_CONFLICT", /gold is not to be had on backend backend-3.*retype/);
    refusal(() => migrate(stand, id, "9"), "E_NOT_FOUND", /Backend 9/);
    refusal(() => migrate(stand, id, null, "south"), "E_NO_PLACEMENT", /backend-2: wrong-zone/);
    stand.report(2, { capabilities: [] });
    refusal(() => migrate(stand, id, "2"), "E_NO_PLACEMENT", /capability-missing/);
    stand.report(2, { freeBytes: 0 });
    refusal(() => migrate(stand, id, "2"), "E_NO_PLACEMENT", /not-enough-free/);
    stand.report(2);
    stand.send("snapshot.create", { ...SNAPSHOT, volumeId: id });
    stand.finish(SNAPSHOT.id);
    refusal(() => migrate(stand, id, "2"), "E_HAS_DEPENDENTS", /cannot be moved by copying: it still has snapshot/);
    const used = ENTER_VOLUME["in-use"](stand);
    refusal(
      () => migrate(stand, used, "2"),
      "E_WRONG_STATE",
      /is in-use; migrate needs it to be available: disconnect/,
    );
    const moving = ENTER_VOLUME.maintenance(stand);
    refusal(() => stand.send("volume.delete", ON(moving)), "E_WRONG_STATE", /is maintenance.*cancel/);
    expect(migrate(stand, moving, "2")).toEqual(stand.volume(moving));
  });
});

describe("a migration by the storage system", () => {
  const ARRAY = { arrayId: "array", capabilities: ["migrate", "copy"] as const };

  function stand(): CoreStand {
    const made = CoreStand.ready();
    for (const id of [1, 2]) made.report(id, { arrayId: ARRAY.arrayId, capabilities: [...ARRAY.capabilities] });
    return made;
  }

  test("is one job of the source's backend", () => {
    const made = stand();
    const { id } = made.availableVolume();
    migrate(made, id, "2");
    expect(kinds(made)).toEqual(["volume.migrate on 1"]);
    made.finish(id);
    expect(made.volume(id)).toMatchObject({ status: "available", backendId: 2, nameId: MEANS.targetId });
  });

  test("cannot be called back, and is not undone at its deadline: nobody else knows how far it is", () => {
    const made = stand();
    const { id } = made.availableVolume();
    migrate(made, id, "2");
    expect(() => made.send("volume.cancel-move", ON(id))).toThrow(expect.objectContaining({ code: "E_CONFLICT" }));
    made.tick(made.state.settings.operationDeadlineMs);
    expect(made.volume(id)).toMatchObject({ status: "maintenance", lastError: { code: "E_DEADLINE" } });
    made.finish(id);
    expect(made.volume(id)).toMatchObject({ status: "available", backendId: 2 });
  });

  test("that was refused leaves nothing to be removed: what may yet come there would be all of it", () => {
    const made = stand();
    const { id } = made.availableVolume();
    migrate(made, id, "2");
    made.finish(id, "not-done");
    expect(made.volume(id)).toMatchObject({ status: "available", backendId: 1 });
    expect(kinds(made)).toEqual([]);
  });

  test("can be done by copying instead", () => {
    const made = stand();
    const { id } = made.availableVolume();
    made.send("volume.migrate", { ...ON(id), ...MEANS, to: { backend: "2", zone: null }, forceCopy: true });
    expect(kinds(made)).toEqual(["volume.create on 2"]);
  });
});

describe("a change of flavor", () => {
  const silver = (limits: object) => ({
    quotas: { default: { flavors: { silver: limits } }, projects: {} },
    flavors: [
      { id: GOLD_ID, name: "gold", description: "", backends: [1, 2] },
      { id: SILVER_ID, name: "silver", description: "", backends: [1, 3] },
    ],
  });

  test("in place is done at once where the backend has nothing to do with it, with its snapshots", () => {
    const stand = CoreStand.ready(sampleCatalogue(silver({})));
    const { id } = stand.availableVolume();
    stand.send("snapshot.create", { ...SNAPSHOT, volumeId: id });
    stand.finish(SNAPSHOT.id);
    expect(retype(stand, id, "silver", "never")).toMatchObject({ status: "available", flavorId: SILVER_ID });
    expect(stand.state.usage.ofFlavor("default", SILVER_ID)).toEqual({ volumes: 1, snapshots: 1, gib: 2 });
    expect(stand.state.usage.ofFlavor("default", GOLD_ID)).toEqual({ volumes: 0, snapshots: 0, gib: 0 });
    expect(kinds(stand)).toEqual([]);
  });

  test("in place is a job where the backend is to be told", () => {
    const stand = CoreStand.ready(sampleCatalogue(silver({})));
    stand.report(1, { capabilities: ["retype"] });
    const { id } = stand.availableVolume();
    expect(retype(stand, id, "silver", "never")).toMatchObject({ status: "retyping", flavorId: GOLD_ID });
    expect(stand.job(id).operation).toMatchObject({ kind: "volume.retype", mark: { flavorName: "silver" } });
    stand.finish(id, "not-done", "no such tier");
    expect(stand.volume(id)).toMatchObject({
      status: "available",
      flavorId: GOLD_ID,
      lastError: { message: "no such tier" },
    });
    retype(stand, id, "silver");
    stand.finish(id);
    expect(stand.volume(id)).toMatchObject({ status: "available", flavorId: SILVER_ID, backendId: 1 });
  });

  test("elsewhere needs the policy, and then is a migration in its zone", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    expect(() => retype(stand, id, "silver", "never")).toThrow(
      expect.objectContaining({
        code: "E_CONFLICT",
        message: expect.stringMatching(/would have to be moved.*on-demand/),
      }),
    );
    expect(retype(stand, id, "silver")).toMatchObject({ status: "retyping", flavorId: GOLD_ID });
    for (let step = 0; step < 2; step++) stand.finish(id);
    expect(stand.volume(id)).toMatchObject({ status: "available", flavorId: SILVER_ID, backendId: 2 });
  });

  test("needs the new flavor's quota, from the request on", () => {
    const stand = CoreStand.ready(sampleCatalogue(silver({ gib: 3 })));
    stand.report(1, { capabilities: ["retype"] });
    const [one, other] = [stand.availableVolume({ sizeGib: 2 }), stand.availableVolume({ sizeGib: 2 })];
    retype(stand, one.id, "silver");
    expect(() => retype(stand, other.id, "silver")).toThrow(expect.objectContaining({ code: "E_QUOTA" }));
    stand.finish(one.id, "not-done");
    expect(retype(stand, other.id, "silver").status).toBe("retyping");
  });
});

test("an object's id is its volume's own until it is moved", () => {
  const stand = CoreStand.ready();
  const { id } = stand.availableVolume();
  expect(objectIdOf(stand.volume(id))).toBe(id);
  migrate(stand, id, "2");
  expect(stand.state.volumeOfObject(MEANS.targetId)?.id).toBe(id);
  for (let step = 0; step < 2; step++) stand.finish(id);
  expect(objectIdOf(stand.volume(id))).toBe(MEANS.targetId);
  expect(stand.state.volumeOfObject(id)).toBeUndefined();
});
