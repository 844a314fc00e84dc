import type { Capability, Measurement } from "#shared/model/capacity.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { Arithmetic, Reason, Verdict } from "#shared/model/placement.ts";
import { fits, type Need } from "./capacity.ts";
import { backendHealth, type HealthView } from "./health.ts";
import type { Space } from "./space.ts";

/** What placing looks at. It changes nothing: a dry run and the real one are the same function on the same state. */
export interface PlacementView extends HealthView {
  readonly space: Space;
}

export interface PlacementRequest {
  readonly requestedZone: string | null;
  readonly sizeBytes: number;
  /** What the backend must be able to do beside making a blank volume. */
  readonly capability: Capability | null;
  /** A copy can be made only where its source is. */
  readonly sourceBackendId: number | null;
  /** For a volume of a group: where the others are; null: it is the first. Absent: it is in no group. */
  readonly groupBackendId?: number | null;
  readonly triedBackendIds: readonly number[];
}

export interface Placement {
  readonly chosen: Backend | null;
  /** One a candidate, in the flavor's order, up to the first that fits. */
  readonly verdicts: readonly Verdict[];
}

/** First fit: the candidates in the flavor's own order, the first that passes is taken, all verdicts up to it are kept. */
export function place(
  view: PlacementView,
  candidates: readonly Backend[],
  request: PlacementRequest,
  nowMs: number,
): Placement {
  const verdicts: Verdict[] = [];
  for (const backend of candidates) {
    const verdict = judge(view, backend, request, nowMs);
    verdicts.push(verdict);
    if (verdict.fits) return { chosen: backend, verdicts };
  }
  return { chosen: null, verdicts };
}

function judge(view: PlacementView, backend: Backend, request: PlacementRequest, nowMs: number): Verdict {
  if (request.requestedZone !== null && backend.zone !== request.requestedZone)
    return refused(backend, "wrong-zone", backend.zone, null, null);
  if (backend.admission.state !== "enabled")
    return refused(backend, backend.admission.state, backend.admission.reason, null, null);
  if (request.sourceBackendId !== null && request.sourceBackendId !== backend.id)
    return refused(backend, "source-elsewhere", null, null, null);
  const { groupBackendId } = request;
  if (groupBackendId !== undefined && groupBackendId !== null && groupBackendId !== backend.id)
    return refused(backend, "group-elsewhere", null, null, null);
  if (request.triedBackendIds.includes(backend.id)) return refused(backend, "already-tried", null, null, null);
  const verdict = judgeService(view, backend, request, nowMs);
  if (!verdict.fits || groupBackendId === undefined || canSnapshotGroups(view, backend.id)) return verdict;
  return refused(backend, "capability-missing", "group-snapshot", null, verdict.reportAgeMs);
}

function canSnapshotGroups({ space }: PlacementView, backendId: number): boolean {
  return space.backend(backendId).measurement?.capabilities.includes("group-snapshot") === true;
}

/** Is it alive, and does its report allow it? Also the whole question for what must go to one backend (extend, snapshot). */
export function judgeService(
  view: PlacementView,
  backend: Backend,
  request: Pick<PlacementRequest, "sizeBytes" | "capability"> & { readonly needOf?: (measured: Measurement) => Need },
  nowMs: number,
): Verdict {
  const health = backendHealth(view, backend, nowMs);
  const ageMs = health.reportAgeMs;
  if (health.ailment !== null) return refused(backend, health.ailment, health.detail, null, ageMs);
  const { measurement } = health;
  if (request.capability !== null && !measurement.capabilities.includes(request.capability))
    return refused(backend, "capability-missing", request.capability, null, ageMs);

  const space = view.space.backend(backend.id);
  const pool = view.space.pool(space);
  if (pool === null) return refused(backend, "no-report", null, null, ageMs);
  const need = request.needOf?.(measurement) ?? volumeNeed(measurement, request);
  const { reason, arithmetic } = fits(backend, space, pool, need);
  return reason === null
    ? verdict(backend, true, null, null, arithmetic, ageMs)
    : refused(backend, reason, null, arithmetic, ageMs);
}

/** What a new volume takes on a backend that measures so. */
export function volumeNeed(
  measurement: Measurement,
  request: Pick<PlacementRequest, "sizeBytes" | "capability">,
): Need {
  const cost = request.capability === null ? measurement.costs.volume : measurement.costs.clone;
  return { virtualBytes: request.sizeBytes, physicalBytes: cost === "full" ? request.sizeBytes : 0, object: true };
}

function refused(
  backend: Backend,
  reason: Reason,
  detail: string | null,
  arithmetic: Arithmetic | null,
  reportAgeMs: number | null,
): Verdict {
  return verdict(backend, false, reason, detail, arithmetic, reportAgeMs);
}

function verdict(
  backend: Backend,
  fitsThere: boolean,
  reason: Reason | null,
  detail: string | null,
  arithmetic: Arithmetic | null,
  reportAgeMs: number | null,
): Verdict {
  return { backendId: backend.id, backendName: backend.name, fits: fitsThere, reason, detail, arithmetic, reportAgeMs };
}
