import type { State } from "#scheduler/core/state.ts";
import type { Tally } from "#shared/model/quota.ts";

/** What every project has, by `project` and by `project flavorId`, counted anew from the records and by other means than the index. */
export function countUsage(state: State): Map<string, Tally> {
  const counted = new Map<string, { volumes: number; snapshots: number; gib: number }>();
  const add = (key: string, volumes: number, snapshots: number, gib: number): void => {
    const tally = counted.get(key) ?? { volumes: 0, snapshots: 0, gib: 0 };
    tally.volumes += volumes;
    tally.snapshots += snapshots;
    tally.gib += gib;
    counted.set(key, tally);
  };
  for (const { projectId, flavorId, sizeGib, extendToGib, move } of state.table("volume").values()) {
    if (move !== null && move.toFlavorId !== null && move.tally !== null)
      add(`${projectId} ${move.toFlavorId}`, move.tally.volumes, move.tally.snapshots, move.tally.gib);
    for (const key of [projectId, `${projectId} ${flavorId}`]) add(key, 1, 0, extendToGib ?? sizeGib);
  }
  for (const { projectId, volumeId, sizeGib } of state.table("snapshot").values())
    for (const key of [projectId, `${projectId} ${state.get("volume", volumeId)?.flavorId}`]) add(key, 0, 1, sizeGib);
  return counted;
}

/** What the index keeps of it, in the same form. */
export function keptUsage(state: State): Map<string, Tally> {
  const kept = new Map<string, Tally>();
  for (const projectId of state.usage.projects()) {
    kept.set(projectId, state.usage.of(projectId));
    for (const { id } of state.catalogue.catalogue.flavors) {
      const tally = state.usage.ofFlavor(projectId, id);
      if (tally.volumes + tally.snapshots + tally.gib > 0) kept.set(`${projectId} ${id}`, tally);
    }
  }
  return kept;
}

/** Cheaper than a deep comparison: it is asked after every simulated step. */
export function sameUsage(one: ReadonlyMap<string, Tally>, other: ReadonlyMap<string, Tally>): boolean {
  if (one.size !== other.size) return false;
  for (const [key, { volumes, snapshots, gib }] of one) {
    const there = other.get(key);
    if (there?.volumes !== volumes || there.snapshots !== snapshots || there.gib !== gib) return false;
  }
  return true;
}
