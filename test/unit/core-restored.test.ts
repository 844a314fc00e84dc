import { describe, expect, it } from "vitest";
import { SEQUENCE_LEAP } from "#scheduler/ledger/sqlite-replace.ts";
import { gibToBytes } from "#shared/units.ts";
import { CoreStand, ON } from "#test/kit/core-stand.ts";

/** A scheduler as it was at its backup, and as it goes on when that was restored. */
function restored(): CoreStand {
  const stand = CoreStand.ready();
  stand.availableVolume({ sizeGib: 10 });
  stand.seq += SEQUENCE_LEAP;
  return stand;
}

const free = (stand: CoreStand): number => {
  const { unmeasuredVirtualBytes } = stand.state.space.backend(1);
  return unmeasuredVirtualBytes / gibToBytes(1);
};

describe("after a restore", () => {
  it("what agents measured by numbers of the lost history says nothing of what is made now", () => {
    const stand = restored();
    // In the history that was lost it went on to commit 500, and an agent began to measure then.
    stand.availableVolume({ sizeGib: 20 });
    stand.report(1, { freeBytes: gibToBytes(90) }, 500);
    // The volume from before the backup was seen by that; the new one was not.
    expect(free(stand)).toBe(20);
    stand.report(1, { freeBytes: gibToBytes(70) });
    expect(free(stand)).toBe(0);
  });

  it("a report that claims to have seen what is not committed yet is refused", () => {
    const stand = restored();
    stand.availableVolume({ sizeGib: 20 });
    const before = stand.state.fleet.reports.get(1);
    stand.report(1, { freeBytes: gibToBytes(100) }, stand.seq + 1);
    expect(stand.state.fleet.reports.get(1)).toBe(before);
    expect(free(stand)).toBe(30);
  });

  it("the queue's answer to work of the lost history is not taken for that of today's work of the same name", () => {
    const stand = restored();
    const { id } = stand.availableVolume();
    stand.send("volume.extend", { ...ON(id), newSizeGib: 5 });
    const today = stand.job(id);
    if (today.operation.kind !== "volume.extend") throw new Error("it is extended");
    // It was extended in the lost history as well, by more, and that job is still in the queue.
    stand.answer({ ...today, operation: { ...today.operation, newSizeBytes: gibToBytes(9) } }, "done");
    expect(stand.volume(id)).toMatchObject({ status: "extending", sizeGib: 1 });
    stand.answer(today, "done");
    expect(stand.volume(id)).toMatchObject({ status: "available", sizeGib: 5 });
  });
});
