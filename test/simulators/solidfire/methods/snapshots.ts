import { randomUUID } from "node:crypto";
import { type Cluster, snapshotFile, volumeFile } from "../cluster.ts";
import { ElementError, exceeded, invalid, missing } from "../element-error.ts";
import type { Parameters } from "../parameters.ts";
import type { GroupSnapshot, Snapshot, Volume } from "../state.ts";
import { groupSnapshotView, membersOf, roundedUp, snapshotView, timeText } from "../views.ts";
import { attributesOf, type Methods } from "./method.ts";

const CHECKSUM = "0x0";

interface Taking {
  readonly name: string;
  readonly groupId: number;
  readonly expiresMs: number | null;
  readonly replicated: boolean;
  readonly attributes: Record<string, unknown>;
  /** Of another snapshot of the volume; null: of the volume as it is. */
  readonly from: Snapshot | null;
}

export const snapshotMethods: Methods = {
  CreateSnapshot: {
    since: "6.0",
    async run(cluster, parameters, method) {
      const volume = cluster.volume(parameters.id("volumeID"));
      const fromId = parameters.optionalInteger("snapshotID");
      const from = fromId === null ? null : cluster.snapshot(fromId);
      await cluster.reserve(method, 0, true);
      const made = await take(cluster, volume, { ...takingOf(parameters, method), groupId: 0, from });
      return { snapshotID: made.id, checksum: CHECKSUM, snapshot: snapshotView(cluster, made) };
    },
  },
  ListSnapshots: {
    since: "6.0",
    run(cluster, parameters) {
      const volumeId = parameters.optionalInteger("volumeID");
      const snapshotId = parameters.optionalInteger("snapshotID");
      if (snapshotId !== null) cluster.snapshot(snapshotId);
      const wanted = cluster.state.snapshots.filter(
        (one) => (volumeId === null || one.volumeId === volumeId) && (snapshotId === null || one.id === snapshotId),
      );
      return { snapshots: wanted.map((one) => snapshotView(cluster, one)) };
    },
  },
  ModifySnapshot: {
    since: "6.0",
    run(cluster, parameters, method) {
      const snapshot = cluster.snapshot(parameters.id("snapshotID"));
      if (parameters.has("expirationTime")) snapshot.expiresMs = expiryOf(parameters, method);
      snapshot.replicated = parameters.optionalFlag("enableRemoteReplication") ?? snapshot.replicated;
      return { snapshot: snapshotView(cluster, snapshot) };
    },
  },
  DeleteSnapshot: {
    since: "6.0",
    async run(cluster, parameters) {
      await cluster.removeSnapshot(cluster.snapshot(parameters.id("snapshotID")));
      return {};
    },
  },
  RollbackToSnapshot: {
    since: "6.0",
    async run(cluster, parameters, method) {
      const volume = cluster.volume(parameters.id("volumeID"));
      const snapshot = snapshotOf(cluster, volume, parameters.id("snapshotID"));
      const saves = parameters.flag("saveCurrentState");
      const saved = saves
        ? await take(cluster, volume, { ...takingOf(parameters, method), groupId: 0, from: null })
        : null;
      await rollBack(cluster, volume, snapshot);
      return {
        checksum: CHECKSUM,
        snapshotID: saved?.id ?? snapshot.id,
        snapshot: snapshotView(cluster, saved ?? snapshot),
      };
    },
  },
  CreateGroupSnapshot: {
    since: "7.0",
    async run(cluster, parameters, method) {
      const { state, options } = cluster;
      const ids = parameters.ids("volumes");
      if (ids.length === 0) throw missing("volumes");
      if (ids.length > options.limits.volumesPerGroupSnapshotMax)
        throw exceeded(`A group snapshot has at most ${options.limits.volumesPerGroupSnapshotMax} volumes.`);
      const volumes = ids.map((id) => cluster.volume(id));
      await cluster.reserve(method, 0, true);
      for (const volume of volumes) assertRoom(cluster, volume);
      const taking = takingOf(parameters, method);
      const group: GroupSnapshot = {
        id: cluster.nextId("groupSnapshot"),
        uuid: randomUUID(),
        name: taking.name,
        createdMs: Date.now(),
        replicated: taking.replicated,
        attributes: taking.attributes,
      };
      state.groupSnapshots.push(group);
      for (const volume of volumes) await take(cluster, volume, { ...taking, groupId: group.id, from: null });
      return {
        groupSnapshotID: group.id,
        groupSnapshot: groupSnapshotView(cluster, group),
        members: membersOf(cluster, group).map(({ volumeId, id, uuid }) => ({
          volumeID: volumeId,
          snapshotID: id,
          snapshotUUID: uuid,
          checksum: CHECKSUM,
        })),
      };
    },
  },
  ListGroupSnapshots: {
    since: "7.0",
    run(cluster, parameters) {
      const volumeIds = parameters.optionalIds("volumes") ?? parameters.optionalIds("volumeID");
      const groupId = parameters.optionalInteger("groupSnapshotID");
      const wanted = cluster.state.groupSnapshots.filter(
        (group) =>
          (groupId === null || group.id === groupId) &&
          (volumeIds === null || membersOf(cluster, group).some(({ volumeId }) => volumeIds.includes(volumeId))),
      );
      return { groupSnapshots: wanted.map((group) => groupSnapshotView(cluster, group)) };
    },
  },
  DeleteGroupSnapshot: {
    since: "7.0",
    async run(cluster, parameters) {
      const { state } = cluster;
      const group = cluster.groupSnapshot(parameters.id("groupSnapshotID"));
      const keeps = parameters.optionalFlag("saveMembers") ?? false;
      for (const member of membersOf(cluster, group)) {
        if (keeps) member.groupId = 0;
        else await cluster.removeSnapshot(member);
      }
      state.groupSnapshots = state.groupSnapshots.filter((one) => one !== group);
      return {};
    },
  },
  RollbackToGroupSnapshot: {
    since: "7.0",
    async run(cluster, parameters) {
      const group = cluster.groupSnapshot(parameters.id("groupSnapshotID"));
      if (parameters.flag("saveCurrentState"))
        throw new ElementError("xInvalidParameter", "saveCurrentState is not supported for groups here");
      const members = membersOf(cluster, group);
      for (const member of members) await rollBack(cluster, cluster.volume(member.volumeId), member);
      const told = members.map(({ volumeId, id }) => ({ volumeID: volumeId, snapshotID: id, checksum: CHECKSUM }));
      return { members: told, groupSnapshotID: group.id, groupSnapshot: groupSnapshotView(cluster, group) };
    },
  },
};

function takingOf(parameters: Parameters, method: string): Omit<Taking, "groupId" | "from"> {
  return {
    name: parameters.optionalName("name") ?? timeText(Date.now()),
    expiresMs: expiryOf(parameters, method),
    replicated: parameters.optionalFlag("enableRemoteReplication") ?? false,
    attributes: attributesOf(parameters) ?? {},
  };
}

async function take(cluster: Cluster, volume: Volume, taking: Taking): Promise<Snapshot> {
  const { from, ...fields } = taking;
  assertRoom(cluster, volume);
  if (from !== null) snapshotOf(cluster, volume, from.id);
  const snapshot: Snapshot = {
    ...fields,
    id: cluster.nextId("snapshot"),
    volumeId: volume.id,
    uuid: randomUUID(),
    sizeBytes: from?.sizeBytes ?? volume.sizeBytes,
    createdMs: Date.now(),
  };
  await cluster.files.copy(from === null ? volumeFile(volume.id) : snapshotFile(from.id), snapshotFile(snapshot.id));
  cluster.state.snapshots.push(snapshot);
  return snapshot;
}

/** The volume's size stays: what it grew by since is zeros. */
async function rollBack(cluster: Cluster, volume: Volume, snapshot: Snapshot): Promise<void> {
  await cluster.files.copy(snapshotFile(snapshot.id), volumeFile(volume.id));
  await cluster.files.setSize(volumeFile(volume.id), Math.max(volume.sizeBytes, roundedUp(snapshot.sizeBytes)));
  await cluster.options.iscsi?.refreshSize(cluster.iqn(volume));
}

function snapshotOf(cluster: Cluster, volume: Volume, id: number): Snapshot {
  const snapshot = cluster.snapshot(id);
  if (snapshot.volumeId !== volume.id) throw invalid(`SnapshotID ${id} is not a snapshot of VolumeID ${volume.id}`);
  return snapshot;
}

function assertRoom({ state, options: { limits } }: Cluster, { id }: Volume): void {
  if (state.snapshots.filter(({ volumeId }) => volumeId === id).length >= limits.snapshotsPerVolumeMax)
    throw new ElementError("xMaxSnapshotsPerVolumeExceeded", `VolumeID ${id} has as many snapshots as it may.`);
}

function expiryOf(parameters: Parameters, method: string): number | null {
  const retention = parameters.optionalText("retention");
  const until = parameters.optionalText("expirationTime");
  if (retention !== null) {
    const [hours = 0, minutes = 0, seconds = 0] = /^(\d+):(\d\d):(\d\d)$/.exec(retention)?.slice(1).map(Number) ?? [];
    if (!/^\d+:\d\d:\d\d$/.test(retention)) throw invalid(`${method}: retention has the form HH:MM:SS`);
    return Date.now() + ((hours * 60 + minutes) * 60 + seconds) * 1000;
  }
  if (until === null || until === "" || until === "fifo") return null;
  const atMs = Date.parse(until);
  if (Number.isNaN(atMs)) throw invalid("expirationTime is no time");
  return atMs;
}
