import { describe, expect, it } from "vitest";
import { resetGround } from "#scheduler/core/reset.ts";
import { BerthError } from "#shared/errors.ts";
import { CHAP, CoreStand, ON } from "#test/kit/core-stand.ts";
import { ATTACHMENT_ID, ENTER_SNAPSHOT, ENTER_VOLUME, HOST } from "#test/kit/object-states.ts";

function refusal(ask: () => unknown): BerthError {
  try {
    ask();
  } catch (error) {
    if (error instanceof BerthError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

describe("a volume that a person has taken out of use", () => {
  it("takes nothing new until it is given back, and is then what it was", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    expect(stand.send("volume.hold", { ...ON(id), as: "maintenance" })).toMatchObject({
      held: "maintenance",
      status: "available",
    });
    const connect = () =>
      stand.send("attachment.connect", { ...ON(id), attachmentId: ATTACHMENT_ID, connector: HOST, chap: CHAP });
    for (const ask of [
      connect,
      () => stand.send("volume.extend", { ...ON(id), newSizeGib: 2 }),
      () => stand.send("volume.delete", ON(id)),
      () => stand.createVolume({ source: { kind: "volume", volumeId: id }, sizeGib: null }),
    ])
      expect(refusal(ask)).toMatchObject({ code: "E_WRONG_STATE", message: expect.stringContaining("maintenance") });
    expect(stand.send("volume.hold", { ...ON(id), as: null }).held).toBeUndefined();
    const told = ["volume.reset_status.end", "volume.reset_status.end"];
    expect(stand.eventsOf(id).slice(-2)).toEqual(told);
    connect();
    expect(stand.volume(id).status).toBe("attaching");
  });

  it("may be deleted as one in error may, but not out of maintenance without force", () => {
    const stand = CoreStand.ready();
    const [error, maintained] = [stand.availableVolume().id, stand.availableVolume().id];
    stand.send("volume.hold", { ...ON(error), as: "error" });
    stand.send("volume.hold", { ...ON(maintained), as: "maintenance" });
    // What it stands on is freed: unlike one in error by itself, it holds something.
    expect(stand.send("volume.delete", ON(error))?.status).toBe("deleting");
    refusal(() => stand.send("volume.delete", ON(maintained)));
    expect(stand.send("volume.delete", { ...ON(maintained), force: true })?.status).toBe("deleting");
  });

  it("lets its host go meanwhile", () => {
    const stand = CoreStand.ready();
    const id = ENTER_VOLUME["in-use"](stand);
    stand.send("volume.hold", { ...ON(id), as: "error" });
    stand.send("attachment.disconnect", { ...ON(id), connector: null });
    stand.finish(ATTACHMENT_ID);
    expect(stand.volume(id)).toMatchObject({ status: "available", held: "error" });
  });

  it("is given back by a reset that looked at the backend, too", () => {
    const stand = CoreStand.ready();
    const { id } = stand.availableVolume();
    const held = stand.send("volume.hold", { ...ON(id), as: "error" });
    const object = { kind: "volume" as const, id, volumeId: null, sizeBytes: 2 ** 30 };
    const facts = { mark: null, whole: true, ageMs: null, providerId: null, properties: {} };
    const found = [{ backendId: held.backendId ?? 0, object: { ...object, ...facts } }];
    const evidence = { ...resetGround(stand.state, held), found };
    stand.send("volume.reset", { ...ON(id), to: "available", by: "me", reason: "looked", evidence });
    expect(stand.volume(id).held).toBeUndefined();
  });

  it("is not one on which work goes on that must end", () => {
    const stand = CoreStand.ready();
    for (const status of ["creating", "extending", "deleting", "retyping"] as const) {
      const id = ENTER_VOLUME[status](stand);
      expect(refusal(() => stand.send("volume.hold", { ...ON(id), as: "error" })).code, status).toBe("E_WRONG_STATE");
    }
  });
});

it("a snapshot is held in the same way", () => {
  const stand = CoreStand.ready();
  const id = ENTER_SNAPSHOT.available(stand);
  stand.send("snapshot.hold", { ...ON(id), as: "error" });
  const copy = () => stand.createVolume({ source: { kind: "snapshot", snapshotId: id }, sizeGib: null });
  expect(refusal(copy).message).toMatch(/held as error/);
  stand.send("snapshot.hold", { ...ON(id), as: null });
  copy();
});
