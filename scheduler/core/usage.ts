import type { QuotaKind } from "#shared/model/quota.ts";

/** How much there is of each kind that quotas count. */
export type Tally = { readonly [K in QuotaKind]: number };

/** What one record adds to its project's usage. */
export interface UsageEntry {
  readonly projectId: string;
  /** The volume whose flavor it is of: itself, or what the snapshot was taken of. */
  readonly volumeId: string;
  readonly tally: Tally;
}

export const NO_USAGE: Tally = { volumes: 0, snapshots: 0, gib: 0 };

interface ProjectUsage {
  total: Tally;
  readonly flavors: Map<string, Tally>;
}

/**
 * What each project has, in all and of each flavor, kept as records come and go. An index over the records, never a
 * truth of its own: tests compare it with a recount after every step.
 */
export class Usage {
  readonly #projects = new Map<string, ProjectUsage>();
  /** A snapshot's record does not say its flavor: it leaves under the one that it came under. */
  readonly #cameUnder = new Map<string, string>();

  /** `flavorId`: of the entry's volume. `key` is the record's id. */
  add(key: string, { projectId, tally }: UsageEntry, flavorId: string): void {
    this.#cameUnder.set(key, flavorId);
    this.#count(projectId, flavorId, tally, +1);
  }

  remove(key: string, { projectId, tally }: UsageEntry): void {
    const flavorId = this.#cameUnder.get(key);
    if (flavorId === undefined) return;
    this.#cameUnder.delete(key);
    this.#count(projectId, flavorId, tally, -1);
  }

  of(projectId: string): Tally {
    return this.#projects.get(projectId)?.total ?? NO_USAGE;
  }

  ofFlavor(projectId: string, flavorId: string): Tally {
    return this.#projects.get(projectId)?.flavors.get(flavorId) ?? NO_USAGE;
  }

  /** Those that have anything. */
  projects(): string[] {
    return [...this.#projects.keys()];
  }

  #count(projectId: string, flavorId: string, tally: Tally, sign: 1 | -1): void {
    const project = this.#projects.get(projectId) ?? { total: NO_USAGE, flavors: new Map<string, Tally>() };
    project.total = sum(project.total, tally, sign);
    const ofFlavor = sum(project.flavors.get(flavorId) ?? NO_USAGE, tally, sign);
    if (isNothing(ofFlavor)) project.flavors.delete(flavorId);
    else project.flavors.set(flavorId, ofFlavor);
    if (isNothing(project.total)) this.#projects.delete(projectId);
    else this.#projects.set(projectId, project);
  }
}

function sum(one: Tally, other: Tally, sign: 1 | -1): Tally {
  return {
    volumes: one.volumes + sign * other.volumes,
    snapshots: one.snapshots + sign * other.snapshots,
    gib: one.gib + sign * other.gib,
  };
}

function isNothing({ volumes, snapshots, gib }: Tally): boolean {
  return volumes === 0 && snapshots === 0 && gib === 0;
}
