import { describe, expect, test } from "vitest";
import type { ResetEvidence } from "#scheduler/core/commands.ts";
import { resetGround } from "#scheduler/core/reset.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import type { Volume } from "#shared/model/volume.ts";
import { gibToBytes } from "#shared/units.ts";
import { CoreStand, ON } from "#test/kit/core-stand.ts";

function standing(id: string, fields: Partial<ListedObject> = {}): ListedObject {
  return {
    kind: "volume",
    id,
    volumeId: id,
    sizeBytes: gibToBytes(1),
    mark: null,
    whole: true,
    ageMs: null,
    providerId: "theirs",
    properties: {},
    ...fields,
  };
}

type Found = ResetEvidence["found"];
const on = (backendId: number, id: string, fields: Partial<ListedObject> = {}): Found => [
  { backendId, object: standing(id, fields) },
];

function reset(stand: CoreStand, volume: Volume, to: "available" | "error", found: Found): Volume {
  const evidence = { ...resetGround(stand.state, volume), found };
  return stand.send("volume.reset", { ...ON(volume.id), to, by: "ann@desk", reason: "I know", evidence });
}

describe("volume reset", () => {
  test("says that a volume is lost when no backend holds it, and keeps who and why", () => {
    const stand = CoreStand.ready();
    const volume = stand.availableVolume();
    expect(() => reset(stand, volume, "error", on(1, volume.id))).toThrow(/stands on backend 1: delete it/);
    expect(() => reset(stand, volume, "error", on(1, volume.id, { whole: false }))).toThrow(/in part/);
    expect(reset(stand, volume, "error", [])).toMatchObject({
      status: "error",
      backendId: null,
      claim: null,
      reset: { from: "available", to: "error", by: "ann@desk", reason: "I know", atMs: stand.nowMs, backendId: 1 },
    });
    expect(stand.state.space.backend(1).unmeasuredVirtualBytes).toBe(0);
    expect(stand.effects.at(-1)).toMatchObject({ operation: "volume.reset", objectId: volume.id, outcome: "done" });
    // Deleted then, it is looked for where it was.
    expect(stand.send("volume.delete", ON(volume.id))).toBeNull();
    expect(stand.state.get("tombstone", volume.id)).toMatchObject({ backendId: 1 });
  });

  test("says that a volume stands after all, where a backend holds it whole", () => {
    const stand = CoreStand.ready();
    const lost = reset(stand, stand.availableVolume(), "error", []);
    expect(() => reset(stand, lost, "available", [])).toThrow(/no backend holds/);
    expect(() => reset(stand, lost, "available", on(1, lost.id, { whole: false }))).toThrow(/no backend holds/);
    expect(() => reset(stand, lost, "available", [...on(1, lost.id), ...on(2, lost.id)])).toThrow(/1 and 2/);
    expect(() => reset(stand, lost, "available", on(1, lost.id, { sizeBytes: 5 }))).toThrow(/no size of a volume/);
    expect(reset(stand, lost, "available", on(1, lost.id, { sizeBytes: gibToBytes(3) }))).toMatchObject({
      status: "available",
      backendId: 1,
      zone: "north",
      sizeGib: 3,
      providerId: "theirs",
      lastError: null,
    });
    expect(stand.state.space.backend(1).unmeasuredVirtualBytes).toBe(gibToBytes(3));
  });

  test("takes over the size that the backend has, and refuses when nothing differs", () => {
    const stand = CoreStand.ready();
    const volume = stand.availableVolume();
    expect(() => reset(stand, volume, "available", on(1, volume.id))).toThrow(/stands as recorded/);
    expect(() => reset(stand, volume, "available", on(2, volume.id))).toThrow(/recorded is another/);
    expect(reset(stand, volume, "available", on(1, volume.id, { sizeBytes: gibToBytes(2) })).sizeGib).toBe(2);
  });

  test("is refused while a job is at work, the volume is connected, or it changed while backends were asked", () => {
    const stand = CoreStand.ready();
    const creating = stand.createVolume();
    expect(() => reset(stand, creating, "error", [])).toThrow(/a job is at work/);
    stand.finish(creating.id);
    expect(() => reset(stand, creating, "error", [])).toThrow(/changed while/);
    const chap = { username: "user", sealedSecret: "sealed" };
    const connector = { host: "h1", ip: null, initiator: null, multipath: false };
    const attachmentId = "00000000-0000-4000-8000-0000000000aa";
    stand.send("attachment.connect", { ...ON(creating.id), attachmentId, connector, chap });
    stand.finish(attachmentId);
    expect(() => reset(stand, stand.volume(creating.id), "error", [])).toThrow(/is connected: disconnect it/);
  });

  test("gives back nothing of which a removal was ordered: a late copy of it may come yet", () => {
    const stand = CoreStand.ready();
    const volume = stand.createVolume({ zone: "north" });
    stand.tick(stand.state.settings.operationDeadlineMs);
    expect(stand.volume(volume.id).status).toBe("error");
    const ground = resetGround(stand.state, stand.volume(volume.id));
    const [leftover] = [...stand.state.table("leftover").values()];
    stand.finish(leftover?.id ?? "");
    const evidence = { ...ground, found: on(1, volume.id) };
    const input = { ...ON(volume.id), to: "available" as const, by: "ann", reason: "no" };
    expect(() => stand.send("volume.reset", { ...input, evidence })).toThrow(/changed while/);
    expect(() => reset(stand, stand.volume(volume.id), "available", on(1, volume.id))).toThrow(/is to be removed/);
  });

  test("gives back none of a group whose others went elsewhere meanwhile", () => {
    const stand = CoreStand.ready();
    const group = stand.createGroup({ flavors: ["gold", "silver"] });
    const lost = reset(stand, stand.availableVolume({ groupId: group.id, zone: "north" }), "error", []);
    expect(stand.availableVolume({ groupId: group.id, flavor: "silver", zone: null }).backendId).not.toBe(1);
    expect(() => reset(stand, lost, "available", on(1, lost.id))).toThrow(/take it out of the group first/);
    stand.send("group.update", { ...ON(group.id), texts: {}, addVolumes: [], removeVolumes: [lost.id] });
    const alone = stand.volume(lost.id);
    expect(reset(stand, alone, "available", on(1, lost.id))).toMatchObject({ status: "available", backendId: 1 });
  });
});
