import type { EventObject } from "#shared/events/event.ts";
import type { BackendState } from "#shared/model/backend-state.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { sideName } from "#shared/model/replication.ts";
import { GIVEN_UP } from "./steps.ts";
import type { Told } from "./told.ts";

type BackendTold = Pick<Told, "type" | "error"> & Partial<Pick<EventObject, "side" | "reason">>;

/** What happened to a backend while it ran. `ended`: what this decision told its history, with what went wrong. */
export function backendEvents(
  before: BackendState | null,
  after: BackendState | null,
  backend: Backend | undefined,
  ended: ReadonlyMap<string, Told["error"]>,
): Told[] {
  if (after === null) return [];
  const { id, backendId, failover, evacuation } = after;
  const asked = failover ?? before?.failover ?? evacuation ?? null;
  const record = {
    id,
    projectId: null,
    requestedBy: asked?.userId ?? null,
    requestId: asked?.requestId ?? null,
  };
  return [...failovers(before, after), ...freezes(before, after), ...evacuations(before, after, ended)].map(
    ({ type, error, ...facts }) => ({
      type,
      error,
      record,
      object: backendView(backendId, backend, facts),
    }),
  );
}

export function backendView(
  backendId: number,
  backend: Backend | undefined,
  facts: Partial<Pick<EventObject, "side" | "reason">>,
): EventObject {
  const named = backend === undefined ? {} : { name: backend.name, zone: backend.zone };
  return { kind: "backend", id: String(backendId), backendId, ...named, ...facts };
}

function failovers(before: BackendState | null, after: BackendState): BackendTold[] {
  const was = before?.failover ?? null;
  const is = after.failover;
  const told: BackendTold[] = [];
  const isAnother = was !== null && is !== null && was.to !== is.to;
  if (isAnother && !was.overdue) told.push({ type: "backend.failover.error", error: GIVEN_UP, side: sideName(was.to) });
  if (is !== null && (was === null || isAnother))
    told.push({ type: "backend.failover.start", error: null, side: sideName(is.to) });
  if (is?.overdue === true && (isAnother || was?.overdue !== true)) {
    const { code, message } = after.lastError ?? { code: "E_DEADLINE", message: "it takes too long" };
    told.push({ type: "backend.failover.error", error: { code, message }, side: sideName(is.to) });
  }
  if (was !== null && is === null) told.push({ type: "backend.failover.end", error: null, side: sideName(after.side) });
  return told;
}

function freezes(before: BackendState | null, { frozen }: BackendState): BackendTold[] {
  const was = before?.frozen ?? null;
  if (frozen !== null && frozen !== was) return [{ type: "backend.freeze.end", error: null, reason: frozen.reason }];
  return was !== null && frozen === null ? [{ type: "backend.thaw.end", error: null }] : [];
}

function evacuations(
  before: BackendState | null,
  { evacuation: is }: BackendState,
  ended: ReadonlyMap<string, Told["error"]>,
): BackendTold[] {
  const was = before?.evacuation;
  if (is === undefined) return [];
  const told: BackendTold[] = [];
  // Asked again while it goes on, it is the same.
  const wentOn = was !== undefined && was.endedAtMs === null;
  if (!wentOn && (is.endedAtMs === null || is.startedAtMs !== was?.startedAtMs))
    told.push({ type: "backend.evacuate.start", error: null });
  if (is.endedAtMs !== null && (was === undefined || was.endedAtMs === null || was.startedAtMs !== is.startedAtMs)) {
    const error = ended.get("backend.evacuate") ?? null;
    told.push({ type: error === null ? "backend.evacuate.end" : "backend.evacuate.error", error });
  }
  return told;
}
