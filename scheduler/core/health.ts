import type { Measurement } from "#shared/model/capacity.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { Reason } from "#shared/model/placement.ts";
import type { Fleet } from "./fleet.ts";

/** Why nothing can be asked of a backend now. Each heals by itself when an agent or a report returns. */
export type Ailment = Extract<Reason, "agent-down" | "no-report" | "backend-down" | "report-old">;

/** How a backend is now: well, with the measurement that is believed; or not, and why. The age is by the scheduler's clock. */
export type BackendHealth =
  | { readonly ailment: null; readonly measurement: Measurement; readonly reportAgeMs: number }
  | {
      readonly ailment: Ailment;
      /** What it is about: the host or zone without an agent, the agent's own words. */
      readonly detail: string | null;
      readonly reportAgeMs: number | null;
    };

export interface HealthView {
  readonly fleet: Fleet;
  readonly reportMaxAgeMs: number;
}

export function backendHealth(view: HealthView, backend: Backend, nowMs: number): BackendHealth {
  const received = view.fleet.reports.get(backend.id);
  const reportAgeMs = received === undefined ? null : Math.max(0, nowMs - received.receivedMs);
  if (!view.fleet.serves(backend)) return { ailment: "agent-down", detail: backend.host ?? backend.zone, reportAgeMs };
  if (received === undefined || reportAgeMs === null) return { ailment: "no-report", detail: null, reportAgeMs };
  const { result } = received.report;
  if (result.state === "down") return { ailment: "backend-down", detail: result.message, reportAgeMs };
  if (reportAgeMs > (backend.settings.reportMaxAgeMs ?? view.reportMaxAgeMs))
    return { ailment: "report-old", detail: null, reportAgeMs };
  return { ailment: null, measurement: result.measurement, reportAgeMs };
}
