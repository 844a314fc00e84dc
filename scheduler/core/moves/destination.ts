import { BerthError } from "#shared/errors.ts";
import type { Capability, Measurement } from "#shared/model/capacity.ts";
import type { Backend, Flavor } from "#shared/model/catalogue.ts";
import type { Claim } from "#shared/model/claim.ts";
import type { Verdict } from "#shared/model/placement.ts";
import type { Volume } from "#shared/model/volume.ts";
import { gibToBytes } from "#shared/units.ts";
import { isThick } from "../fixed-placement.ts";
import { NO_HINTS } from "../hints.ts";
import { noPlacementSentence } from "../place-volume.ts";
import { type PlacementRequest, place, volumeNeed } from "../placement.ts";
import type { State } from "../state.ts";

/** By the storage system that both are parts of, or by an agent that copies. */
export type Way = "array" | "copy";

export interface Destination {
  readonly backend: Backend;
  readonly way: Way;
  readonly claim: Claim;
  readonly verdicts: readonly Verdict[];
}

export interface Wanted {
  readonly flavor: Flavor;
  /** First fit among these, in their order. */
  readonly candidates: readonly Backend[];
  readonly zone: string | null;
  /** Copy, even where the storage system could do it: it would leave the volume as it was made. */
  readonly forceCopy: boolean;
}

/** The first of the candidates that takes the volume, with the verdicts on those before it. Throws E_NO_PLACEMENT with all of them. */
export function chooseDestination(state: State, volume: Volume, wanted: Wanted, nowMs: number): Destination {
  const sizeBytes = gibToBytes(volume.sizeGib);
  const terms = state.catalogue.terms(wanted.flavor);
  const verdicts: Verdict[] = [];
  for (const candidate of wanted.candidates) {
    const way = wanted.forceCopy ? "copy" : wayTo(state, volume.backendId ?? 0, candidate.id);
    const { measurement } = state.space.backend(candidate.id);
    const request: PlacementRequest = {
      requestedZone: wanted.zone,
      sizeBytes,
      capability: way === "copy" ? readBy(measurement) : null,
      sourceBackendId: null,
      thickSource: way === "array" && isThick(state, volume),
      terms,
      hints: NO_HINTS,
      triedBackendIds: volume.backendId === null ? [] : [volume.backendId],
    };
    const placement = place(state.placementView, [candidate], request, nowMs);
    verdicts.push(...placement.verdicts);
    if (placement.chosen === null || measurement === null) continue;
    const { virtualBytes, physicalBytes } = volumeNeed(measurement, { ...request, capability: null });
    return { backend: candidate, way, claim: { virtualBytes, physicalBytes, settledSeq: null }, verdicts };
  }
  throw new BerthError("E_NO_PLACEMENT", noPlacementSentence(wanted.flavor.name, wanted.zone, verdicts), {
    details: { verdicts },
  });
}

function wayTo(state: State, fromBackendId: number, toBackendId: number): Way {
  const from = state.space.backend(fromBackendId).measurement;
  const to = state.space.backend(toBackendId).measurement;
  const one = from?.arrayId !== undefined && from.arrayId === to?.arrayId;
  return one && from.capabilities.includes("migrate") ? "array" : "copy";
}

/** Is there an agent that opens both by itself? Otherwise the one at the destination is connected to the source like a host. */
export function reachesBoth(source: Backend, destination: Backend): boolean {
  if (source.zone !== destination.zone) return false;
  return source.host === null || destination.host === null || source.host === destination.host;
}

/** What its blocks are read through must be there before anything is begun. */
export function requireSourceReadable(state: State, source: Backend, destination: Backend): void {
  const { measurement } = state.space.backend(source.id);
  if (measurement === null)
    throw new BerthError("E_UNAVAILABLE", `backend ${source.name} cannot be asked now (no-report)`);
  const needed = reachesBoth(source, destination) ? readBy(measurement) : "connect";
  if (!measurement.capabilities.includes(needed))
    throw new BerthError("E_CONFLICT", `backend ${source.name} cannot be read by an agent elsewhere (${needed})`);
}

/** What agents of its zone need it to be able to, to copy from and to it. */
function readBy(measurement: Measurement | null): Capability {
  return measurement?.capabilities.includes("copy") === true ? "copy" : "connect";
}
