import { expect, it } from "vitest";
import { ec2Standing, isModifying } from "#scheduler/core/modify.ts";
import { shortIdOf } from "#scheduler/core/short-ids.ts";
import type { Change } from "#shared/model/records.ts";
import { CoreStand, ON } from "#test/kit/core-stand.ts";
import { uuid } from "#test/kit/records.ts";

const MEANS = {
  targetId: uuid(900),
  attachmentId: uuid(901),
  chap: { username: "u", sealedSecret: "s" },
  bandwidthLimitBytesPerS: null,
};
const WISH = { volumeType: "gp3", iops: null, throughput: null };

function modify(stand: CoreStand, id: string, sizeGib: number | null, flavor: string | null = null) {
  return stand.send("volume.modify", { ...ON(id), ...MEANS, sizeGib, flavor, ec2: WISH });
}

it("an extend that came to its deadline is begun anew by who asks again, and by nobody who asks for another", () => {
  const stand = CoreStand.ready();
  const { id } = stand.availableVolume({ sizeGib: 1 });
  modify(stand, id, 2);
  stand.tick(stand.state.settings.operationDeadlineMs + 1);
  expect(stand.volume(id).status).toBe("error_extending");
  expect(isModifying(stand.volume(id))).toBe(true);
  expect(() => modify(stand, id, 3)).toThrow(/is error_extending/);
  expect(modify(stand, id, 2).status).toBe("extending");
  stand.finish(id);
  expect(stand.volume(id)).toMatchObject({ status: "available", sizeGib: 2 });
  expect(isModifying(stand.volume(id))).toBe(false);
  expect(ec2Standing(stand.state, stand.volume(id))).toMatchObject({ volumeType: "gp3" });
});

it("what is refused for lack of room leaves no record, where that is asked for", () => {
  const stand = CoreStand.ready();
  expect(() => stand.createVolume({ sizeGib: 1000, refuseUnplaced: true })).toThrow(
    expect.objectContaining({ code: "E_NO_PLACEMENT" }),
  );
  expect(stand.state.table("volume").size).toBe(0);
  expect(stand.createVolume({ sizeGib: 1000 }).status).toBe("error");
});

it("the index of short ids is what the records say, also after a refusal and after a start", () => {
  const stand = CoreStand.ready();
  const [first = "", deleted = "", last = ""] = [1, 2, 3].map(() => stand.availableVolume().id);
  const refused = uuid(7777);
  expect(() => stand.createVolume({ id: refused, sizeGib: 1000, refuseUnplaced: true })).toThrow();
  stand.send("volume.delete", ON(deleted));
  stand.finish(deleted);
  const changes = [...stand.state.table("volume").values()].map(
    (record): Change => ({ kind: "volume", id: record.id, record }),
  );
  const restarted = new CoreStand();
  restarted.state.load(changes);
  for (const { state } of [stand, restarted]) {
    expect([...state.table("volume").keys()]).toEqual([first, last]);
    for (const id of [first, last]) expect(state.shortIds.volume.find(shortIdOf(id))).toEqual([id]);
    for (const id of [deleted, refused]) expect(state.shortIds.volume.find(shortIdOf(id))).toEqual([]);
  }
});
