import type { Heartbeat } from "#shared/protocol/heartbeat.ts";
import type { Commands, Moment } from "./commands.ts";
import { backendState, openSide } from "./sides.ts";
import type { State } from "./state.ts";
import { retryWaiting } from "./tick.ts";

/** An agent lives, or says good-bye. */
export function takeHeartbeat(state: State, heartbeat: Heartbeat, moment: Moment): { refusal: string | null } {
  const { agentId, zone } = heartbeat;
  if (state.catalogue.zone(zone) === undefined) {
    const known = state.catalogue.catalogue.zones.map((other) => other.name).join(", ");
    return { refusal: `there is no zone ${zone} in the catalogue; zones are: ${known || "none yet"}` };
  }
  if (heartbeat.leaving) {
    const wasUp = state.fleet.agents.get(agentId)?.up === true;
    state.fleet.forget(agentId);
    if (wasUp) state.emit({ kind: "agent-down", agentId, zone, silentMs: 0 });
    return { refusal: null };
  }
  const { cameUp } = state.fleet.beat(heartbeat, moment.nowMs);
  if (cameUp) {
    state.emit({ kind: "agent-up", agentId, zone });
    retryWaiting(state, moment);
  }
  return { refusal: null };
}

/**
 * What an agent measured. An older one than the last is ignored, and so is one that claims to have seen commits that
 * are not durable (it comes from before a restored backup). A report that something is down leaves the last sums in force.
 */
export function takeReport(state: State, input: Commands["report.received"]["input"], moment: Moment): undefined {
  const { report, agentId, zone } = input;
  const backend = state.backend(report.backendId);
  if (backend === undefined || backend.zone !== zone || report.asOf >= moment.seq) return;
  if ((report.side ?? null) !== openSide(backendState(state, backend.id)).side) return;
  const before = state.fleet.reports.get(backend.id);
  if (before !== undefined && report.asOf < before.report.asOf) return;
  const { result } = report;
  if (result.state === "up" && !state.space.measured(backend.id, report.asOf, result.measurement)) return;
  const wasUp = before?.report.result.state !== "down";
  if (result.state === "up" && !wasUp)
    state.emit({ kind: "backend-turned", backendId: backend.id, up: true, reason: null });
  if (result.state === "down" && wasUp)
    state.emit({ kind: "backend-turned", backendId: backend.id, up: false, reason: result.message });
  state.fleet.reports.set(backend.id, { report, agentId, receivedMs: moment.nowMs });
  if (state.waiting.size > 0) retryWaiting(state, moment);
}
