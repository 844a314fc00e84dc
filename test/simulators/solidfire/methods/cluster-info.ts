import { API_VERSIONS, CURRENT_VERSION } from "../limits.ts";
import { timeText } from "../views.ts";
import type { Methods } from "./method.ts";

const BLOCK_BYTES = 4096;
const MAX_IOPS = 200_000;
const NODE_VERSION = `${CURRENT_VERSION}.0.23`;

export const clusterMethods: Methods = {
  GetClusterInfo: {
    since: "1.0",
    run({ state, options: { iscsi, desk } }) {
      const told = desk.faults.take("svip", "GetClusterInfo")?.value;
      const svip = typeof told === "string" ? told : (iscsi?.portal.split(":")[0] ?? "127.0.0.1");
      return {
        clusterInfo: {
          name: state.name,
          uniqueID: state.uniqueId,
          uuid: state.uuid,
          mvip: "127.0.0.1",
          mvipInterface: "Bond1G",
          mvipNodeID: 1,
          mvipVlanTag: "0",
          svip,
          svipInterface: "Bond10G",
          svipNodeID: 1,
          svipVlanTag: "0",
          repCount: 2,
          ensemble: ["127.0.0.1"],
          encryptionAtRestState: "disabled",
          softwareEncryptionAtRestState: "disabled",
          supportedProtectionSchemes: ["doubleHelix"],
          enabledProtectionSchemes: ["doubleHelix"],
          defaultProtectionScheme: "doubleHelix",
          attributes: {},
        },
      };
    },
  },
  GetClusterVersionInfo: {
    since: "1.0",
    run: () => ({
      clusterAPIVersion: CURRENT_VERSION,
      clusterVersion: NODE_VERSION,
      clusterVersionInfo: [{ nodeID: 1, nodeVersion: NODE_VERSION, nodeInternalRevision: "BuildType=Release" }],
      softwareVersionInfo: {
        currentVersion: NODE_VERSION,
        nodeID: 0,
        packageName: "",
        pendingVersion: NODE_VERSION,
        startTime: "",
      },
    }),
  },
  GetAPI: {
    since: "1.0",
    run: () => ({ currentVersion: CURRENT_VERSION, supportedVersions: API_VERSIONS }),
  },
  GetClusterHardwareInfo: {
    since: "1.0",
    run: ({ state }) => ({ clusterHardwareInfo: { drives: {}, nodes: { "1": { uuid: state.uuid } } } }),
  },
  // It is paired with no other cluster, and cannot be.
  ListClusterPairs: { since: "6.0", run: () => ({ clusterPairs: [] }) },
  ListActivePairedVolumes: { since: "6.0", run: () => ({ volumes: [] }) },
  GetLimits: { since: "1.0", run: ({ options }) => ({ ...options.limits }) },
  GetClusterCapacity: {
    since: "1.0",
    async run(cluster, _parameters, method) {
      const usedSpace = await cluster.usedBytes();
      const blocks =
        cluster.options.desk.faults.take("no-blocks", method) === null ? Math.ceil(usedSpace / BLOCK_BYTES) : 0;
      const provisionedSpace = cluster.provisionedBytes;
      return {
        clusterCapacity: {
          maxProvisionedSpace: cluster.options.capacityBytes,
          provisionedSpace,
          maxOverProvisionableSpace: cluster.maxProvisionableBytes,
          maxUsedSpace: cluster.options.capacityBytes,
          usedSpace,
          activeBlockSpace: usedSpace,
          uniqueBlocks: blocks,
          uniqueBlocksUsedSpace: blocks * BLOCK_BYTES,
          nonZeroBlocks: blocks,
          zeroBlocks: Math.max(0, Math.ceil(provisionedSpace / BLOCK_BYTES) - blocks),
          snapshotNonZeroBlocks: 0,
          maxUsedMetadataSpace: Math.ceil(cluster.options.capacityBytes / 100),
          usedMetadataSpace: cluster.state.volumes.length * BLOCK_BYTES,
          usedMetadataSpaceInSnapshots: cluster.state.snapshots.length * BLOCK_BYTES,
          timestamp: timeText(Date.now()),
          maxIOPS: MAX_IOPS,
          ...{ activeSessions: 0, peakActiveSessions: 0, averageIOPS: 0, currentIOPS: 0, peakIOPS: 0 },
          ...{ clusterRecentIOSize: 0, totalOps: 0 },
        },
      };
    },
  },
  GetClusterFullThreshold: {
    since: "1.0",
    async run(cluster, _parameters, method) {
      const total = cluster.options.capacityBytes;
      const number = await cluster.fullStage(method);
      const stage = `stage${number}${STAGE_WORDS[number] ?? ""}`;
      return {
        blockFullness: stage,
        fullness: stage,
        metadataFullness: "stage1Happy",
        maxMetadataOverProvisionFactor: cluster.options.overProvisioning,
        sliceReserveUsedThresholdPct: 5,
        stage2AwareThreshold: 3,
        stage3LowThreshold: 2,
        stage3BlockThresholdPercent: 3,
        stage3MetadataThresholdPercent: 3,
        stage4CriticalThreshold: 1,
        ...thresholds(total, "Block"),
        ...thresholds(Math.ceil(total / 100), "Metadata"),
        sumTotalClusterBytes: total,
        sumUsedClusterBytes: await cluster.usedBytes(),
        sumTotalMetadataClusterBytes: Math.ceil(total / 100),
        sumUsedMetadataClusterBytes: 0,
      };
    },
  },
};

const STAGE_WORDS: Readonly<Record<number, string>> = {
  1: "Happy",
  2: "Aware",
  3: "Low",
  4: "Critical",
  5: "CompletelyConsumed",
};

function thresholds(totalBytes: number, what: "Block" | "Metadata"): Record<string, number> {
  const shares = { 2: 0.8, 3: 0.9, 4: 0.98, 5: 1 };
  return Object.fromEntries(
    Object.entries(shares).map(([stage, share]) => [
      `stage${stage}${what}ThresholdBytes`,
      Math.floor(totalBytes * share),
    ]),
  );
}
