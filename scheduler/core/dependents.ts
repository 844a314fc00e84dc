import { BerthError } from "#shared/errors.ts";
import type { State } from "./state.ts";

const MOST_NAMED = 10;

/** Nothing is deleted that others stand upon, and nothing is deleted with it: the refusal names them. */
export function refuseDependents(state: State, what: string, dependents: readonly string[]): void {
  if (dependents.length === 0) return;
  const named = dependents.slice(0, MOST_NAMED).map((id) => nameOf(state, id));
  const more = dependents.length > MOST_NAMED ? ` and ${dependents.length - MOST_NAMED} more` : "";
  throw new BerthError("E_HAS_DEPENDENTS", `${what} still has ${named.join(", ")}${more}`, {
    details: { dependents: [...dependents] },
  });
}

function nameOf(state: State, id: string): string {
  const snapshot = state.get("snapshot", id);
  if (snapshot !== undefined)
    return snapshot.groupSnapshotId === null
      ? `snapshot ${id}`
      : `snapshot ${id} (of group snapshot ${snapshot.groupSnapshotId})`;
  if (state.get("attachment", id) !== undefined) return `attachment ${id}`;
  if (state.get("group-snapshot", id) !== undefined) return `group snapshot ${id}`;
  if (state.get("group", id) !== undefined) return `group ${id}, being copied from it`;
  const volume = state.get("volume", id);
  if (volume?.status === "creating") return `volume ${id}, being copied from it`;
  if (volume?.revertTo !== null && volume?.revertTo !== undefined) return `volume ${id}, going back to it`;
  return volume?.parent === null ? `volume ${id}` : `volume ${id}, a copy that needs it`;
}
