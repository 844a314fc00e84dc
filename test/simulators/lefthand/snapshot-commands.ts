import { type Command, NOTHING_TO_TELL } from "./command.ts";
import type { Group } from "./group.ts";
import { snapshotElement } from "./payload.ts";
import { CliqFailure } from "./results.ts";
import { fileOf, type SimulatedSnapshot, type SimulatedVolume, serialOf } from "./state.ts";
import { assertNotDeleting } from "./volume-commands.ts";

const createSnapshot: Command = {
  name: "createSnapshot",
  required: ["volumeName", "snapshotName"],
  optional: ["inheritAccess", "description", "retention"],
  listed: ["volumename", "snapshotname", "description"],
  run: (group, given) =>
    group.change(async () => {
      const volume = group.volume(given.text("volumeName"));
      assertNotDeleting(group, volume);
      const name = given.text("snapshotName");
      group.assertNewName(name);
      const description = given.optional("description") ?? "";
      group.assertDescription(description);
      const writtenBytes = await group.space.writtenBytes(volume);
      await group.assertRoom(volume.thin ? null : writtenBytes * volume.replication, "createSnapshot");
      const inherited = given.flag("inheritAccess", false) ? volume.permissions : [];
      const snapshot: SimulatedSnapshot = {
        ...group.newIdentity(),
        name,
        sizeBytes: volume.sizeBytes,
        replication: volume.replication,
        description,
        permissions: inherited.map((permission) => ({ ...permission, id: group.nextId() })),
        volumeId: volume.id,
        volumeName: volume.name,
        volumeSerial: serialOf(volume),
      };
      await group.files.copy(fileOf(volume), fileOf(snapshot));
      group.state.snapshots.push(snapshot);
      await group.portal.follow(snapshot);
      return NOTHING_TO_TELL;
    }),
};

const getSnapshotInfo: Command = {
  name: "getSnapshotInfo",
  required: ["snapshotName"],
  optional: ["verbose"],
  listed: ["snapshotname"],
  async run(group, given) {
    return [await snapshotElement(group, group.snapshot(given.text("snapshotName")))];
  },
};

const deleteSnapshot: Command = {
  name: "deleteSnapshot",
  required: ["snapshotName"],
  optional: ["prompt"],
  listed: ["snapshotname"],
  asks: true,
  run: (group, given) =>
    group.change(async () => {
      const snapshot = group.snapshot(given.text("snapshotName"));
      const clones = clonesOf(group, snapshot);
      if (clones.length > 1) throw clonePoint(snapshot);
      // With one left, its blocks become that one's own.
      for (const clone of clones) clone.clonedFrom = null;
      await group.remove(snapshot, "deleteSnapshot");
      return NOTHING_TO_TELL;
    }),
};

const modifySnapshot: Command = {
  name: "modifySnapshot",
  required: ["snapshotName"],
  optional: ["description"],
  listed: ["snapshotname", "description"],
  run: (group, given) =>
    group.change(async () => {
      const snapshot = group.snapshot(given.text("snapshotName"));
      const description = given.optional("description") ?? snapshot.description;
      group.assertDescription(description);
      snapshot.description = description;
      return NOTHING_TO_TELL;
    }),
};

/** A SmartClone: thin, of the snapshot's size, on its blocks. */
const cloneSnapshot: Command = {
  name: "cloneSnapshot",
  required: ["snapshotName", "volumeName"],
  optional: ["description"],
  listed: ["snapshotname", "volumename", "description"],
  run: (group, given) =>
    group.change(async () => {
      const snapshot = group.snapshot(given.text("snapshotName"));
      const name = given.text("volumeName");
      group.assertNewName(name);
      const description = given.optional("description") ?? "";
      group.assertDescription(description);
      await group.assertRoom(null, "cloneSnapshot");
      const clone: SimulatedVolume = {
        ...group.newIdentity(),
        name,
        sizeBytes: snapshot.sizeBytes,
        replication: snapshot.replication,
        description,
        thin: true,
        checkSum: false,
        permissions: [],
        clonedFrom: snapshot.id,
      };
      await group.files.copy(fileOf(snapshot), fileOf(clone));
      group.state.volumes.push(clone);
      return NOTHING_TO_TELL;
    }),
};

/** The volume has the snapshot's bytes again; what was taken of it since then goes. */
const rollbackSnapshot: Command = {
  name: "rollbackSnapshot",
  required: ["snapshotName"],
  optional: ["prompt"],
  asks: true,
  run: (group, given) =>
    group.change(async () => {
      const snapshot = group.snapshot(given.text("snapshotName"));
      const volume = group.volume(snapshot.volumeName);
      const newer = group.state.snapshots.filter(({ volumeId, id }) => volumeId === volume.id && id > snapshot.id);
      for (const one of newer) if (clonesOf(group, one).length > 0) throw clonePoint(one);
      await group.portal.close(volume);
      await group.files.copy(fileOf(snapshot), fileOf(volume));
      volume.sizeBytes = snapshot.sizeBytes;
      for (const one of newer) await group.remove(one, "rollbackSnapshot");
      await group.portal.follow(volume);
      return NOTHING_TO_TELL;
    }),
};

export const SNAPSHOT_COMMANDS: readonly Command[] = [
  createSnapshot,
  modifySnapshot,
  getSnapshotInfo,
  deleteSnapshot,
  cloneSnapshot,
  rollbackSnapshot,
];

function clonesOf(group: Group, { id }: SimulatedSnapshot): SimulatedVolume[] {
  return group.state.volumes.filter(({ clonedFrom }) => clonedFrom === id);
}

function clonePoint({ name }: SimulatedSnapshot): CliqFailure {
  return new CliqFailure("clonePoint", `Snapshot '${name}' cannot be deleted because it is a clone point.`);
}
