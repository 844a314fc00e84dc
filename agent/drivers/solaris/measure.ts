import type { Capability, Costs, Measurement } from "#shared/model/capacity.ts";
import type { CallContext } from "../driver.ts";
import { objectOfName } from "../names.ts";
import { parseMark } from "../san/mark.ts";
import type { SolarisHost } from "./host.ts";
import { bytesOf, MARK_PROPERTY, type ObjectNames, properties } from "./objects.ts";
import { Refused } from "./refusal.ts";

const THIN: Costs = { volume: "none", snapshot: "none", clone: "none" };
/** A snapshot of a thick volume needs space for what the volume may write anew: all of it, at most. */
const THICK: Costs = { volume: "full", snapshot: "full", clone: "full" };

const CAPABILITIES: readonly Capability[] = [
  "snapshot",
  "create-from-snapshot",
  "clone",
  "extend",
  "online-extend",
  "connect",
  "multiattach",
  "marks",
  "revert",
  "retype",
];

export async function measure(
  context: CallContext,
  host: SolarisHost,
  names: ObjectNames,
  thin: boolean,
): Promise<Measurement> {
  const [values, sums] = [await space(context, host, names), await promised(context, host, names)];
  const of = (dataset: string, property: string): number => bytesOf(values.get(`${dataset} ${property}`) ?? "");
  const { pool, base } = names;
  const quotaBytes = of(base, "quota");
  return {
    poolId: `zfs:${values.get(`${pool} guid`) ?? pool}`,
    totalBytes: of(pool, "used") + of(pool, "available"),
    freeBytes: of(pool, "available"),
    provisioned: { scope: "backend", bytes: sums.bytes, allocatedBytes: Math.min(sums.bytes, sums.allocatedBytes) },
    backendLimitBytes: quotaBytes === 0 ? null : quotaBytes,
    thin,
    costs: thin ? THIN : THICK,
    provisioning: { thin: THIN, thick: THICK },
    objectCount: sums.count,
    maxObjects: null,
    capabilities: [...CAPABILITIES],
    connectorNeeds: ["initiator"],
    arrayId: `zfs:${values.get(`${pool} guid`) ?? pool}`,
    properties: { vendor_name: "Solaris", storage_protocol: "iSCSI" },
  };
}

/** By `dataset property`. */
async function space(
  context: CallContext,
  host: SolarisHost,
  { pool, base }: ObjectNames,
): Promise<Map<string, string>> {
  const found = await properties(context, host, ["guid", "used", "available", "quota"], {
    names: [...new Set([pool, base])],
  });
  const values = new Map(
    [...found].flatMap(([name, all]) => [...all].map(([property, value]) => [`${name} ${property}`, value] as const)),
  );
  if (!values.has(`${pool} guid`)) throw new Refused("other", `zfs get tells nothing of ${pool}`);
  return values;
}

/** Ours, and what they have taken. A snapshot counts as what it holds at most, as everywhere in Berth. */
async function promised(context: CallContext, host: SolarisHost, { base }: ObjectNames) {
  const wanted = ["volsize", "used", "defer_destroy", MARK_PROPERTY];
  const found = await properties(context, host, wanted, { names: [base], depth: "all" });
  const sums = { count: 0, bytes: 0, allocatedBytes: 0 };
  for (const [name, values] of found) {
    const object = objectOfName(name.slice(base.length + 1).replace(/^.*@/, ""));
    const mark = object === null ? null : parseMark(values.get(MARK_PROPERTY) ?? "");
    if (object === null || mark?.id !== object.id || mark.kind !== object.kind || values.get("defer_destroy") === "on")
      continue;
    const sizeBytes = bytesOf(values.get("volsize") ?? "") || (object.kind === "snapshot" ? mark.sizeBytes : 0);
    if (object.kind === "volume" && sizeBytes < mark.sizeBytes) continue;
    sums.count += 1;
    sums.bytes += sizeBytes;
    // A volume's includes its snapshots'.
    if (object.kind === "volume") sums.allocatedBytes += bytesOf(values.get("used") ?? "");
  }
  return sums;
}
