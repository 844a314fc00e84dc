import type { Arguments } from "./arguments.ts";
import { type Command, NOTHING_TO_TELL } from "./command.ts";
import type { Group } from "./group.ts";
import { volumeElement } from "./payload.ts";
import { CliqFailure } from "./results.ts";
import { quotaBytes } from "./space.ts";
import { fileOf, type SimulatedVolume } from "./state.ts";

/** Copies of each block, where nobody says: the cluster has two nodes. */
const DEFAULT_REPLICATION = 2;

const createVolume: Command = {
  name: "createVolume",
  required: ["volumeName", "clusterName", "size"],
  optional: ["thinProvision", "replication", "description", "checkSum", "adaptiveOptimization"],
  listed: ["volumename", "size", "description"],
  run: (group, given) =>
    group.change(async () => {
      group.assertCluster(given.text("clusterName"));
      const name = given.text("volumeName");
      group.assertNewName(name);
      const description = given.optional("description") ?? "";
      group.assertDescription(description);
      const replication = given.number("replication", 1, 4) ?? DEFAULT_REPLICATION;
      const sizeBytes = given.sizeBytes("size") ?? 0;
      group.assertSize(sizeBytes, replication);
      const thin = isThin(given) ?? false;
      await group.assertRoom(thin ? null : sizeBytes * replication, "createVolume");
      const volume: SimulatedVolume = {
        ...group.newIdentity(),
        name,
        sizeBytes,
        replication,
        description,
        thin,
        checkSum: given.flag("checkSum", false),
        permissions: [],
        clonedFrom: null,
      };
      await group.files.remove(fileOf(volume));
      await group.files.setSize(fileOf(volume), sizeBytes);
      group.state.volumes.push(volume);
      return NOTHING_TO_TELL;
    }),
};

const modifyVolume: Command = {
  name: "modifyVolume",
  required: ["volumeName"],
  optional: ["size", "description", "thinProvision", "replication", "checkSum", "adaptiveOptimization"],
  listed: ["volumename", "size", "description"],
  run: (group, given) =>
    group.change(async () => {
      const volume = group.volume(given.text("volumeName"));
      const sizeBytes = given.sizeBytes("size") ?? volume.sizeBytes;
      const replication = given.number("replication", 1, 4) ?? volume.replication;
      const thin = isThin(given) ?? volume.thin;
      const description = given.optional("description") ?? volume.description;
      group.assertDescription(description);
      if (sizeBytes < volume.sizeBytes)
        throw new CliqFailure("size", `Volume '${volume.name}' cannot be made smaller.`);
      group.assertSize(sizeBytes, replication);
      const wanted = { ...volume, sizeBytes, replication, thin };
      const growsBytes = quotaBytes(wanted) * replication - quotaBytes(volume) * volume.replication;
      const becomesFull = volume.thin && !thin;
      if (sizeBytes > volume.sizeBytes || growsBytes > 0 || becomesFull)
        await group.assertRoom(thin ? null : Math.max(0, growsBytes), "modifyVolume");
      const grown = sizeBytes > volume.sizeBytes;
      Object.assign(volume, {
        sizeBytes,
        replication,
        thin,
        description,
        checkSum: given.flag("checkSum", volume.checkSum),
      });
      if (grown) {
        await group.files.setSize(fileOf(volume), sizeBytes);
        await group.portal.resized(volume);
      }
      return NOTHING_TO_TELL;
    }),
};

const deleteVolume: Command = {
  name: "deleteVolume",
  required: ["volumeName"],
  optional: ["prompt"],
  listed: ["volumename"],
  asks: true,
  run: (group, given) =>
    group.change(async () => {
      const volume = group.volume(given.text("volumeName"));
      assertNotDeleting(group, volume);
      if (volume.permissions.length > 0 && group.faults.take("refuse-assigned", "deleteVolume") !== null)
        throw new CliqFailure("inUse", `Volume '${volume.name}' is in use and cannot be deleted.`);
      await group.remove(volume, "deleteVolume");
      return NOTHING_TO_TELL;
    }),
};

const getVolumeInfo: Command = {
  name: "getVolumeInfo",
  required: [],
  optional: ["volumeName", "verbose"],
  listed: ["volumename"],
  async run(group, given) {
    const name = given.optional("volumeName");
    if (name !== null) return [await volumeElement(group, group.volume(name))];
    if (group.state.volumes.length === 0) throw new CliqFailure("nothingFound", "Operation found no objects.");
    return await Promise.all(group.state.volumes.map((volume) => volumeElement(group, volume)));
  },
};

export const VOLUME_COMMANDS: readonly Command[] = [createVolume, modifyVolume, deleteVolume, getVolumeInfo];

/** 1 is thin and anything else is full; null: it is not said. */
function isThin(given: Arguments): boolean | null {
  const value = given.optional("thinProvision")?.toLowerCase();
  return value === undefined ? null : value === "1" || value === "true";
}

export function assertNotDeleting(group: Group, volume: SimulatedVolume): void {
  if (group.isDeleting(volume)) throw new CliqFailure("deleting", `Volume '${volume.name}' is being deleted.`);
}
