import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  ATTACHMENT_ACTIONS,
  type AttachmentAction,
  GROUP_ACTIONS,
  GROUP_SNAPSHOT_ACTIONS,
  type GroupAction,
  type GroupSnapshotAction,
  SNAPSHOT_ACTIONS,
  type SnapshotAction,
  VOLUME_ACTIONS,
  type VolumeAction,
} from "#scheduler/core/allowed.ts";
import { allowedTable } from "#scheduler/core/allowed-table.ts";
import { buriedUnder, resetGround } from "#scheduler/core/reset.ts";
import { BerthError } from "#shared/errors.ts";
import { AttachmentStatus } from "#shared/model/attachment.ts";
import { GroupSnapshotStatus, GroupStatus } from "#shared/model/group.ts";
import { SnapshotStatus } from "#shared/model/snapshot.ts";
import { VolumeStatus } from "#shared/model/volume.ts";
import { gibToBytes } from "#shared/units.ts";
import { CHAP, CoreStand, ON } from "#test/kit/core-stand.ts";
import {
  ATTACHMENT_ID,
  ENTER_ATTACHMENT,
  ENTER_GROUP,
  ENTER_GROUP_SNAPSHOT,
  ENTER_SNAPSHOT,
  ENTER_VOLUME,
  HOST,
  MEANS,
  offer,
} from "#test/kit/object-states.ts";
import { uuid } from "#test/kit/records.ts";

/**
 * Every operation in every state is either done, or refused with the state and the way on: all pairs of the declared
 * table are walked, by real commands on objects that were brought into the state by real commands.
 */

const TEXTS = { name: "n", description: "", metadata: {} };

const ATTACHING = { access: "rw", instanceId: "server-1", mountpoint: "/dev/vdb" } as const;

/** Asks for it. `same`: as it was asked before, where the table knows that. */
const ASK_VOLUME: Readonly<Record<VolumeAction, (stand: CoreStand, id: string) => unknown>> = {
  update: (stand, id) => stand.send("volume.update", { ...ON(id), texts: { name: "new" } }),
  extend: (stand, id) => stand.send("volume.extend", { ...ON(id), newSizeGib: 2 }),
  connect: (stand, id) =>
    stand.send("attachment.connect", { ...ON(id), attachmentId: ATTACHMENT_ID, connector: HOST, chap: CHAP }),
  disconnect: (stand, id) => stand.send("attachment.disconnect", { ...ON(id), connector: null }),
  reserve: (stand, id) =>
    stand.send("attachment.reserve", { ...ON(id), attachmentId: uuid(0xab), ...ATTACHING, announced: false }),
  unreserve: (stand, id) => stand.send("volume.announce", { ...ON(id), what: "unreserve" }),
  attach: (stand, id) =>
    stand.send("volume.attached", { ...ON(id), attachmentId: uuid(0xac), ...ATTACHING, hostName: "h9" }),
  "begin detaching": (stand, id) => stand.send("volume.announce", { ...ON(id), what: "begin detaching" }),
  "roll detaching back": (stand, id) => stand.send("volume.announce", { ...ON(id), what: "roll detaching back" }),
  snapshot: (stand, id) => takeSnapshot(stand, id, false),
  "snapshot with force": (stand, id) => takeSnapshot(stand, id, true),
  clone: (stand, id) => stand.createVolume({ source: { kind: "volume", volumeId: id }, sizeGib: null }),
  delete: (stand, id) => {
    // What is connected has dependents as well; the state is what is asked about here.
    return stand.send("volume.delete", ON(id));
  },
  "delete by force": (stand, id) => stand.send("volume.delete", { ...ON(id), force: true }),
  hold: (stand, id) =>
    stand.send("volume.hold", { ...ON(id), as: stand.volume(id).status === "error" ? "error" : "maintenance" }),
  revert: (stand, id) => {
    const [taken] = stand.state.snapshotsOf(id);
    return stand.send("volume.revert", { ...ON(id), snapshotId: taken?.id ?? newSnapshot(stand, id) });
  },
  "join a group": (stand, id) => joinGroup(stand, id),
  "leave a group": (stand, id) => {
    const { id: groupId } = stand.createGroup();
    stand.state.put("volume", { ...stand.volume(id), groupId });
    return stand.send("group.update", { ...ON(groupId), texts: {}, addVolumes: [], removeVolumes: [id] });
  },
  "snapshot with its group": (stand, id) => stand.createGroupSnapshot(groupOf(stand, id)),
  "clone with its group": (stand, id) => stand.createGroup({ source: { kind: "group", groupId: groupOf(stand, id) } }),
  migrate: (stand, id) =>
    stand.send("volume.migrate", { ...ON(id), ...MEANS, to: { backend: "2", zone: null }, forceCopy: false }),
  retype: (stand, id) => stand.send("volume.retype", { ...ON(id), ...MEANS, flavor: "silver", policy: "on-demand" }),
  "cancel a move": (stand, id) => stand.send("volume.cancel-move", ON(id)),
  "set bootable": (stand, id) => stand.send("volume.flag", { ...ON(id), flags: { bootable: true } }),
  "set read-only": (stand, id) => stand.send("volume.flag", { ...ON(id), flags: { readOnly: true } }),
  transfer: (stand, id) => offer(stand, id),
  unmanage: (stand, id) => stand.send("volume.unmanage", ON(id)),
  "reset to error": (stand, id) => reset(stand, id, "error"),
  "reset to available": (stand, id) => reset(stand, id, "available"),
};

const ASK_SNAPSHOT: Readonly<Record<SnapshotAction, (stand: CoreStand, id: string) => unknown>> = {
  update: (stand, id) => stand.send("snapshot.update", { ...ON(id), texts: { name: "new" } }),
  copy: (stand, id) => stand.createVolume({ source: { kind: "snapshot", snapshotId: id }, sizeGib: null }),
  "revert to": (stand, id) => {
    const { volumeId } = stand.state.get("snapshot", id) ?? {};
    return stand.send("volume.revert", { ...ON(volumeId ?? ""), snapshotId: id });
  },
  connect: (stand, id) =>
    stand.send("snapshot.connect", { ...ON(id), attachmentId: uuid(0xad), connector: HOST, chap: CHAP }),
  disconnect: (stand, id) => stand.send("snapshot.disconnect", { ...ON(id), connector: null }),
  delete: (stand, id) => stand.send("snapshot.delete", ON(id)),
  hold: (stand, id) => stand.send("snapshot.hold", { ...ON(id), as: "error" }),
  "reset to error": (stand, id) => resetSnapshot(stand, id, "error"),
  "reset to available": (stand, id) => resetSnapshot(stand, id, "available"),
};

const ASK_GROUP: Readonly<Record<GroupAction, (stand: CoreStand, id: string) => unknown>> = {
  update: (stand, id) =>
    stand.send("group.update", { ...ON(id), texts: { name: "n" }, addVolumes: [], removeVolumes: [] }),
  "add or remove volumes": (stand, id) => {
    const { id: volumeId } = stand.availableVolume();
    return stand.send("group.update", { ...ON(id), texts: {}, addVolumes: [volumeId], removeVolumes: [] });
  },
  snapshot: (stand, id) => stand.createGroupSnapshot(id),
  copy: (stand, id) => stand.createGroup({ source: { kind: "group", groupId: id } }),
  delete: (stand, id) => stand.send("group.delete", { ...ON(id), deleteVolumes: true }),
  "reset to error": (stand, id) => stand.send("group.reset", { ...ON(id), to: "error" }),
  "reset to available": (stand, id) => stand.send("group.reset", { ...ON(id), to: "available" }),
};

const ASK_GROUP_SNAPSHOT: Readonly<Record<GroupSnapshotAction, (stand: CoreStand, id: string) => unknown>> = {
  copy: (stand, id) => stand.createGroup({ source: { kind: "group-snapshot", groupSnapshotId: id } }),
  delete: (stand, id) => stand.send("group-snapshot.delete", ON(id)),
  "reset to error": (stand, id) => stand.send("group-snapshot.reset", { ...ON(id), to: "error" }),
  "reset to available": (stand, id) => stand.send("group-snapshot.reset", { ...ON(id), to: "available" }),
};

function joinGroup(stand: CoreStand, volumeId: string): unknown {
  const { id } = stand.createGroup();
  return stand.send("group.update", { ...ON(id), texts: {}, addVolumes: [volumeId], removeVolumes: [] });
}

/** A group in which it is, whatever its state. */
function groupOf(stand: CoreStand, volumeId: string): string {
  const { id } = stand.createGroup();
  stand.state.put("volume", { ...stand.volume(volumeId), groupId: id });
  return id;
}

/** In states in which none can be taken, whatever is named will be refused for the volume's state first. */
function newSnapshot(stand: CoreStand, volumeId: string): string {
  const id = uuid(0x53);
  if (stand.volume(volumeId).status !== "available") return id;
  stand.send("snapshot.create", { id, scope: null, volumeId, userId: "u", requestId: "r", ...TEXTS, force: false });
  stand.finish(id);
  return id;
}

const ASK_ATTACHMENT: Readonly<Record<AttachmentAction, (stand: CoreStand, id: string) => unknown>> = {
  connect: (stand, id) => {
    const { volumeId } = stand.attachment(id);
    const made = { attachmentId: uuid(0xae), connector: HOST, chap: CHAP };
    return stand.send("attachment.connect", { ...ON(volumeId), ...made, reservationId: id });
  },
  complete: (stand, id) => stand.send("attachment.complete", ON(id)),
  detach: (stand, id) => stand.send("attachment.detach", { ...ON(id), force: false }),
  "detach by force": (stand, id) => stand.send("attachment.detach", { ...ON(id), force: true }),
};

function resetSnapshot(stand: CoreStand, id: string, to: "available" | "error"): unknown {
  const snapshot = stand.state.get("snapshot", id);
  if (snapshot === undefined) throw new Error("there is no snapshot");
  const sizeBytes = gibToBytes(snapshot.sizeGib + 1);
  const facts = { mark: null, whole: true, ageMs: null, providerId: null, properties: {} };
  const standing = { kind: "snapshot" as const, id, volumeId: null, sizeBytes, ...facts };
  const found = to === "error" ? null : standing;
  const evidence = { snapshot, buried: buriedUnder(stand.state, id), found };
  return stand.send("snapshot.reset", { ...ON(id), to, by: "tester", reason: "because", evidence });
}

function takeSnapshot(stand: CoreStand, volumeId: string, force: boolean): unknown {
  const on = { id: uuid(0x52), scope: null, volumeId, userId: "u", requestId: "r" };
  return stand.send("snapshot.create", { ...on, ...TEXTS, force });
}

/** With evidence that agrees: where it is to stand it stands, and where not, not. */
function reset(stand: CoreStand, id: string, to: "available" | "error"): unknown {
  const volume = stand.volume(id);
  const object = {
    kind: "volume" as const,
    id,
    volumeId: null,
    // Grown behind Berth's back: taking over that size is what such a reset is for.
    sizeBytes: gibToBytes(volume.sizeGib + 1),
    mark: null,
    whole: true,
    ageMs: null,
    providerId: null,
    properties: {},
  };
  const found = to === "error" ? [] : [{ backendId: volume.backendId ?? 2, object }];
  const evidence = { ...resetGround(stand.state, volume), found };
  return stand.send("volume.reset", { ...ON(id), to, by: "tester", reason: "because", evidence });
}

/** These refuse for another reason than the state first: somebody works on the object, which a person may not overrule. */
const REFUSED_FIRST: ReadonlySet<string> = new Set(["E_CONFLICT", "E_IN_USE", "E_HAS_DEPENDENTS"]);

function outcomeOf(ask: () => unknown): BerthError | null {
  try {
    ask();
    return null;
  } catch (error) {
    if (error instanceof BerthError) return error;
    throw error;
  }
}

const STATES = {
  volume: VolumeStatus.anyOf.map((member) => member.const),
  snapshot: SnapshotStatus.anyOf.map((member) => member.const),
} as const;

const VOLUME_PAIRS = Object.keys(ASK_VOLUME).flatMap((action) =>
  STATES.volume.map((status) => [action, status] as const),
);

describe("volumes", () => {
  test.each(VOLUME_PAIRS)("%s in %s", (name, status) => {
    const action = Object.keys(VOLUME_ACTIONS).find((known): known is VolumeAction => known === name);
    if (action === undefined) throw new Error(`the table does not know ${name}`);
    const row: Readonly<Record<string, string>> = VOLUME_ACTIONS[action];
    const stand = CoreStand.ready();
    const id = ENTER_VOLUME[status](stand);
    expect(stand.volume(id).status).toBe(status);
    const before = stand.seq;
    expectAsDeclared(
      row[status],
      status,
      outcomeOf(() => ASK_VOLUME[action](stand, id)),
      // The group is made first, which is a commit of its own.
      stand.seq - before - (action.endsWith("group") ? 1 : 0),
    );
  });
});

describe("snapshots", () => {
  const pairs = Object.keys(ASK_SNAPSHOT).flatMap((action) =>
    STATES.snapshot.map((status) => [action, status] as const),
  );
  test.each(pairs)("%s in %s", (name, status) => {
    const action = Object.keys(SNAPSHOT_ACTIONS).find((known): known is SnapshotAction => known === name);
    if (action === undefined) throw new Error(`the table does not know ${name}`);
    const row: Readonly<Record<string, string>> = SNAPSHOT_ACTIONS[action];
    const stand = CoreStand.ready();
    const id = ENTER_SNAPSHOT[status](stand);
    expect(stand.state.get("snapshot", id)?.status).toBe(status);
    const before = stand.seq;
    expectAsDeclared(
      row[status],
      status,
      outcomeOf(() => ASK_SNAPSHOT[action](stand, id)),
      stand.seq - before,
    );
  });
});

describe("groups", () => {
  const pairs = Object.keys(ASK_GROUP).flatMap((action) =>
    GroupStatus.anyOf.map(({ const: status }) => [action, status] as const),
  );
  test.each(pairs)("%s in %s", (name, status) => {
    const action = Object.keys(GROUP_ACTIONS).find((known): known is GroupAction => known === name);
    if (action === undefined) throw new Error(`the table does not know ${name}`);
    const row: Readonly<Record<string, string>> = GROUP_ACTIONS[action];
    const stand = CoreStand.ready();
    const id = ENTER_GROUP[status](stand);
    expect(stand.state.get("group", id)?.status).toBe(status);
    expectAsDeclared(
      row[status],
      status,
      outcomeOf(() => ASK_GROUP[action](stand, id)),
      0,
    );
  });
});

describe("group snapshots", () => {
  const pairs = Object.keys(ASK_GROUP_SNAPSHOT).flatMap((action) =>
    GroupSnapshotStatus.anyOf.map(({ const: status }) => [action, status] as const),
  );
  test.each(pairs)("%s in %s", (name, status) => {
    const action = Object.keys(GROUP_SNAPSHOT_ACTIONS).find((known): known is GroupSnapshotAction => known === name);
    if (action === undefined) throw new Error(`the table does not know ${name}`);
    const row: Readonly<Record<string, string>> = GROUP_SNAPSHOT_ACTIONS[action];
    const stand = CoreStand.ready();
    const id = ENTER_GROUP_SNAPSHOT[status](stand);
    expect(stand.state.get("group-snapshot", id)?.status).toBe(status);
    const before = stand.seq;
    expectAsDeclared(
      row[status],
      status,
      outcomeOf(() => ASK_GROUP_SNAPSHOT[action](stand, id)),
      stand.seq - before,
    );
  });
});

describe("attachments", () => {
  const statuses = AttachmentStatus.anyOf.map((member) => member.const);
  const pairs = Object.keys(ASK_ATTACHMENT).flatMap((action) => statuses.map((status) => [action, status] as const));
  test.each(pairs)("%s in %s", (name, status) => {
    const action = Object.keys(ATTACHMENT_ACTIONS).find((known): known is AttachmentAction => known === name);
    if (action === undefined) throw new Error(`the table does not know ${name}`);
    const row: Readonly<Record<string, string>> = ATTACHMENT_ACTIONS[action];
    const stand = CoreStand.ready();
    const id = ENTER_ATTACHMENT[status](stand);
    expect(stand.attachment(id).status).toBe(status);
    const before = stand.seq;
    const refusal = outcomeOf(() => ASK_ATTACHMENT[action](stand, id));
    // What is out by force is of no volume any more: it is not found there.
    if (status === "evicting" && action === "connect") expect(refusal?.code).toBe("E_NOT_FOUND");
    else expectAsDeclared(row[status], status, refusal, stand.seq - before);
  });
});

function expectAsDeclared(
  permission: string | undefined,
  status: string,
  refusal: BerthError | null,
  commits: number,
): void {
  if (permission === "in place" && refusal?.code === "E_HAS_DEPENDENTS") return;
  if (permission === "idle" && refusal?.code === "E_CONFLICT") return;
  if (permission === "shared" && refusal !== null && ["E_IN_USE", "E_WRONG_STATE"].includes(refusal.code)) return;
  if (permission !== undefined) {
    expect(refusal?.message ?? null).toBeNull();
    return;
  }
  expect(commits).toBe(0);
  if (refusal !== null && REFUSED_FIRST.has(refusal.code)) return;
  expect(refusal?.code).toBe("E_WRONG_STATE");
  expect(refusal?.details).toMatchObject({ status, way: expect.stringMatching(/.{5}/) });
  expect(refusal?.message).toContain(`is ${status};`);
}

test("the documentation shows this table", () => {
  const page = readFileSync(join(import.meta.dirname, "../../ARCHITECTURE.md"), "utf8");
  for (const kind of ["volume", "snapshot", "attachment", "group", "group snapshot", "backend"] as const)
    expect(page).toContain(allowedTable(kind));
});
