import type { Cluster } from "./cluster.ts";
import { CURVE, SIZE_STEP_BYTES } from "./limits.ts";
import type { AccessGroup, Account, GroupSnapshot, Qos, QosPolicy, Snapshot, Volume } from "./state.ts";

/** What stands in the cluster, in the API's fields. */

export function accountView({ state }: Cluster, account: Account) {
  return {
    accountID: account.id,
    username: account.username,
    status: account.status,
    initiatorSecret: account.initiatorSecret,
    targetSecret: account.targetSecret,
    volumes: state.volumes.filter(({ accountId }) => accountId === account.id).map(({ id }) => id),
    storageContainerID: NO_UUID,
    attributes: account.attributes,
    enableChap: account.enableChap,
  };
}

export function volumeView(cluster: Cluster, volume: Volume) {
  const clusterDigits = Buffer.from(cluster.state.uniqueId).toString("hex");
  const idDigits = volume.id.toString(16).padStart(8, "0");
  return {
    volumeID: volume.id,
    name: volume.name,
    accountID: volume.accountId,
    createTime: timeText(volume.createdMs),
    volumeConsistencyGroupUUID: volume.uuid,
    volumeUUID: volume.uuid,
    enableSnapMirrorReplication: false,
    status: volume.status,
    access: volume.access,
    enable512e: volume.enable512e,
    iqn: cluster.iqn(volume),
    scsiEUIDeviceID: `${clusterDigits}${idDigits}f47acc0100000000`,
    scsiNAADeviceID: `6f47acc100000000${clusterDigits}${idDigits}`,
    qos: qosView(volume.qos),
    qosPolicyID: volume.qosPolicyId,
    volumeAccessGroups: cluster.state.accessGroups
      .filter(({ volumeIds }) => volumeIds.includes(volume.id))
      .map(({ id }) => id),
    volumePairs: [],
    deleteTime: timeText(volume.deletedMs),
    purgeTime: timeText(volume.purgeMs),
    lastAccessTime: null,
    lastAccessTimeIO: null,
    sliceCount: 1,
    totalSize: volume.sizeBytes,
    blockSize: 4096,
    virtualVolumeID: null,
    attributes: volume.attributes,
    currentProtectionScheme: "doubleHelix",
    previousProtectionScheme: null,
  };
}

export function qosView({ minIOPS, maxIOPS, burstIOPS, burstTime }: Qos) {
  return { minIOPS, maxIOPS, burstIOPS, burstTime, curve: CURVE };
}

export function snapshotView({ state }: Cluster, snapshot: Snapshot) {
  const group = state.groupSnapshots.find(({ id }) => id === snapshot.groupId);
  return {
    snapshotID: snapshot.id,
    volumeID: snapshot.volumeId,
    volumeName: state.volumes.find(({ id }) => id === snapshot.volumeId)?.name ?? "",
    name: snapshot.name,
    checksum: "0x0",
    status: "done",
    totalSize: snapshot.sizeBytes,
    groupID: snapshot.groupId,
    groupSnapshotUUID: group?.uuid ?? NO_UUID,
    createTime: timeText(snapshot.createdMs),
    instanceCreateTime: timeText(snapshot.createdMs),
    expirationTime: snapshot.expiresMs === null ? null : timeText(snapshot.expiresMs),
    expirationReason: snapshot.expiresMs === null ? "None" : "Api",
    enableRemoteReplication: snapshot.replicated,
    remoteStatuses: [],
    snapshotUUID: snapshot.uuid,
    instanceSnapshotUUID: snapshot.uuid,
    virtualVolumeID: null,
    snapMirrorLabel: null,
    attributes: snapshot.attributes,
  };
}

export function groupSnapshotView(cluster: Cluster, group: GroupSnapshot) {
  return {
    groupSnapshotID: group.id,
    groupSnapshotUUID: group.uuid,
    name: group.name,
    createTime: timeText(group.createdMs),
    status: "done",
    enableRemoteReplication: group.replicated,
    remoteStatuses: [],
    attributes: group.attributes,
    members: membersOf(cluster, group).map((snapshot) => snapshotView(cluster, snapshot)),
  };
}

export function membersOf({ state }: Cluster, { id }: GroupSnapshot): Snapshot[] {
  return state.snapshots.filter(({ groupId }) => groupId === id);
}

export function accessGroupView({ state }: Cluster, group: AccessGroup) {
  const deleted = new Set(state.volumes.filter(({ status }) => status === "deleted").map(({ id }) => id));
  return {
    volumeAccessGroupID: group.id,
    name: group.name,
    initiatorIDs: group.initiators.map(({ id }) => id),
    initiators: group.initiators.map(({ name }) => name),
    volumes: group.volumeIds.filter((id) => !deleted.has(id)),
    deletedVolumes: group.volumeIds.filter((id) => deleted.has(id)),
    attributes: group.attributes,
  };
}

export function qosPolicyView({ state }: Cluster, policy: QosPolicy) {
  return {
    qosPolicyID: policy.id,
    name: policy.name,
    qos: qosView(policy.qos),
    volumeIDs: state.volumes.filter(({ qosPolicyId }) => qosPolicyId === policy.id).map(({ id }) => id),
  };
}

/** An empty text where there is none. */
export function timeText(atMs: number | null): string {
  return atMs === null ? "" : new Date(atMs).toISOString().replace(/\.\d+/, "");
}

export function roundedUp(sizeBytes: number): number {
  return Math.ceil(sizeBytes / SIZE_STEP_BYTES) * SIZE_STEP_BYTES;
}

const NO_UUID = "00000000-0000-0000-0000-000000000000";
