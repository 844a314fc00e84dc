import type { Capacity } from "#shared/model/capacity.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { Arithmetic, Constraint, Reason } from "#shared/model/placement.ts";
import { gibToBytes } from "#shared/units.ts";
import type { BackendSpace, PoolSpace } from "./space.ts";

/** What a new object (or the growth of one) would take. */
export interface Need {
  readonly virtualBytes: number;
  readonly physicalBytes: number;
  /** It is a new object, and counts towards the backend's limit of objects. */
  readonly object: boolean;
  /** So many of them at once; absent: one. */
  readonly count?: number;
  /** So much of it stands in the pool's sums already, for it is there and is only taken over. */
  readonly countedBytes?: number;
  /** How often its flavor lets the capacity be promised, if less often than the backend does; null: as the backend. */
  readonly maxOverSubscriptionRatio?: number | null;
}

export interface CapacityVerdict {
  readonly reason: Extract<Reason, "not-enough-free" | "object-limit" | "capacity-unknown"> | null;
  readonly arithmetic: Arithmetic | null;
}

/**
 * Does it fit? Five sums, all of which must hold. T total, F free, r reserved percent, R = floor(T·r/100),
 * f the physical floor, m the over-subscription ratio (the backend's or the flavor's, whichever is lower; 1 when the
 * backend is thick), P provisioned,
 * U what is placed and not yet measured (virtual Uv, physical Up), s the need (virtual sv, physical sp).
 *
 *   objects        count + unmeasured objects + 1                     ≤ the backend's limit
 *   backend-limit  L·m − P(backend) − Uv(backend)                     ≥ sv    L = `capacity_gib`, own provisioned
 *   provisioned    (T − R)·m − P − Uv(pool)                           ≥ sv
 *   physical       F − max(R, f) − Up(pool)                           ≥ sp
 *   no-space-answer  the backend refused this size since the report:  needed < refused
 *
 * P of the pool is what the system says, or (T − F) plus what the pool's backends have promised and not yet taken.
 * Backends that share a pool share T, F (of the newest report), P and U. The verdict carries the tightest sum.
 */
export function fits(backend: Backend, space: BackendSpace, pool: PoolSpace, need: Need): CapacityVerdict {
  const own = space.measurement;
  const common = pool.newest.measurement;
  if (own === null || common === null) return UNKNOWN;

  if (need.object && own.maxObjects !== null) {
    const available = own.maxObjects - own.objectCount - space.unmeasuredObjects;
    const count = need.count ?? 1;
    if (available < count) return { reason: "object-limit", arithmetic: arithmetic("objects", count, available) };
  }
  if (space.noSpace !== null && need.virtualBytes >= space.noSpace.bytes)
    return refuse(arithmetic("no-space-answer", need.virtualBytes, space.noSpace.bytes - 1));

  const ratio = own.thin ? ratioFor(backend, need) : 1;
  let tightest: Arithmetic | null = null;
  if (own.backendLimitBytes !== null) {
    const provisioned = own.provisioned.bytes;
    const available = Math.floor(own.backendLimitBytes * ratio) - provisioned - space.unmeasuredVirtualBytes;
    const sum: Arithmetic = {
      ...arithmetic("backend-limit", need.virtualBytes, available),
      total: own.backendLimitBytes,
      ratio,
      provisioned,
      unmeasured: space.unmeasuredVirtualBytes,
    };
    if (available < need.virtualBytes) return refuse(sum);
    tightest = sum;
  }

  const pooledBytes = Math.max(0, need.virtualBytes - (need.countedBytes ?? 0));
  // However full the pool is: it is there already.
  if (need.countedBytes !== undefined && pooledBytes === 0) return pass(tightest ?? unlimited(need));

  const { totalBytes: total, freeBytes: free } = common;
  if (total === "infinite" || free === "infinite") return pass(tightest ?? unlimited(need));
  if (total === "unknown" || free === "unknown")
    return backend.settings.allowUnknownCapacity ? pass(tightest ?? unlimited(need)) : UNKNOWN;

  const reserved = Math.floor((total * backend.settings.reservedPercentage) / 100);
  const provisioned =
    common.provisioned.scope === "pool" ? common.provisioned.bytes : total - free + pool.promisedBytes;
  const promisable = Math.floor((total - reserved) * ratio) - provisioned - pool.unmeasuredVirtualBytes;
  if (promisable < pooledBytes || tightest === null || promisable < (tightest.available ?? 0)) {
    const sum: Arithmetic = {
      constraint: "provisioned",
      needed: pooledBytes,
      available: promisable,
      total,
      free,
      reserved,
      ratio,
      provisioned,
      unmeasured: pool.unmeasuredVirtualBytes,
    };
    if (promisable < pooledBytes) return refuse(sum);
    tightest = sum;
  }

  const kept = Math.max(reserved, gibToBytes(backend.settings.physicalFreeFloorGib));
  const takeable = free - kept - pool.unmeasuredPhysicalBytes;
  if (takeable < need.physicalBytes)
    return refuse({
      ...arithmetic("physical", need.physicalBytes, takeable),
      total,
      free,
      reserved: kept,
      unmeasured: pool.unmeasuredPhysicalBytes,
    });
  return pass(tightest);
}

function ratioFor({ settings }: Backend, { maxOverSubscriptionRatio = null }: Need): number {
  return Math.min(settings.maxOverSubscriptionRatio, maxOverSubscriptionRatio ?? settings.maxOverSubscriptionRatio);
}

/**
 * Would a refused sum hold if nothing were counted twice? What was under way when the last report came may stand in it
 * already and counts in full all the same, so that no more is promised than there is. Then only the next report can tell.
 */
export function isDoubtful(sum: Arithmetic, space: BackendSpace, pool: PoolSpace): boolean {
  const { constraint, needed, available } = sum;
  if (available === null) return false;
  return available + countedTwice(constraint, space, pool) >= needed;
}

function countedTwice(constraint: Constraint, space: BackendSpace, pool: PoolSpace): number {
  switch (constraint) {
    case "objects":
      return space.doubtful.objects;
    case "backend-limit":
      return space.doubtful.virtualBytes;
    case "provisioned":
      return pool.doubtful.virtualBytes;
    case "physical":
      return pool.doubtful.physicalBytes;
    case "no-space-answer":
    case "unlimited":
      return 0;
  }
}

/** The free space that people are shown: what the largest volume could be, by the same sums. */
export function availableBytes(backend: Backend, space: BackendSpace, pool: PoolSpace): Capacity {
  const own = space.measurement;
  const probe: Need = { virtualBytes: 0, physicalBytes: 0, object: false };
  const verdict = fits(backend, space, pool, probe);
  if (verdict.reason === "capacity-unknown") return "unknown";
  if (verdict.reason !== null) return 0;
  if (verdict.arithmetic === null || verdict.arithmetic.available === null) return "infinite";
  const promisable = Math.max(0, verdict.arithmetic.available);
  if (own === null || own.costs.volume === "none") return promisable;
  const free = pool.newest.measurement?.freeBytes;
  if (typeof free !== "number") return promisable;
  const total = pool.newest.measurement?.totalBytes;
  const reserved = typeof total === "number" ? Math.floor((total * backend.settings.reservedPercentage) / 100) : 0;
  const kept = Math.max(reserved, gibToBytes(backend.settings.physicalFreeFloorGib));
  return Math.max(0, Math.min(promisable, free - kept - pool.unmeasuredPhysicalBytes));
}

const UNKNOWN: CapacityVerdict = { reason: "capacity-unknown", arithmetic: null };
function arithmetic(constraint: Constraint, needed: number, available: number): Arithmetic {
  return {
    constraint,
    needed,
    available,
    total: null,
    free: null,
    reserved: null,
    ratio: null,
    provisioned: null,
    unmeasured: null,
  };
}

function unlimited(need: Need): Arithmetic {
  return { ...arithmetic("unlimited", need.virtualBytes, 0), available: null };
}

function refuse(sum: Arithmetic): CapacityVerdict {
  return { reason: "not-enough-free", arithmetic: sum };
}

function pass(sum: Arithmetic): CapacityVerdict {
  return { reason: null, arithmetic: sum };
}
