import type { Measurement } from "#shared/model/capacity.ts";
import type { Claim } from "#shared/model/claim.ts";

/**
 * What is placed on each backend and not yet measured, summed as records come and go. It is an index over the
 * records and the reports, never a truth of its own: `test/unit/space.test.ts` compares it with a recount after every step.
 *
 * A claim counts while its record's result was committed after the report's `asOf` (design: clocks cannot tell what a
 * report has seen). Backends with one poolId share one space, so sums are kept by pool as well.
 */
export class Space {
  readonly #backends = new Map<number, BackendSpace>();
  readonly #pools = new Map<string, PoolSpace>();

  backend(backendId: number): BackendSpace {
    let space = this.#backends.get(backendId);
    if (space === undefined) {
      space = new BackendSpace();
      this.#backends.set(backendId, space);
    }
    return space;
  }

  pool(space: BackendSpace): PoolSpace | null {
    return space.poolId === null ? null : (this.#pools.get(space.poolId) ?? null);
  }

  /** `object`: the claim is a whole object, not the growth of one, and counts towards the object limit. */
  put(backendId: number, key: string, claim: Claim, object: boolean): void {
    const space = this.backend(backendId);
    this.#drop(space, key);
    if (claim.settledSeq !== null && claim.settledSeq <= space.asOf) return;
    space.claims.set(key, { claim, object });
    this.#count(space, claim, object, +1);
  }

  remove(backendId: number, key: string): void {
    this.#drop(this.backend(backendId), key);
  }

  /** Takes in a measurement begun when commit `asOf` was the last known; an older one than the last is ignored. */
  measured(backendId: number, asOf: number, measurement: Measurement): boolean {
    const space = this.backend(backendId);
    if (asOf < space.asOf) return false;
    this.#leavePool(space);
    space.asOf = asOf;
    space.measurement = measurement;
    if (space.noSpace !== null && asOf >= space.noSpace.seq) space.noSpace = null;
    for (const [key, { claim, object }] of space.claims) {
      if (claim.settledSeq === null || claim.settledSeq > asOf) continue;
      space.claims.delete(key);
      space.count(claim, object, -1);
    }
    space.doubtful = {
      virtualBytes: space.unmeasuredVirtualBytes,
      physicalBytes: space.unmeasuredPhysicalBytes,
      objects: space.unmeasuredObjects,
    };
    this.#joinPool(space, measurement);
    return true;
  }

  #drop(space: BackendSpace, key: string): void {
    const old = space.claims.get(key);
    if (old === undefined) return;
    space.claims.delete(key);
    this.#count(space, old.claim, old.object, -1);
  }

  #count(space: BackendSpace, claim: Claim, object: boolean, sign: 1 | -1): void {
    space.count(claim, object, sign);
    this.pool(space)?.count(claim, sign);
  }

  #leavePool(space: BackendSpace): void {
    const pool = this.pool(space);
    if (pool === null || space.poolId === null) return;
    pool.members.delete(space);
    pool.add(space, -1);
    if (pool.members.size === 0) this.#pools.delete(space.poolId);
    else if (pool.newest === space) pool.newest = newestOf(pool.members);
    space.poolId = null;
  }

  #joinPool(space: BackendSpace, measurement: Measurement): void {
    const pool = this.#pools.get(measurement.poolId) ?? new PoolSpace(space);
    this.#pools.set(measurement.poolId, pool);
    space.poolId = measurement.poolId;
    pool.members.add(space);
    pool.add(space, +1);
    if (space.asOf >= pool.newest.asOf) pool.newest = space;
  }
}

function newestOf(members: ReadonlySet<BackendSpace>): BackendSpace {
  return [...members].reduce((best, member) => (member.asOf > best.asOf ? member : best));
}

/** Space that may be counted twice, as used by a report and as not yet measured: what was under way when the report came. */
interface Doubtful {
  readonly virtualBytes: number;
  readonly physicalBytes: number;
  readonly objects: number;
}

interface CountedClaim {
  readonly claim: Claim;
  readonly object: boolean;
}

/** The unmeasured claims of one backend, and what was last measured there. */
export class BackendSpace {
  /** -1: never measured, every claim counts. */
  asOf = -1;
  measurement: Measurement | null = null;
  poolId: string | null = null;
  readonly claims = new Map<string, CountedClaim>();
  unmeasuredVirtualBytes = 0;
  unmeasuredPhysicalBytes = 0;
  unmeasuredObjects = 0;
  doubtful: Doubtful = { virtualBytes: 0, physicalBytes: 0, objects: 0 };
  /** The backend refused this size at that commit: nothing of the size goes there before a newer report. */
  noSpace: { readonly bytes: number; readonly seq: number } | null = null;

  count(claim: Claim, object: boolean, sign: 1 | -1): void {
    this.unmeasuredVirtualBytes += sign * claim.virtualBytes;
    this.unmeasuredPhysicalBytes += sign * claim.physicalBytes;
    if (object) this.unmeasuredObjects += sign;
  }
}

/** The sums over all backends that share one space. */
export class PoolSpace {
  readonly members = new Set<BackendSpace>();
  /** Whose measurement of the common space is taken: the one that has seen most. */
  newest: BackendSpace;
  unmeasuredVirtualBytes = 0;
  unmeasuredPhysicalBytes = 0;
  /** Promised by its backends' own counts and not yet taken from the pool (`Provisioned` of scope backend). */
  promisedBytes = 0;

  constructor(first: BackendSpace) {
    this.newest = first;
  }

  count(claim: Claim, sign: 1 | -1): void {
    this.unmeasuredVirtualBytes += sign * claim.virtualBytes;
    this.unmeasuredPhysicalBytes += sign * claim.physicalBytes;
  }

  get doubtful(): Pick<Doubtful, "virtualBytes" | "physicalBytes"> {
    const sum = { virtualBytes: 0, physicalBytes: 0 };
    for (const { doubtful } of this.members) {
      sum.virtualBytes += doubtful.virtualBytes;
      sum.physicalBytes += doubtful.physicalBytes;
    }
    return sum;
  }

  add(space: BackendSpace, sign: 1 | -1): void {
    this.unmeasuredVirtualBytes += sign * space.unmeasuredVirtualBytes;
    this.unmeasuredPhysicalBytes += sign * space.unmeasuredPhysicalBytes;
    const provisioned = space.measurement?.provisioned;
    if (provisioned?.scope === "backend")
      this.promisedBytes += sign * Math.max(0, provisioned.bytes - provisioned.allocatedBytes);
  }
}
