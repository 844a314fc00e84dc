import type { TObject } from "typebox";
import { isSecretParameter } from "#shared/drivers/declaration.ts";
import { findDriver } from "#shared/drivers/index.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import { sideName } from "#shared/model/replication.ts";
import { formatDuration } from "#shared/units.ts";
import { availableBytes } from "../../core/capacity.ts";
import { type BackendHealth, backendHealth } from "../../core/health.ts";
import { reportedProperties } from "../../core/reported.ts";
import { backendState } from "../../core/sides.ts";
import type { State } from "../../core/state.ts";
import type { BackendHealthName, BackendView, CapacityView } from "./schemas.ts";

export interface ObjectCounts {
  volumes: number;
  snapshots: number;
}

const NONE: ObjectCounts = { volumes: 0, snapshots: 0 };

/** What stands on each backend: one pass over the records, whether one backend is shown or all. */
export function countObjects(state: State): ReadonlyMap<number, ObjectCounts> {
  const counts = new Map<number, ObjectCounts>();
  const of = (backendId: number): ObjectCounts => {
    const found = counts.get(backendId) ?? { ...NONE };
    counts.set(backendId, found);
    return found;
  };
  for (const { backendId } of state.table("volume").values()) if (backendId !== null) of(backendId).volumes += 1;
  for (const { backendId } of state.table("snapshot").values()) of(backendId).snapshots += 1;
  return counts;
}

/** With what flavors can ask of it. */
export function fullBackendView(...[state, backend, counts, nowMs]: Parameters<typeof backendView>): BackendView {
  const view = backendView(state, backend, counts, nowMs);
  const { measurement } = state.space.backend(backend.id);
  if (view.capacity === null || measurement === null) return view;
  return { ...view, capacity: { ...view.capacity, properties: reportedProperties(backend, measurement) } };
}

export function backendView(
  state: State,
  backend: Backend,
  counts: ReadonlyMap<number, ObjectCounts>,
  nowMs: number,
): BackendView {
  const health = backendHealth(state.placementView, backend, nowMs);
  const queue = state.queues.of(backend.id);
  const record = backendState(state, backend.id);
  const { volumes, snapshots } = counts.get(backend.id) ?? NONE;
  return {
    id: backend.id,
    name: backend.name,
    driver: backend.driver,
    zone: backend.zone,
    host: backend.host,
    parameters: shownParameters(backend),
    settings: backend.settings,
    admission: backend.admission,
    side: sideName(record.side),
    frozen: record.frozen !== null,
    replicationTargets: (backend.replicationTargets ?? []).map((target) => ({
      name: target.name,
      parameters: withoutSecrets(findDriver(backend.driver)?.replicationTarget, target.parameters),
    })),
    flavors: state.catalogue.catalogue.flavors
      .filter((flavor) => flavor.backends.includes(backend.id))
      .map((flavor) => flavor.name),
    health: health.ailment === null ? "up" : HEALTH_NAMES[health.ailment],
    healthDetail: healthText(state, backend, health),
    reportAgeMs: health.reportAgeMs,
    reportedBy: state.fleet.reports.get(backend.id)?.agentId ?? null,
    capacity: capacityView(state, backend),
    volumes,
    snapshots,
    jobsInHand: queue.inHand.size,
    jobsWaiting: queue.waitingCount,
  };
}

const HEALTH_NAMES: Readonly<Record<NonNullable<BackendHealth["ailment"]>, BackendHealthName>> = {
  "agent-down": "agent-down",
  "backend-down": "down",
  "no-report": "no-report",
  "report-old": "report-old",
};

/** Why it is not up; while there is no report, what the agents say of opening it. */
function healthText(state: State, backend: Backend, health: BackendHealth): string | null {
  switch (health.ailment) {
    case null:
      return null;
    case "agent-down":
      return `no agent is up ${backend.host === null ? `in zone ${backend.zone}` : `on host ${backend.host} of zone ${backend.zone}`}`;
    case "backend-down":
      return health.detail;
    case "report-old":
      return `its last report is ${formatDuration(health.reportAgeMs ?? 0)} old`;
    case "no-report":
      return openingText(state, backend);
  }
}

function openingText(state: State, backend: Backend): string {
  for (const { agentId, opening } of state.fleet.openings(backend)) {
    if (opening.error !== null) return `agent ${agentId} could not open it: ${opening.error.message}`;
    if (opening.state === "opening") return `agent ${agentId} is opening it`;
  }
  return "no agent has measured it yet";
}

/** The last measurement, also of a backend that is down now: its age and health stand beside it. */
function capacityView(state: State, backend: Backend): CapacityView | null {
  const space = state.space.backend(backend.id);
  const pool = state.space.pool(space);
  const common = pool?.newest.measurement ?? null;
  if (space.measurement === null || pool === null || common === null) return null;
  const { poolId, provisioned, backendLimitBytes, objectCount, maxObjects, thin, capabilities } = space.measurement;
  return {
    poolId,
    totalBytes: common.totalBytes,
    freeBytes: common.freeBytes,
    limitBytes: backendLimitBytes,
    availableBytes: availableBytes(backend, space, pool),
    provisionedBytes: provisioned.bytes,
    unmeasuredBytes: space.unmeasuredVirtualBytes,
    objectCount,
    maxObjects,
    thin,
    capabilities,
  };
}

/** Where a secret lies is nobody's business who may only look. Of a driver that is not known, every reference is hidden. */
function shownParameters({ driver, parameters }: Backend): BackendView["parameters"] {
  return withoutSecrets(findDriver(driver)?.parameters, parameters);
}

export function withoutSecrets(
  schema: TObject | undefined,
  parameters: Backend["parameters"],
): BackendView["parameters"] {
  const declared = schema?.properties;
  return Object.fromEntries(
    Object.entries(parameters).map(([key, value]) => {
      const property = declared?.[key];
      const kind = /^(file|env):/.exec(String(value))?.[0];
      const secret = property === undefined ? kind !== undefined : isSecretParameter(property);
      return [key, secret ? `${kind ?? ""}[hidden]` : value];
    }),
  );
}
