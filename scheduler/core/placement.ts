import type { Capability, Measurement } from "#shared/model/capacity.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { Arithmetic, Reason, Verdict } from "#shared/model/placement.ts";
import { fits, type Need } from "./capacity.ts";
import type { FlavorTerms } from "./flavor-terms.ts";
import { backendHealth, type HealthView } from "./health.ts";
import type { ResolvedHints } from "./hints.ts";
import { costsFor } from "./reported.ts";
import type { Space } from "./space.ts";

/** What placing looks at. It changes nothing: a dry run and the real one are the same function on the same state. */
export interface PlacementView extends HealthView {
  readonly space: Space;
  /** Why it takes nothing new while it is as it is (`sides.ts`); null: it does. */
  readonly closedToNew: (backendId: number) => { readonly reason: Reason; readonly detail: string } | null;
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
  /** Its source has all its space taken, and must not share any. */
  readonly thickSource: boolean;
  readonly triedBackendIds: readonly number[];
  /** What its flavor asks for. */
  readonly terms: FlavorTerms;
  readonly hints: ResolvedHints;
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
  const closed = view.closedToNew(backend.id);
  if (closed !== null) return refused(backend, closed.reason, closed.detail, null, null);
  if (request.sourceBackendId !== null && request.sourceBackendId !== backend.id)
    return refused(backend, "source-elsewhere", null, null, null);
  const { groupBackendId } = request;
  if (groupBackendId !== undefined && groupBackendId !== null && groupBackendId !== backend.id)
    return refused(backend, "group-elsewhere", null, null, null);
  if (request.triedBackendIds.includes(backend.id)) return refused(backend, "already-tried", null, null, null);
  const hinted = judgeHints(backend, request.hints);
  if (hinted !== null) return hinted;
  const verdict = judgeService(view, backend, request, nowMs);
  if (!verdict.fits || groupBackendId === undefined || canSnapshotGroups(view, backend.id)) return verdict;
  return refused(backend, "capability-missing", "group-snapshot", null, verdict.reportAgeMs);
}

function canSnapshotGroups({ space }: PlacementView, backendId: number): boolean {
  return space.backend(backendId).measurement?.capabilities.includes("group-snapshot") === true;
}

function judgeHints(backend: Backend, { pending, same, different }: ResolvedHints): Verdict | null {
  if (pending !== null) return refused(backend, "hint-pending", pending, null, null);
  if (same !== null && !same.backendIds.has(backend.id)) return refused(backend, "same-backend", same.text, null, null);
  const neighbour = different.get(backend.id);
  return neighbour === undefined ? null : refused(backend, "different-backend", neighbour, null, null);
}

/** Is it alive, and does its report allow it? Also the whole question for what must go to one backend (extend, snapshot). */
export function judgeService(
  view: PlacementView,
  backend: Backend,
  request: Pick<PlacementRequest, "sizeBytes" | "capability" | "terms" | "thickSource"> & {
    /** What is asked where it is measured so; absent: a new volume. */
    readonly needOf?: (measured: Measurement) => Need;
  },
  nowMs: number,
): Verdict {
  const health = backendHealth(view, backend, nowMs);
  const ageMs = health.reportAgeMs;
  if (health.ailment !== null) return refused(backend, health.ailment, health.detail, null, ageMs);
  const { measurement } = health;
  if (request.capability !== null && !measurement.capabilities.includes(request.capability))
    return refused(backend, "capability-missing", request.capability, null, ageMs);
  if (request.terms.needsQos && !measurement.capabilities.includes("qos"))
    return refused(backend, "capability-missing", "qos", null, ageMs);
  const mismatch = request.terms.mismatch(backend, measurement);
  if (mismatch !== null) return refused(backend, "spec-mismatch", mismatch, null, ageMs);

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
  request: Pick<PlacementRequest, "sizeBytes" | "capability" | "terms" | "thickSource">,
): Need {
  const provisioning = request.thickSource ? "thick" : request.terms.provisioning;
  const costs = costsFor(measurement, provisioning) ?? measurement.costs;
  const cost = request.capability === null ? costs.volume : costs.clone;
  const physicalBytes = cost === "full" ? request.sizeBytes : 0;
  const { maxOverSubscriptionRatio } = request.terms;
  return { virtualBytes: request.sizeBytes, physicalBytes, object: true, maxOverSubscriptionRatio };
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
