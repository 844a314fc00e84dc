import type { PlacementHints, Volume } from "#shared/model/volume.ts";
import type { Scope } from "./commands.ts";
import { findVolume } from "./find.ts";
import type { State } from "./state.ts";

/** What hints come to now: where the volumes they name stand. */
export interface ResolvedHints {
  /** Not yet to be told, for this volume is still being made; null: all stand, or will never. */
  readonly pending: string | null;
  /** null: no wish. */
  readonly same: { readonly backendIds: ReadonlySet<number>; readonly text: string } | null;
  /** Backend → the volume there. */
  readonly different: ReadonlyMap<number, string>;
}

export const NO_HINTS: ResolvedHints = { pending: null, same: null, different: new Map() };

/** Hints that wish for something, of volumes that the project can see. Throws E_NOT_FOUND for others. */
export function requireHints(state: State, hints: PlacementHints | undefined, scope: Scope): PlacementHints | null {
  if (hints === undefined || hints.sameAs.length + hints.differentFrom.length === 0) return null;
  for (const id of [...hints.sameAs, ...hints.differentFrom]) findVolume(state, id, scope);
  return { sameAs: [...hints.sameAs], differentFrom: [...hints.differentFrom] };
}

/**
 * A volume that is being made may yet be made elsewhere, so one that is to be beside it, or apart, waits until it stands.
 * What ended in `error` or is gone stands nowhere: nothing can be beside it, and everything is apart from it.
 */
export function resolveHints(state: State, hints: PlacementHints | undefined): ResolvedHints {
  if (hints === undefined) return NO_HINTS;
  const there = (ids: readonly string[]): Volume[] => ids.flatMap((id) => state.get("volume", id) ?? []);
  const [same, different] = [there(hints.sameAs), there(hints.differentFrom)];
  const pending = [...same, ...different].find(({ status }) => status === "creating");
  return {
    pending: pending === undefined ? null : `volume ${pending.id}`,
    same:
      hints.sameAs.length === 0 ? null : { backendIds: new Set(placesOf(same).keys()), text: sameText(hints, same) },
    different: placesOf(different),
  };
}

function placesOf(volumes: readonly Volume[]): Map<number, string> {
  return new Map(volumes.flatMap(({ id, backendId }) => (backendId === null ? [] : [[backendId, `volume ${id}`]])));
}

function sameText({ sameAs }: PlacementHints, there: readonly Volume[]): string {
  const standing = there.filter(({ backendId }) => backendId !== null).map(({ id }) => id);
  const shown = (standing.length > 0 ? standing : sameAs).slice(0, 5).join(", ");
  return `volume ${shown} is${standing.length > 0 ? "" : ", for that stands nowhere"}`;
}
