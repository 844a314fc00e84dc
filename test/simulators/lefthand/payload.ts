import type { Element } from "./element.ts";
import type { Group } from "./group.ts";
import { BLOCK_BYTES, MIN_VOLUME_BYTES, quotaBytes } from "./space.ts";
import {
  CLUSTER_NAME,
  GROUP_NAME,
  iqnOf,
  isSnapshot,
  type Permission,
  type SimulatedServer,
  type SimulatedSnapshot,
  type SimulatedVolume,
  type Stored,
  serialOf,
} from "./state.ts";

const NODES = [
  { name: "nodeA", ipAddress: "127.0.1.7" },
  { name: "nodeB", ipAddress: "127.0.1.8" },
];

export async function volumeElement(group: Group, volume: SimulatedVolume, permissions = true): Promise<Element> {
  const { replication, thin, checkSum } = volume;
  return {
    name: "volume",
    attributes: {
      ...(await commonAttributes(group, volume)),
      maxSize: String(group.space.maxVolumeBytes(replication)),
      parity: "0",
      checkSum: String(checkSum),
      thinProvision: String(thin),
    },
    children: childrenOf(volume, permissions),
  };
}

export async function snapshotElement(group: Group, snapshot: SimulatedSnapshot, permissions = true): Promise<Element> {
  return {
    name: "snapshot",
    attributes: {
      ...(await commonAttributes(group, snapshot)),
      id: String(snapshot.id),
      applicationManaged: "false",
      automatic: "false",
      scheduleId: "0",
      scratchWritten: "0",
      volumeSerial: snapshot.volumeSerial,
    },
    children: childrenOf(snapshot, permissions),
  };
}

async function commonAttributes(group: Group, stored: Stored): Promise<Record<string, string>> {
  const quota = String(isSnapshot(stored) ? await group.space.writtenBytes(stored) : quotaBytes(stored));
  const noIqn = group.faults.take("no-iqn") !== null;
  return {
    name: stored.name,
    size: String(stored.sizeBytes),
    initialQuota: quota,
    reserveQuota: quota,
    scratchQuota: "4194304",
    bytesWritten: String(await group.space.writtenBytes(stored)),
    blockSize: String(BLOCK_BYTES),
    stridePages: "32",
    autogrowPages: "512",
    replication: String(stored.replication),
    minReplication: "1",
    availability: group.faults.take("offline") === null ? "online" : "offline",
    deleting: String(group.isDeleting(stored)),
    isPrimary: "true",
    created: new Date(stored.createdAtMs).toISOString().replace(/\.\d+Z$/, "Z"),
    description: stored.description,
    groupName: GROUP_NAME,
    clusterName: CLUSTER_NAME,
    ...(noIqn ? {} : { iscsiIqn: iqnOf(stored) }),
    md5: stored.md5,
    serialNumber: serialOf(stored),
  };
}

function childrenOf({ permissions }: Stored, told: boolean): Element[] {
  const status: Element = { name: "status", attributes: { description: "OK", value: "2" }, children: [] };
  return [status, ...(told ? permissions.map(permissionElement) : [])];
}

function permissionElement({ id, serverId: _, ...permission }: Permission): Element {
  const { chapRequired, ...texts } = permission;
  return {
    name: "permission",
    attributes: {
      ...texts,
      chapRequired: String(chapRequired),
      id: String(id),
      iscsiEnabled: "true",
      loadBalance: "true",
    },
    children: [],
  };
}

export function serverElement({ id, chapRequired, initiator, ...server }: SimulatedServer): Element {
  return {
    name: "server",
    attributes: {
      ...server,
      id: String(id),
      iqn: initiator,
      chapRequired: String(chapRequired),
      iscsiEnabled: "true",
      loadBalance: "true",
    },
    children: [],
  };
}

/** 1: the cluster; 2: with its volumes; 3 and more: with their snapshots. */
export async function clusterElement(group: Group, depth: number, verbose: boolean): Promise<Element> {
  const { state, space } = group;
  const volumes = depth < 2 ? [] : await Promise.all(state.volumes.map((one) => volumeElement(group, one, verbose)));
  const orphans: Element[] = [];
  if (depth >= 3)
    for (const snapshot of state.snapshots) {
      const at = state.volumes.findIndex(({ id }) => id === snapshot.volumeId);
      (volumes[at]?.children ?? orphans).push(await snapshotElement(group, snapshot, verbose));
    }
  return {
    name: "cluster",
    attributes: {
      name: CLUSTER_NAME,
      description: "",
      blockSize: String(BLOCK_BYTES),
      pageSize: "262144",
      ...(await capacityAttributes(group)),
      minVolumeSize: String(MIN_VOLUME_BYTES),
      maxVolumeSizeReplication1: String(space.maxVolumeBytes(1)),
      maxVolumeSizeReplication2: String(space.maxVolumeBytes(2)),
      storageNodeCount: String(NODES.length),
      useVip: "true",
    },
    children: [...nodeElements(), ...vipElements(group), ...volumes, ...orphans],
  };
}

/** In blocks of `blockSize`; no document says whether some systems count bytes. */
async function capacityAttributes({ space, faults }: Group): Promise<Record<string, string>> {
  if (faults.take("no-capacity") !== null) return {};
  if (faults.take("odd-capacity") !== null) return { spaceTotal: "many", unprovisionedSpace: "-" };
  const unit = faults.take("capacity-in-bytes") === null ? BLOCK_BYTES : 1;
  const told = (bytes: number): string => String(Math.max(0, Math.floor(bytes / unit)));
  return { spaceTotal: told(space.totalBytes), unprovisionedSpace: told(await space.freeBytes()) };
}

function nodeElements(): Element[] {
  return NODES.map((attributes) => ({ name: "nsm", attributes, children: [] }));
}

function vipElements({ faults, portal }: Group): Element[] {
  const count = Number(faults.take("vips")?.value ?? 1);
  const own = String(faults.take("other-vip")?.value ?? portal.address.host);
  return [own, "192.0.2.6", "192.0.2.7"].slice(0, count).map((ipAddress) => ({
    name: "vip",
    attributes: { ipAddress, subnetMask: "255.255.255.0" },
    children: [],
  }));
}

export async function groupElement(): Promise<Element> {
  const nodes = NODES.map(({ name, ipAddress }) => ({
    name: "nsm",
    attributes: { name, ipAddress, isManager: "true" },
    children: [],
  }));
  const cluster = { name: "cluster", attributes: { name: CLUSTER_NAME }, children: [] };
  return { name: "group", attributes: { name: GROUP_NAME, quorum: "2" }, children: [...nodes, cluster] };
}
