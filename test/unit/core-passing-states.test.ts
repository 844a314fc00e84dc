import { describe, expect, test } from "vitest";
import { AttachmentStatus } from "#shared/model/attachment.ts";
import { GroupSnapshotStatus, GroupStatus } from "#shared/model/group.ts";
import { SnapshotStatus } from "#shared/model/snapshot.ts";
import { VolumeStatus } from "#shared/model/volume.ts";
import { CoreStand, ON } from "#test/kit/core-stand.ts";
import { ENTER_VOLUME, MEANS, manage } from "#test/kit/object-states.ts";
import { uuid } from "#test/kit/records.ts";

/**
 * Stuck is impossible: each passing state has an owner (a job, or the waiting list), a deadline that is a setting, and a
 * way on when it passes. A new state that is not here fails the first test.
 */

const SNAPSHOT_ID = uuid(0x51);
const ATTACHMENT_ID = uuid(0xaa);

interface Passing {
  /** Brings a new stand into the state; the id of the object in it. */
  readonly enter: (stand: CoreStand) => string;
  /** Which setting ends it. */
  readonly deadline: "operationDeadlineMs" | "placementDeadlineMs";
  /** The object's state after the deadline; null: it is gone. */
  readonly after: string | null;
  /** And after agents have done what is then at work. */
  readonly inTheEnd: string | null;
}

const VOLUME: Readonly<Record<string, Passing>> = {
  creating: {
    enter: (stand) => stand.createVolume().id,
    deadline: "operationDeadlineMs",
    after: "error",
    inTheEnd: "error",
  },
  "creating, unplaced": {
    enter: (stand) => {
      for (const { id } of stand.state.catalogue.catalogue.backends) stand.reportDown(id, "away");
      return stand.createVolume().id;
    },
    deadline: "placementDeadlineMs",
    after: "error",
    inTheEnd: "error",
  },
  extending: {
    enter: (stand) => {
      const { id } = stand.availableVolume();
      stand.send("volume.extend", { ...ON(id), newSizeGib: 2 });
      return id;
    },
    deadline: "operationDeadlineMs",
    after: "error_extending",
    inTheEnd: "available",
  },
  reverting: {
    enter: (stand) => {
      const id = snapshot(stand);
      stand.finish(id);
      const { volumeId } = stand.state.get("snapshot", id) ?? {};
      stand.send("volume.revert", { ...ON(volumeId ?? ""), snapshotId: id });
      return volumeId ?? "";
    },
    deadline: "operationDeadlineMs",
    after: "error_reverting",
    inTheEnd: "available",
  },
  maintenance: {
    enter: (stand) => ENTER_VOLUME.maintenance(stand),
    deadline: "operationDeadlineMs",
    after: "available",
    inTheEnd: "available",
  },
  retyping: {
    enter: (stand) => ENTER_VOLUME.retyping(stand),
    deadline: "operationDeadlineMs",
    after: "available",
    inTheEnd: "available",
  },
  // The storage system is at it: to undo what nobody knows of could be to lose it.
  "retyping, in place": {
    enter: (stand) => {
      const { id } = stand.availableVolume({ flavor: "silver", sizeGib: 1 });
      stand.report(2, { capabilities: ["retype", "copy"] });
      stand.send("volume.retype", { ...ON(id), ...MEANS, flavor: "gold", policy: "never" });
      return id;
    },
    deadline: "operationDeadlineMs",
    after: "retyping",
    inTheEnd: "available",
  },
  attaching: {
    enter: (stand) => attach(stand),
    deadline: "operationDeadlineMs",
    after: "detaching",
    inTheEnd: "available",
  },
  detaching: {
    enter: (stand) => detach(stand),
    deadline: "operationDeadlineMs",
    after: "detaching",
    inTheEnd: "available",
  },
  managing: {
    enter: manage,
    deadline: "operationDeadlineMs",
    after: "error_managing",
    inTheEnd: "error_managing",
  },
  unmanaging: {
    enter: (stand) => {
      const { id } = stand.availableVolume();
      stand.send("volume.unmanage", ON(id));
      return id;
    },
    deadline: "operationDeadlineMs",
    after: "error_unmanaging",
    inTheEnd: null,
  },
  deleting: {
    enter: (stand) => {
      const { id } = stand.availableVolume();
      stand.send("volume.delete", ON(id));
      return id;
    },
    deadline: "operationDeadlineMs",
    after: "error_deleting",
    inTheEnd: null,
  },
  // Its snapshot's job is the one that there is.
  "deleting, with its snapshot": {
    enter: (stand) => {
      const id = snapshot(stand);
      stand.finish(id);
      const { volumeId = "" } = stand.state.get("snapshot", id) ?? {};
      stand.send("volume.delete", { ...ON(volumeId), cascade: true });
      return volumeId;
    },
    deadline: "operationDeadlineMs",
    after: "error_deleting",
    inTheEnd: null,
  },
};

const SNAPSHOT: Readonly<Record<string, Passing>> = {
  creating: { enter: snapshot, deadline: "operationDeadlineMs", after: "error", inTheEnd: "error" },
  deleting: {
    enter: (stand) => {
      const id = snapshot(stand);
      stand.finish(id);
      stand.send("snapshot.delete", ON(id));
      return id;
    },
    deadline: "operationDeadlineMs",
    after: "error_deleting",
    inTheEnd: null,
  },
};

const ATTACHMENT: Readonly<Record<string, Passing>> = {
  attaching: {
    enter: (stand) => {
      attach(stand);
      return ATTACHMENT_ID;
    },
    deadline: "operationDeadlineMs",
    after: "detaching",
    inTheEnd: null,
  },
  detaching: {
    enter: (stand) => {
      detach(stand);
      return ATTACHMENT_ID;
    },
    deadline: "operationDeadlineMs",
    after: "error_detaching",
    inTheEnd: null,
  },
};

const GROUP: Readonly<Record<string, Passing>> = {
  creating: {
    enter: (stand) => copiedGroup(stand),
    deadline: "operationDeadlineMs",
    after: "error",
    inTheEnd: "error",
  },
  deleting: {
    enter: (stand) => {
      const id = group(stand);
      stand.send("group.delete", { ...ON(id), deleteVolumes: true });
      return id;
    },
    deadline: "operationDeadlineMs",
    after: "error_deleting",
    inTheEnd: null,
  },
};

const GROUP_SNAPSHOT: Readonly<Record<string, Passing>> = {
  creating: {
    enter: (stand) => groupSnapshot(stand),
    deadline: "operationDeadlineMs",
    after: "error",
    inTheEnd: "error",
  },
  deleting: {
    enter: (stand) => {
      const id = groupSnapshot(stand);
      stand.finish(id);
      stand.send("group-snapshot.delete", ON(id));
      return id;
    },
    deadline: "operationDeadlineMs",
    after: "error_deleting",
    inTheEnd: null,
  },
};

/** Of one volume. */
function group(stand: CoreStand): string {
  const id = stand.createGroup().id;
  stand.availableVolume({ groupId: id });
  return id;
}

function copiedGroup(stand: CoreStand): string {
  return stand.createGroup({ source: { kind: "group", groupId: group(stand) } }).id;
}

function groupSnapshot(stand: CoreStand): string {
  return stand.createGroupSnapshot(group(stand)).id;
}

function snapshot(stand: CoreStand): string {
  const { id: volumeId } = stand.availableVolume();
  const texts = { name: "", description: "", metadata: {} };
  stand.send("snapshot.create", {
    id: SNAPSHOT_ID,
    scope: null,
    userId: "u",
    volumeId,
    ...texts,
    force: false,
    requestId: "r",
  });
  return SNAPSHOT_ID;
}

function attach(stand: CoreStand): string {
  const { id } = stand.availableVolume();
  const connector = { host: "h1", ip: null, initiator: null, multipath: false };
  const chap = { username: "user", sealedSecret: "sealed" };
  stand.send("attachment.connect", { ...ON(id), attachmentId: ATTACHMENT_ID, connector, chap });
  return id;
}

function detach(stand: CoreStand): string {
  const id = attach(stand);
  stand.finish(ATTACHMENT_ID);
  stand.send("attachment.disconnect", { ...ON(id), connector: null });
  return id;
}

const KINDS = {
  volume: VOLUME,
  snapshot: SNAPSHOT,
  attachment: ATTACHMENT,
  group: GROUP,
  "group-snapshot": GROUP_SNAPSHOT,
} as const;
/** Whoever attaches goes on with `reserved`, `announced`, `connected`, `leaving` and `error_attaching`, or does not: as in the field, there is no deadline. */
const RESTING = new Set(
  "awaiting-transfer available reserved in-use error error_managing announced connected attached leaving error_attaching".split(
    " ",
  ),
);
/** Passed their deadline already: their job goes on without one, and its late success counts. */
const LASTING = new Set([
  "error_extending",
  "error_reverting",
  "error_deleting",
  "error_detaching",
  "error_unmanaging",
  "evicting",
]);

test("every state is at rest, or is shown here to pass", () => {
  for (const [kind, schema] of [
    ["volume", VolumeStatus],
    ["snapshot", SnapshotStatus],
    ["attachment", AttachmentStatus],
    ["group", GroupStatus],
    ["group-snapshot", GroupSnapshotStatus],
  ] as const) {
    const states = schema.anyOf.map((member) => member.const);
    const passing = states.filter((state) => !RESTING.has(state) && !LASTING.has(state));
    expect(Object.keys(KINDS[kind]), kind).toEqual(expect.arrayContaining(passing));
  }
});

for (const kind of ["volume", "snapshot", "attachment", "group", "group-snapshot"] as const) {
  describe(`a ${kind} that is`, () => {
    test.each(Object.entries(KINDS[kind]))("%s has an owner, a deadline and a way on", (name, passing) => {
      const stand = CoreStand.ready();
      const id = passing.enter(stand);
      const status = (): string | null => stand.state.get(kind, id)?.status ?? null;
      expect(status()).toBe(name.split(",")[0]);
      const jobs = [...stand.state.table("job").values()];
      expect(jobs.length + stand.state.waiting.size).toBe(1);
      const limitMs = stand.state.settings[passing.deadline];
      stand.tick(limitMs - 1);
      expect(status()).toBe(name.split(",")[0]);
      stand.tick(1);
      expect(status()).toBe(passing.after);
      for (let n = 0; n < 5; n++) for (const job of stand.state.table("job").values()) stand.answer(job, "done");
      expect(status()).toBe(passing.inTheEnd);
      expect([...stand.state.table("job").values()]).toEqual([]);
    });
  });
}
