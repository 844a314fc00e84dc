import { objectOfName } from "../names.ts";
import type { CliqCluster, CliqSnapshot, CliqVolume } from "./answer.ts";
import { volumeOfCloneSource } from "./copies.ts";
import { parseMark } from "./mark.ts";
import { isLeaving, type LeftHandObject, objectOf } from "./objects.ts";

export interface Standing {
  readonly volumes: readonly CliqVolume[];
  readonly snapshots: readonly CliqSnapshot[];
}

/** What stands in the cluster, but for what is about to be gone; snapshots stand with their volumes, or alone. */
export function standingIn({ volume: volumes = [], snapshot: alone = [] }: CliqCluster): Standing {
  return {
    volumes: volumes.filter((one) => !isLeaving(one)),
    snapshots: [...volumes.flatMap(({ snapshot = [] }) => snapshot), ...alone].filter((one) => !isLeaving(one)),
  };
}

/** Objects with our name and our mark; what a clone is made from is none by itself. */
export function oursIn({ volumes, snapshots }: Standing): number {
  return [...volumes, ...snapshots].filter(
    ({ name, description = "" }) => objectOfName(name) !== null && parseMark(description) !== null,
  ).length;
}

/**
 * What is promised in the cluster, whoever made it, and how much of that is taken from its space already. A snapshot has
 * what it will ever have: that is taken, and nothing is promised.
 */
export function promisedBytes({ volumes }: Standing): { readonly bytes: number; readonly allocatedBytes: number } {
  let [bytes, allocatedBytes] = [0, 0];
  for (const { size, thinProvision, initialQuota = "0" } of volumes) {
    bytes += Number(size);
    allocatedBytes += thinProvision === "true" ? Math.min(Number(size), Number(initialQuota)) : Number(size);
  }
  return { bytes, allocatedBytes };
}

/** What a clone is made from is a part of it: told only where it is all that there is of it. */
export function objectsIn({ volumes, snapshots }: Standing): LeftHandObject[] {
  const volumeIds = new Set(volumes.map(({ name }) => objectOfName(name)?.id));
  return [
    ...volumes.map((one) => objectOf("volume", one)),
    ...snapshots.flatMap((one) => {
      const volumeId = volumeOfCloneSource(one.name);
      if (volumeId === null) return [objectOf("snapshot", one)];
      return volumeIds.has(volumeId) ? [] : [partOf(volumeId, one)];
    }),
  ];
}

function partOf(id: string, told: CliqSnapshot): LeftHandObject {
  const printed = parseMark(told.description ?? "");
  const mark = printed === null ? null : { id, volumeId: id, owner: printed.owner, writtenAtMs: printed.writtenAtMs };
  return { ...objectOf("snapshot", told), kind: "volume", mark, whole: false };
}
