import type { Tally } from "#shared/model/quota.ts";

/** What one record adds to its project's usage. */
export interface UsageEntry {
  readonly projectId: string;
  /** The volume whose flavor it is of: itself, or what the snapshot was taken of. */
  readonly volumeId: string;
  readonly tally: Tally;
  /** What it keeps free for itself of another flavor, which it is to become: no more in all. */
  readonly also?: { readonly flavorId: string; readonly tally: Tally };
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
  add(key: string, { projectId, tally, also }: UsageEntry, flavorId: string): void {
    this.#cameUnder.set(key, flavorId);
    this.#count(projectId, flavorId, tally, tally, +1);
    if (also !== undefined) this.#count(projectId, also.flavorId, NO_USAGE, also.tally, +1);
  }

  remove(key: string, { projectId, tally, also }: UsageEntry): void {
    const flavorId = this.#cameUnder.get(key);
    if (flavorId === undefined) return;
    this.#cameUnder.delete(key);
    this.#count(projectId, flavorId, tally, tally, -1);
    if (also !== undefined) this.#count(projectId, also.flavorId, NO_USAGE, also.tally, -1);
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

  #count(projectId: string, flavorId: string, inAll: Tally, underFlavor: Tally, sign: 1 | -1): void {
    const project = this.#projects.get(projectId) ?? { total: NO_USAGE, flavors: new Map<string, Tally>() };
    project.total = sum(project.total, inAll, sign);
    const ofFlavor = sum(project.flavors.get(flavorId) ?? NO_USAGE, underFlavor, sign);
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
