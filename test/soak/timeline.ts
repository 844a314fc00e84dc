import type { OperationKind } from "#shared/model/operation.ts";
import { median, percentile } from "#test/bench/measuring.ts";

/** `refused`: with a reason, and nothing was done; `failed`: it is among the faults. */
export type Outcome = "done" | "refused" | "failed";

/** One operation, with the moments by this process's clock. */
export interface Performed {
  readonly kind: OperationKind;
  /** What it was done on. */
  readonly ids: readonly string[];
  readonly zone: string;
  readonly outcome: Outcome;
  readonly beganMs: number;
  /** When the request that was answered left. */
  readonly askedMs: number;
  readonly acceptedMs: number;
  readonly endedMs: number;
}

export type DisturbanceHow = "kill" | "pause" | "crash-point" | "everything";

export interface Disturbance {
  /** Which process: `north-1`, `scheduler`… */
  readonly name: string;
  /** What sort: `agent`, `scheduler`… */
  readonly process: string;
  readonly how: DisturbanceHow;
  /** Of `crash-point`. */
  readonly point: string | null;
  readonly atMs: number;
  /** When it ran again. */
  readonly backMs: number;
}

export interface Spread {
  readonly count: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly worstMs: number;
}

export function spreadOf(timesMs: readonly number[]): Spread | null {
  if (timesMs.length === 0) return null;
  return {
    count: timesMs.length,
    medianMs: median(timesMs),
    p99Ms: percentile(timesMs, 99),
    worstMs: timesMs.reduce((worst, one) => Math.max(worst, one), 0),
  };
}

/** What one disturbance cost those who asked after it began. */
export interface Unavailability {
  /** Until the first of their requests was accepted. */
  readonly acceptedMs: number;
  /** Until the first of their operations was done, in the zone where that took longest. */
  readonly doneMs: number;
}

/** null: nobody asked for anything after it. */
export function unavailabilityOf(
  { atMs }: Disturbance,
  performed: readonly Performed[],
  zones: readonly string[],
): Unavailability | null {
  const after = performed.filter(({ askedMs, outcome }) => askedMs >= atMs && outcome === "done");
  const firstOf = (moments: readonly number[]): number => moments.reduce((a, b) => Math.min(a, b), Infinity) - atMs;
  const done = zones.map((zone) => firstOf(after.filter((one) => one.zone === zone).map(({ endedMs }) => endedMs)));
  const acceptedMs = firstOf(after.map((one) => one.acceptedMs));
  const doneMs = Math.max(...done);
  return Number.isFinite(doneMs) ? { acceptedMs, doneMs } : null;
}
