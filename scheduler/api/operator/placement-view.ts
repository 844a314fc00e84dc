import { BerthError } from "#shared/errors.ts";
import { verdictText } from "#shared/explain.ts";
import type { PlacementRecord } from "#shared/model/placement.ts";
import type { Volume } from "#shared/model/volume.ts";
import type { DryRun } from "../../core/commands.ts";
import type { State } from "../../core/state.ts";
import type { PlacementAnswer, RoundView } from "./schemas.ts";

export function roundView({
  round,
  atMs,
  flavorName,
  requestedZone,
  sizeGib,
  chosenBackendId,
  verdicts,
}: DryRun): RoundView {
  return {
    round,
    atMs,
    flavorName,
    requestedZone,
    sizeGib,
    chosenBackendId,
    verdicts: verdicts.map((verdict) => ({ ...verdict, text: verdictText(verdict) })),
  };
}

export function placementAnswer(state: State, volume: Volume, rounds: readonly PlacementRecord[]): PlacementAnswer {
  const backend = volume.backendId === null ? undefined : state.backend(volume.backendId);
  return {
    volumeId: volume.id,
    name: volume.name,
    status: volume.status,
    flavor: state.flavor(volume)?.name ?? null,
    backend: backend === undefined ? null : { id: backend.id, name: backend.name },
    lastError: volume.lastError,
    reset: volume.reset ?? null,
    rounds: rounds.map(roundView),
  };
}

/** By id, or by a name that only one volume has. Throws E_NOT_FOUND, or E_CONFLICT with the ids that have the name. */
export function findVolumeByIdOrName(state: State, idOrName: string, project: string | null): Volume {
  const seen = (volume: Volume): boolean => project === null || volume.projectId === project;
  const byId = state.get("volume", idOrName);
  if (byId !== undefined && seen(byId)) return byId;
  const named = [...state.table("volume").values()].filter((volume) => volume.name === idOrName && seen(volume));
  const [only] = named;
  if (only === undefined) throw new BerthError("E_NOT_FOUND", `Volume ${idOrName} could not be found.`);
  if (named.length === 1) return only;
  const ids = named.slice(0, 20).map((volume) => volume.id);
  throw new BerthError(
    "E_CONFLICT",
    `${named.length} volumes are called ${JSON.stringify(idOrName)}: name one by its id`,
    {
      details: { ids },
    },
  );
}
