import type { LeftHandParameters } from "#shared/drivers/lefthand.ts";
import { DriverError } from "../driver.ts";
import type { CliqCluster } from "./answer.ts";

export interface ClusterSpace {
  readonly totalBytes: number;
  readonly freeBytes: number;
}

/**
 * What volumes with so many copies of each block find room in. The cluster tells its space in blocks of `blockSize`, or
 * so it seems from what it tells on systems whose size is known; `capacity_unit` is for one that tells bytes.
 */
export function spaceOf(
  cluster: CliqCluster,
  { capacity_unit = "blocks" }: LeftHandParameters,
  copies: number,
): ClusterSpace {
  const unitBytes = capacity_unit === "bytes" ? 1 : numberOf(cluster.blockSize);
  const inBytes = (text: string | undefined): number => Math.floor((numberOf(text) * unitBytes) / copies);
  const totalBytes = inBytes(cluster.spaceTotal);
  return { totalBytes, freeBytes: Math.min(totalBytes, inBytes(cluster.unprovisionedSpace)) };
}

/** How many copies the array keeps of each block where nobody says: two, where there are two nodes to keep them. */
export function copiesOf(cluster: CliqCluster, { replication }: LeftHandParameters): number {
  return replication ?? (cluster.storageNodeCount === "1" ? 1 : 2);
}

function numberOf(text: string | undefined): number {
  const number = text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new DriverError("unknown", "the cluster does not tell its capacity in numbers");
}
