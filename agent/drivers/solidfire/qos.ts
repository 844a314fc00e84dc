import type { VolumeSpec } from "#shared/model/extra-specs.ts";
import { NUMBER_LIMITS } from "#shared/model/qos.ts";
import { bytesToGib } from "#shared/units.ts";
import { DriverError } from "../driver.ts";
import type { ElementQos } from "./answers.ts";

type Limits = NonNullable<VolumeSpec["qos"]>;

const MIN_IOPS = { least: 50, most: 15_000 };
const MAX_IOPS = { least: 100, most: 200_000 };
/** What of the field's limits the array has a figure for: I/Os of both kinds together, for as long as it has credit. */
const KEPT: ReadonlySet<string> = new Set(["total_iops_sec", "total_iops_sec_max", "total_iops_sec_max_length"]);
/** The field's scope for limits among extra specs: `qos:minIOPS`. */
const SCOPE = "qos:";

/**
 * What the flavor says of throughput, in the array's three figures; null: nothing, and the array's default holds. The
 * array's own keys (`minIOPS`, `maxIOPS`, `burstIOPS`, and `scaledIOPS` with `scaleMin`, `scaleMax`, `scaleBurst`) go
 * before the field's `total_iops_sec` (its `_max` is the burst).
 * @throws DriverError `not-done` when the figures contradict each other, or the array has none for a limit of the field's
 */
export function qosOf(spec: VolumeSpec | undefined, sizeBytes: number): ElementQos | null {
  if (spec === undefined) return null;
  const limits: Limits = { ...scopedLimits(spec.vendor), ...spec.qos };
  const unkept = Object.keys(limits).filter((name) => NUMBER_LIMITS.has(name) && !KEPT.has(name));
  if (unkept.length > 0) throw new DriverError("not-done", `SolidFire cannot keep ${unkept.join(", ")}`);
  const scaled = isTrue(limits.scaledIOPS) ? bytesToGib(sizeBytes) - 1 : 0;
  const figure = (name: string, scale: string): number | null => {
    const base = numberOf(limits, name);
    return base === null ? null : Math.round(base + scaled * (numberOf(limits, scale) ?? 0));
  };
  const total = numberOf(limits, "total_iops_sec");
  const min = figure("minIOPS", "scaleMin");
  const max = figure("maxIOPS", "scaleMax") ?? total;
  const burst = figure("burstIOPS", "scaleBurst") ?? numberOf(limits, "total_iops_sec_max");
  if (min === null && max === null && burst === null) return null;
  const maxIOPS = within(MAX_IOPS, max ?? burst ?? MIN_IOPS.most);
  const qos: ElementQos = {
    minIOPS: within(MIN_IOPS, min ?? Math.min(MIN_IOPS.least, maxIOPS)),
    maxIOPS,
    burstIOPS: within(MAX_IOPS, burst ?? maxIOPS),
  };
  if (qos.minIOPS > qos.maxIOPS || qos.maxIOPS > qos.burstIOPS)
    throw new DriverError(
      "not-done",
      `limits must be minIOPS ≤ maxIOPS ≤ burstIOPS, and are ${qos.minIOPS}, ${qos.maxIOPS}, ${qos.burstIOPS}`,
    );
  return qos;
}

export function sameQos(one: ElementQos, other: ElementQos): boolean {
  return one.minIOPS === other.minIOPS && one.maxIOPS === other.maxIOPS && one.burstIOPS === other.burstIOPS;
}

function scopedLimits(vendor: VolumeSpec["vendor"]): Limits {
  return Object.fromEntries(
    Object.entries(vendor)
      .filter(([key]) => key.startsWith(SCOPE))
      .map(([key, value]) => [key.slice(SCOPE.length), value]),
  );
}

function numberOf(limits: Limits, name: string): number | null {
  const value = limits[name];
  if (value === undefined) return null;
  const number = Number(value);
  if (!Number.isFinite(number) || number < 0)
    throw new DriverError("not-done", `the limit ${name} is ${JSON.stringify(value)}, which is no number`);
  return number;
}

function isTrue(value: string | number | undefined): boolean {
  return /^(<is> )?true$/i.test(String(value));
}

function within({ least, most }: { readonly least: number; readonly most: number }, value: number): number {
  return Math.min(most, Math.max(least, value));
}
