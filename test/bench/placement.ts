import { DEFAULT_SETTINGS } from "#scheduler/catalogue/settings.ts";
import { FlavorTerms } from "#scheduler/core/flavor-terms.ts";
import { Fleet } from "#scheduler/core/fleet.ts";
import { NO_HINTS } from "#scheduler/core/hints.ts";
import { type PlacementRequest, type PlacementView, place } from "#scheduler/core/placement.ts";
import { Space } from "#scheduler/core/space.ts";
import type { Measurement } from "#shared/model/capacity.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { PROTOCOL_VERSION } from "#shared/protocol/message.ts";
import { BYTES_PER_GIB } from "#shared/units.ts";
import type { Figure } from "./figure.ts";
import { stepsPerSecond } from "./measuring.ts";
import type { Run } from "./plan.ts";

const NOW_MS = 1_760_000_000_000;
const ZONE = "north";
const BATCH = 20;

const REQUEST: PlacementRequest = {
  requestedZone: ZONE,
  sizeBytes: 10 * BYTES_PER_GIB,
  capability: null,
  sourceBackendId: null,
  thickSource: false,
  triedBackendIds: [],
  terms: FlavorTerms.NONE,
  hints: NO_HINTS,
};

/** Decisions in this process: the scheduler's own `place`, on a fleet and sums of space as it keeps them. */
export async function placementFigures({ plan }: Run): Promise<Figure[]> {
  return [
    { name: "placement.first-of-100", ...decisions(100, 0, plan.shortWindowMs), aim: { atLeast: 100_000 } },
    { name: "placement.last-of-100", ...decisions(100, 99, plan.shortWindowMs), aim: { atLeast: 20_000 } },
    { name: "placement.last-of-1000", ...decisions(1000, 999, plan.shortWindowMs), aim: { atLeast: 2000 } },
  ];
}

/** All backends up to the `fitting`-th are full: each is judged to its last sum, and its verdict made. */
function decisions(count: number, fitting: number, durationMs: number): { value: number; unit: string } {
  const { view, candidates } = zoneOf(count, fitting);
  const { chosen, verdicts } = place(view, candidates, REQUEST, NOW_MS);
  if (chosen !== candidates[fitting] || verdicts.length !== fitting + 1)
    throw new Error(`placing chose backend ${chosen?.id} with ${verdicts.length} verdicts`);
  // Counted, for the compiler may leave out work whose outcome nobody looks at.
  let fitted = 0;
  const decide = (): void => {
    for (const { fits } of place(view, candidates, REQUEST, NOW_MS).verdicts) if (fits) fitted += 1;
  };
  stepsPerSecond(durationMs / 2, BATCH, decide);
  const value = stepsPerSecond(durationMs, BATCH, decide);
  if (fitted === 0) throw new Error("placing stopped to choose");
  return { value, unit: "decisions/s" };
}

/** One zone with an agent, and a report and unmeasured volumes on every backend. */
function zoneOf(count: number, fitting: number): { view: PlacementView; candidates: readonly Backend[] } {
  const fleet = new Fleet();
  const space = new Space();
  const candidates = Array.from({ length: count }, (_, index) => backendOf(index + 1));
  fleet.beat(
    {
      version: PROTOCOL_VERSION,
      agentId: "north-1",
      zone: ZONE,
      host: "host-1",
      pid: 1,
      program: "bench",
      startedAtMs: NOW_MS,
      backends: candidates.map(({ id }) => ({ id, state: "open", error: null })),
      jobsInHand: 0,
      leaving: false,
    },
    NOW_MS,
  );
  for (const [index, { id }] of candidates.entries()) {
    const measurement = measurementOf(id, index < fitting ? 5 : 500);
    const report = { backendId: id, asOf: 1, durationMs: 1, result: { state: "up", measurement } } as const;
    fleet.reports.set(id, { report, agentId: "north-1", receivedMs: NOW_MS });
    space.measured(id, 1, measurement);
    space.put(id, `volume-${id}`, { virtualBytes: BYTES_PER_GIB, physicalBytes: 0, settledSeq: null }, true);
  }
  return { view: { fleet, space, closedToNew: () => null, reportMaxAgeMs: 120_000 }, candidates };
}

function backendOf(id: number): Backend {
  return {
    id,
    name: `backend-${id}`,
    driver: "fake",
    zone: ZONE,
    host: null,
    parameters: { capacity_gib: 1000 },
    settings: { ...DEFAULT_SETTINGS, reservedPercentage: 5, maxOverSubscriptionRatio: 2 },
    admission: { state: "enabled" },
  };
}

/** A thin pool of 1,000 GiB whose physical space is nearly taken, or not. */
function measurementOf(id: number, leftGib: number): Measurement {
  const totalBytes = 1000 * BYTES_PER_GIB;
  const freeBytes = leftGib * BYTES_PER_GIB;
  const taken = totalBytes - freeBytes;
  return {
    poolId: `pool-${id}`,
    totalBytes,
    freeBytes,
    provisioned: { scope: "backend", bytes: taken, allocatedBytes: taken },
    backendLimitBytes: null,
    thin: true,
    costs: { volume: "full", snapshot: "none", clone: "full" },
    objectCount: 10,
    maxObjects: 10_000,
    capabilities: ["snapshot", "clone", "extend", "connect"],
  };
}
