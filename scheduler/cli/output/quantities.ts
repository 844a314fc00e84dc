import { formatDuration, formatGib } from "#shared/units.ts";

/** A capacity as a person reads it. `infinite` and `unknown` are words of their own, not numbers. */
export function capacityText(capacity: number | "infinite" | "unknown" | null | undefined): string {
  if (capacity === null || capacity === undefined) return "-";
  return typeof capacity === "number" ? formatGib(capacity) : capacity;
}

export function ageText(ageMs: number | null): string {
  return ageMs === null ? "-" : formatDuration(ageMs);
}
