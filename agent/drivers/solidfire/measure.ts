import type { Capability, Costs, Measurement } from "#shared/model/capacity.ts";
import type { Properties } from "#shared/model/extra-specs.ts";
import type { CallContext } from "../driver.ts";
import type { ElementCapacity, ElementVolume } from "./answers.ts";
import type { ElementClient } from "./client.ts";
import type { Doors } from "./doors.ts";
import { snapshotMarkOf, volumeMarkOf } from "./mark.ts";
import { isDeleted, type Objects } from "./objects.ts";
import { capacityOf } from "./space.ts";

const BLOCK_BYTES = 4096;
const COSTS: Costs = { volume: "none", snapshot: "none", clone: "none" };

const CAPABILITIES: readonly Capability[] = [
  "snapshot",
  "create-from-snapshot",
  "clone",
  "extend",
  "online-extend",
  "connect",
  "revert",
  "group-snapshot",
  "marks",
  "retype",
  "qos",
  "manage",
];

/** Which of the cluster's figures is its capacity: what may be promised, or what can be held. */
export type ProvisioningCalc = "maxProvisionedSpace" | "usedSpace";

export interface Measuring {
  readonly client: ElementClient;
  readonly objects: Objects;
  readonly doors: Doors;
  readonly clusterUuid: string;
  readonly calc: ProvisioningCalc;
}

/** Deleted volumes that are not purged yet are promised still. */
export async function measure(context: CallContext, measuring: Measuring): Promise<Measurement> {
  const { client, objects, doors, clusterUuid, calc } = measuring;
  const capacity = await capacityOf(client, context);
  const volumes = await objects.volumes(context);
  const snapshots = await objects.snapshots(context);
  const poolId = `solidfire:${clusterUuid}`;
  const totalBytes = calc === "usedSpace" ? capacity.maxUsedSpace : capacity.maxProvisionedSpace;
  const ourVolumes = volumes.filter((one) => !isDeleted(one) && volumeMarkOf(one) !== null).length;
  return {
    poolId,
    arrayId: poolId,
    totalBytes,
    freeBytes: Math.max(0, totalBytes - capacity.usedSpace),
    provisioned: { scope: "pool", bytes: capacity.provisionedSpace },
    backendLimitBytes: null,
    thin: true,
    costs: COSTS,
    provisioning: { thin: COSTS },
    objectCount: ourVolumes + snapshots.filter((one) => snapshotMarkOf(one) !== null).length,
    maxObjects: null,
    capabilities: [...CAPABILITIES, ...(doors.multiattach ? (["multiattach"] as const) : [])],
    ...(doors.needsInitiator ? { connectorNeeds: ["initiator"] } : {}),
    properties: propertiesOf(capacity, volumes),
  };
}

function propertiesOf(capacity: ElementCapacity, volumes: readonly ElementVolume[]): Properties {
  return {
    vendor_name: "SolidFire",
    storage_protocol: "iSCSI",
    compression: true,
    deduplication: true,
    ...efficiencyOf(capacity),
    provisioned_iops: volumes.reduce((sum, { qos }) => sum + qos.minIOPS, 0),
    max_iops: capacity.maxIOPS,
  };
}

/** In percent; a new cluster has no blocks by which anything could be divided. */
function efficiencyOf({ uniqueBlocks, uniqueBlocksUsedSpace, nonZeroBlocks, zeroBlocks }: ElementCapacity): Properties {
  if ([uniqueBlocks, uniqueBlocksUsedSpace, nonZeroBlocks, zeroBlocks].includes(0))
    return { compression_percent: 100, deduplication_percent: 100, thin_provision_percent: 100 };
  return {
    compression_percent: ((uniqueBlocks * BLOCK_BYTES) / uniqueBlocksUsedSpace) * 100,
    deduplication_percent: (nonZeroBlocks / uniqueBlocks) * 100,
    thin_provision_percent: ((nonZeroBlocks + zeroBlocks) / nonZeroBlocks) * 100,
  };
}
