import { BerthError } from "#shared/errors.ts";
import type { Capability, Costs, Measurement } from "#shared/model/capacity.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { HEALING_REASONS, type Verdict } from "#shared/model/placement.ts";
import type { Volume } from "#shared/model/volume.ts";
import type { BackendAction } from "./allowed.ts";
import { isDoubtful, type Need } from "./capacity.ts";
import { FlavorTerms } from "./flavor-terms.ts";
import { judgeService } from "./placement.ts";
import { costsFor } from "./reported.ts";
import { requireAllowedOn } from "./sides.ts";
import type { State } from "./state.ts";

/**
 * Work that has no choice of backend (extend, snapshot) is judged by the same verdict as a placement. Returns what it
 * takes, or refuses at once with the verdict: unlike a new volume there is nothing to leave waiting.
 */
export function requireRoom(
  state: State,
  backend: Backend,
  wanted: {
    readonly capability: Capability;
    /** Absent: one on what is there already. */
    readonly action?: BackendAction;
    /** What the flavor asks of the backend, where it was not placed there by that. */
    readonly terms?: FlavorTerms;
    readonly needOf: (measured: Measurement) => Need;
  },
  nowMs: number,
): Need {
  requireAllowedOn(state, wanted.action ?? "extend, snapshot, revert", backend);
  const verdict = judgeService(
    state.placementView,
    backend,
    { sizeBytes: 0, terms: FlavorTerms.NONE, thickSource: false, ...wanted },
    nowMs,
  );
  const { measurement } = state.space.backend(backend.id);
  if (verdict.fits && measurement !== null) return wanted.needOf(measurement);
  const reason = verdict.reason ?? "no-report";
  const details = { verdict };
  if (reason === "capability-missing")
    throw new BerthError(
      "E_CONFLICT",
      `backend ${backend.name} cannot do this (${verdict.detail ?? wanted.capability})`,
      { details },
    );
  if (reason === "spec-mismatch")
    throw new BerthError("E_CONFLICT", `backend ${backend.name} is not what the flavor asks for: ${verdict.detail}`, {
      details,
    });
  if (HEALING_REASONS.has(reason))
    throw new BerthError("E_UNAVAILABLE", `backend ${backend.name} cannot be asked now (${reason})`, { details });
  throw new RoomRefusal(state, backend, verdict);
}

/** The backend has no room (E_NO_CAPACITY). */
export class RoomRefusal extends BerthError {
  readonly backendId: number;
  /** It would have, if nothing that was under way at its last report is counted twice: a new report can tell. */
  readonly isDoubtful: boolean;

  constructor(state: State, backend: Backend, verdict: Verdict) {
    super("E_NO_CAPACITY", `backend ${backend.name} has no room for this (${verdict.reason})`, {
      details: { verdict },
    });
    const space = state.space.backend(backend.id);
    const pool = state.space.pool(space);
    this.backendId = backend.id;
    this.isDoubtful = verdict.arithmetic !== null && pool !== null && isDoubtful(verdict.arithmetic, space, pool);
  }
}

/** Does it, and what is made of it, take all its space at once, wherever it may be had otherwise? */
export function isThick(state: State, volume: Volume): boolean {
  return volume.madeThick || state.catalogue.terms(state.flavor(volume)).provisioning === "thick";
}

/** What snapshots and growth of this volume take at once, and what it took itself. */
export function costsOf(state: State, volume: Volume, measured: Measurement): Costs {
  const provisioning = isThick(state, volume) ? "thick" : state.catalogue.terms(state.flavor(volume)).provisioning;
  return costsFor(measured, provisioning) ?? measured.costs;
}
