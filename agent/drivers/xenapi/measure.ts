import type { SrKind } from "#shared/drivers/xenapi/declarations.ts";
import type { Capability, Costs, Measurement } from "#shared/model/capacity.ts";
import { markOf } from "./marks.ts";
import type { SrRecord } from "./records.ts";
import { standing, type Vdi } from "./vdis.ts";

export interface MeasuredSr {
  readonly kind: SrKind;
  /** The `allocation` parameter. */
  readonly thinWanted: boolean;
  /** What the SR's plugin says it can. */
  readonly pluginCan: ReadonlySet<string>;
  readonly sr: SrRecord;
  readonly vdis: readonly Vdi[];
  readonly poolUuid: string;
}

const NONE: Costs = { volume: "none", snapshot: "none", clone: "none" };
const FULL: Costs = { volume: "full", snapshot: "full", clone: "full" };

export function measurementOf(measured: MeasuredSr): Measurement {
  const { kind, thinWanted, sr, vdis, poolUuid } = measured;
  const ours = standing(
    vdis.flatMap((vdi) => {
      const mark = markOf(vdi.record);
      return mark === null || mark.filling === true ? [] : [{ ...vdi, mark }];
    }),
  );
  const thin = kind.thin === "always" || (kind.thin === "by-allocation" && thinWanted);
  return {
    poolId: `xen:${sr.uuid}`,
    ...capacityOf(kind, sr, vdis),
    provisioned: { scope: "pool", bytes: Math.max(0, sr.virtual_allocation) },
    backendLimitBytes: null,
    thin,
    costs: thin ? NONE : FULL,
    objectCount: ours.length,
    maxObjects: null,
    capabilities: capabilitiesOf(measured),
    arrayId: `xen-pool:${poolUuid}`,
    properties: {
      vendor_name: "XenServer",
      storage_protocol: kind.protocol,
      sr_type: kind.type,
      ...healthOf(vdis),
    },
  };
}

/** HBAs say 0, and of LUNs that are there already nobody can say how much fits: what may be made there is told as none. */
function capacityOf(
  kind: SrKind,
  { physical_size, physical_utilisation }: SrRecord,
  vdis: readonly Vdi[],
): Pick<Measurement, "totalBytes" | "freeBytes"> {
  if (kind.layout === "luns") {
    const totalBytes = vdis.reduce((sum, { record }) => sum + record.virtual_size, 0);
    return { totalBytes, freeBytes: kind.creation === "refused" ? 0 : "unknown" };
  }
  if (physical_size <= 0) return { totalBytes: "unknown", freeBytes: "unknown" };
  return { totalBytes: physical_size, freeBytes: Math.max(0, physical_size - physical_utilisation) };
}

function capabilitiesOf({ kind, pluginCan }: MeasuredSr): Capability[] {
  if (kind.layout === "luns") return ["connect", "marks", "manage", "retype"];
  const always: Capability[] = ["connect", "attach-snapshot", "marks", "retype"];
  const can = (...features: string[]): boolean => features.every((feature) => pluginCan.has(feature));
  return [
    ...always,
    "migrate",
    ...(can("VDI_SNAPSHOT") ? (["snapshot"] as const) : []),
    ...(can("VDI_CLONE") ? (["clone"] as const) : []),
    ...(can("VDI_SNAPSHOT", "VDI_CLONE") ? (["create-from-snapshot", "revert"] as const) : []),
    ...(can("VDI_RESIZE") ? (["extend"] as const) : []),
  ];
}

/**
 * VHDs whose snapshots and clones are gone wait to be merged into the one that is left: until then they take space, and
 * each makes reading slower. At 30 in a row no more snapshots can be made.
 */
function healthOf(vdis: readonly Vdi[]): { coalesce_backlog: number; longest_chain: number } {
  const parents = new Map<string, string>();
  const children = new Map<string, number>();
  for (const { record } of vdis) {
    const parent = record.sm_config["vhd-parent"];
    if (parent === undefined) continue;
    parents.set(record.uuid, parent);
    children.set(parent, (children.get(parent) ?? 0) + 1);
  }
  const hidden = vdis.filter(({ record }) => !record.managed && record.sm_config.SCSIid === undefined);
  const backlog = hidden.filter(({ record }) => (children.get(record.uuid) ?? 0) < 2).length;
  let longest = vdis.length === 0 ? 0 : 1;
  const lengths = new Map<string, number>();
  const lengthOf = (uuid: string): number => {
    const known = lengths.get(uuid);
    if (known !== undefined) return known;
    const parent = parents.get(uuid);
    // A circle would be the pool's fault, and not a reason to hang here.
    lengths.set(uuid, 1);
    const length = parent === undefined ? 1 : 1 + lengthOf(parent);
    lengths.set(uuid, length);
    return length;
  };
  for (const uuid of parents.keys()) longest = Math.max(longest, lengthOf(uuid));
  return { coalesce_backlog: backlog, longest_chain: longest };
}
