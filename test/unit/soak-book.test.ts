import { describe, expect, it } from "vitest";
import { Book, type FaultKind } from "#test/soak/book.ts";
import { compareWithBook } from "#test/soak/examination.ts";
import { type Performed, unavailabilityOf } from "#test/soak/timeline.ts";

type Seen = Parameters<typeof compareWithBook>[0];

/** One volume and its snapshot, as their user knows them and as they are. */
function stand() {
  const book = new Book();
  const volume = { id: "v1", name: "soak-1-1", zone: "north", flavor: "files", sizeGib: 2, host: null };
  const snapshot = { id: "s1", name: "soak-1-2", volume, sizeGib: 2 };
  book.accept(volume.name, volume.id);
  book.accept(snapshot.name, snapshot.id);
  book.volumes.set(volume.id, volume);
  book.snapshots.set(snapshot.id, snapshot);
  const there: Seen["volumes"][number] = {
    id: "v1",
    name: "soak-1-1",
    status: "available",
    size: 2,
    availability_zone: "north",
    volume_type: "files",
    attachments: [],
    "os-vol-host-attr:host": "berth@files-north#files-north",
    "os-vol-mig-status-attr:migstat": null,
    "os-vol-mig-status-attr:name_id": null,
  };
  const taken = { id: "s1", name: "soak-1-2", volume_id: "v1", status: "available", size: 2 };
  return { book, volume, there, taken };
}

function faultsOf(book: Book, seen: Seen): FaultKind[] {
  compareWithBook(seen, book);
  return book.faults.map(({ kind }) => kind);
}

describe("the users' book against the ledger", () => {
  it("finds nothing where both say the same", () => {
    const { book, there, taken } = stand();
    expect(faultsOf(book, { volumes: [there], snapshots: [taken] })).toEqual([]);
  });

  it("finds what is lost", () => {
    const { book, there } = stand();
    expect(faultsOf(book, { volumes: [there], snapshots: [] })).toEqual(["lost"]);
  });

  it("finds what was made twice: by its name, or by an answer with another id", () => {
    const { book, there, taken } = stand();
    expect(faultsOf(book, { volumes: [there, { ...there, id: "v2" }], snapshots: [taken] })).toEqual(["doubled"]);
    book.accept("soak-1-1", "v3");
    expect(book.faults.map(({ kind }) => kind)).toEqual(["doubled", "doubled"]);
  });

  it("finds what is stuck, and what has another size, connection or volume than its user left it with", () => {
    const { book, there, taken } = stand();
    const volumes = [{ ...there, status: "detaching", size: 1 }];
    expect(faultsOf(book, { volumes, snapshots: [{ ...taken, volume_id: "v2" }] })).toEqual([
      "wrong",
      "stuck",
      "wrong",
    ]);
  });

  it("finds a connection that nobody holds", () => {
    const { book, there, taken } = stand();
    expect(faultsOf(book, { volumes: [{ ...there, status: "in-use" }], snapshots: [taken] })).toEqual(["wrong"]);
  });

  it("finds what was deleted and is there", () => {
    const { book, there, taken } = stand();
    book.snapshots.delete("s1");
    expect(faultsOf(book, { volumes: [there], snapshots: [taken] })).toEqual(["wrong"]);
  });

  it("says nothing twice of what it gave up", () => {
    const { book, there, taken } = stand();
    book.giveUp("v1");
    expect(faultsOf(book, { volumes: [there], snapshots: [taken] })).toEqual([]);
  });
});

describe("unavailability", () => {
  const blow = { name: "scheduler", process: "scheduler", how: "kill", point: null, atMs: 1000, backMs: 2000 } as const;
  const performed = (zone: string, askedMs: number, acceptedMs: number, endedMs: number): Performed => {
    return { kind: "volume.create", ids: [], zone, outcome: "done", beganMs: askedMs, askedMs, acceptedMs, endedMs };
  };

  it("is counted for what was asked for after the blow, and until work goes on in every zone", () => {
    const all = [
      performed("north", 990, 1010, 1020),
      performed("north", 1500, 3000, 3100),
      performed("south", 1600, 3200, 5000),
    ];
    expect(unavailabilityOf(blow, all, ["north", "south"])).toEqual({ acceptedMs: 2000, doneMs: 4000 });
  });

  it("is not known when nobody asked for anything in a zone", () => {
    expect(unavailabilityOf(blow, [performed("north", 1500, 3000, 3100)], ["north", "south"])).toBeNull();
  });
});
