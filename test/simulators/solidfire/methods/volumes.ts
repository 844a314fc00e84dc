import { randomUUID } from "node:crypto";
import { type Cluster, volumeFile } from "../cluster.ts";
import { ElementError, exceeded, invalid, noVolume } from "../element-error.ts";
import { CURVE } from "../limits.ts";
import { ACCESSES, type Volume } from "../state.ts";
import { roundedUp, volumeView } from "../views.ts";
import { attributesOf, type Methods } from "./method.ts";
import { wantedQos } from "./qos.ts";

/** So long a deleted volume can be restored. */
const PURGE_AFTER_MS = 8 * 3_600_000;

export const volumeMethods: Methods = {
  CreateVolume: {
    since: "1.0",
    async run(cluster, parameters, method) {
      const { state } = cluster;
      const name = parameters.name("name");
      const account = cluster.account(parameters.id("accountID"));
      const sizeBytes = allowedSize(cluster, parameters.integer("totalSize"));
      const enable512e = parameters.flag("enable512e");
      const attributes = attributesOf(parameters) ?? {};
      const quality = wantedQos(cluster, parameters, { qos: state.defaultQos, qosPolicyId: null });
      const access = parameters.oneOf("access", ACCESSES) ?? "readWrite";
      assertCounts(cluster, account.id);
      await cluster.reserve(method, sizeBytes);
      const volume: Volume = {
        id: cluster.nextId("volume"),
        name,
        accountId: account.id,
        uuid: randomUUID(),
        createdMs: Date.now(),
        status: "active",
        access,
        enable512e,
        sizeBytes,
        ...quality,
        attributes,
        deletedMs: null,
        purgeMs: null,
      };
      await cluster.files.setSize(volumeFile(volume.id), sizeBytes);
      state.volumes.push(volume);
      await cluster.exportVolume(volume);
      return { volumeID: volume.id, volume: volumeView(cluster, volume), curve: CURVE };
    },
  },
  ModifyVolume: {
    since: "1.0",
    async run(cluster, parameters, method) {
      const volume = cluster.volume(parameters.id("volumeID"));
      if (volume.status === "init" && cluster.options.desk.faults.take("clone-busy", method) !== null)
        throw new ElementError("xNotReadyForIO", `VolumeID ${volume.id} is not ready for I/O.`);
      const before = { ...volume };
      const accountId = parameters.optionalInteger("accountID") ?? volume.accountId;
      cluster.account(accountId);
      if (accountId !== volume.accountId) assertAccountHasRoom(cluster, accountId);
      const sizeBytes = parameters.has("totalSize")
        ? allowedSize(cluster, parameters.integer("totalSize"))
        : volume.sizeBytes;
      if (sizeBytes < volume.sizeBytes)
        throw new ElementError("xVolumeShrinkProhibited", "A volume cannot be made smaller.");
      const quality = wantedQos(cluster, parameters, volume);
      const attributes = attributesOf(parameters) ?? volume.attributes;
      const access = parameters.oneOf("access", ACCESSES) ?? volume.access;
      if (sizeBytes > volume.sizeBytes) {
        await cluster.reserve(method, sizeBytes - volume.sizeBytes);
        await cluster.files.setSize(volumeFile(volume.id), sizeBytes);
      }
      Object.assign(volume, { accountId, sizeBytes, ...quality, attributes, access });
      if (accountId !== before.accountId || access !== before.access) await cluster.exportVolume(volume);
      if (sizeBytes > before.sizeBytes) await cluster.options.iscsi?.refreshSize(cluster.iqn(volume));
      return { volume: volumeView(cluster, volume), curve: CURVE };
    },
  },
  DeleteVolume: {
    since: "1.0",
    async run(cluster, parameters) {
      const volume = cluster.volume(parameters.id("volumeID"));
      await deleteVolume(cluster, volume);
      return { volume: volumeView(cluster, volume) };
    },
  },
  DeleteVolumes: {
    since: "9.0",
    async run(cluster, parameters) {
      const volumes = parameters.ids("volumeIDs").map((id) => cluster.volume(id));
      for (const volume of volumes) await deleteVolume(cluster, volume);
      return { volumes: volumes.map((volume) => volumeView(cluster, volume)) };
    },
  },
  PurgeDeletedVolume: {
    since: "1.0",
    async run(cluster, parameters) {
      await cluster.purge(deleted(cluster, parameters.id("volumeID")));
      return {};
    },
  },
  PurgeDeletedVolumes: {
    since: "9.0",
    async run(cluster, parameters) {
      for (const id of parameters.ids("volumeIDs")) await cluster.purge(deleted(cluster, id));
      return {};
    },
  },
  RestoreDeletedVolume: {
    since: "1.0",
    async run(cluster, parameters) {
      const volume = deleted(cluster, parameters.id("volumeID"));
      Object.assign(volume, { status: "active", deletedMs: null, purgeMs: null });
      await cluster.exportVolume(volume);
      return {};
    },
  },
};

async function deleteVolume(cluster: Cluster, volume: Volume): Promise<void> {
  const nowMs = Date.now();
  const sooner = cluster.options.desk.faults.take("purge-soon", "DeleteVolume");
  const afterMs = sooner === null ? PURGE_AFTER_MS : (sooner.delayMs ?? 0);
  Object.assign(volume, { status: "deleted", deletedMs: nowMs, purgeMs: nowMs + afterMs });
  await cluster.exportVolume(volume);
}

function deleted({ state }: Cluster, id: number): Volume {
  const found = state.volumes.find((one) => one.id === id && one.status === "deleted");
  if (found === undefined) throw noVolume(id);
  return found;
}

export function allowedSize({ options: { limits } }: Cluster, askedBytes: number): number {
  const sizeBytes = roundedUp(askedBytes);
  if (sizeBytes < limits.volumeSizeMin || sizeBytes > limits.volumeSizeMax)
    throw invalid(`totalSize must be between ${limits.volumeSizeMin} and ${limits.volumeSizeMax} bytes`);
  return sizeBytes;
}

export function assertCounts(cluster: Cluster, accountId: number): void {
  if (cluster.state.volumes.length >= cluster.options.limits.volumeCountMax)
    throw exceeded("The number of volumes in the cluster has reached its limit.");
  assertAccountHasRoom(cluster, accountId);
}

function assertAccountHasRoom({ state, options: { limits } }: Cluster, accountId: number): void {
  const count = state.volumes.filter((one) => one.accountId === accountId).length;
  if (count >= limits.volumesPerAccountCountMax)
    throw exceeded(`AccountID ${accountId} has the largest number of volumes that an account may have.`);
}
