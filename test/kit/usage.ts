import type { State } from "#scheduler/core/state.ts";
import type { Tally } from "#scheduler/core/usage.ts";

/** What every project has, by `project` and by `project flavorId`, counted anew from the records and by other means than the index. */
export function countUsage(state: State): Map<string, Tally> {
  const counted = new Map<string, Tally>();
  const add = (key: string, volumes: number, snapshots: number, gib: number): void => {
    const before = counted.get(key) ?? { volumes: 0, snapshots: 0, gib: 0 };
    counted.set(key, {
      volumes: before.volumes + volumes,
      snapshots: before.snapshots + snapshots,
      gib: before.gib + gib,
    });
  };
  for (const { projectId, flavorId, sizeGib, extendToGib } of state.table("volume").values())
    for (const key of [projectId, `${projectId} ${flavorId}`]) add(key, 1, 0, extendToGib ?? sizeGib);
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
