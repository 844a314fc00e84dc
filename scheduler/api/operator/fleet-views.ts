import { ZoneSettings } from "#shared/drivers/zone-settings.ts";
import type { Flavor, Zone } from "#shared/model/catalogue.ts";
import type { AgentState } from "../../core/fleet.ts";
import { backendHealth } from "../../core/health.ts";
import type { State } from "../../core/state.ts";
import { withoutSecrets } from "./backend-view.ts";
import type { AgentView, FlavorView, HealthView, ZoneView } from "./schemas.ts";

export function agentView(state: State, { id, heartbeat, lastSeenMs, up }: AgentState, nowMs: number): AgentView {
  return {
    id,
    zone: heartbeat.zone,
    host: heartbeat.host,
    pid: heartbeat.pid,
    program: heartbeat.program,
    state: up ? "up" : "down",
    lastSeenAgeMs: Math.max(0, nowMs - lastSeenMs),
    startedAt: new Date(heartbeat.startedAtMs).toISOString(),
    jobsInHand: heartbeat.jobsInHand,
    backends: heartbeat.backends.map((open) => ({
      id: open.id,
      name: state.backend(open.id)?.name ?? null,
      state: open.state,
      error: open.error,
    })),
  };
}

export function zoneViews(state: State, zones: readonly Zone[]): ZoneView[] {
  const agentsUp = new Map<string, number>();
  for (const agent of state.fleet.agents.values()) if (agent.up) increment(agentsUp, agent.heartbeat.zone);
  const backends = new Map<string, number>();
  for (const backend of state.catalogue.catalogue.backends) increment(backends, backend.zone);
  const volumes = new Map<string, number>();
  for (const { zone } of state.table("volume").values()) if (zone !== null) increment(volumes, zone);
  return zones.map(({ name, description, settings }) => ({
    name,
    description,
    ...(settings === undefined ? {} : { settings: withoutSecrets(ZoneSettings, settings) }),
    agentsUp: agentsUp.get(name) ?? 0,
    backends: backends.get(name) ?? 0,
    volumes: volumes.get(name) ?? 0,
  }));
}

export function flavorView(state: State, flavor: Flavor): FlavorView {
  const { defaultFlavor, defaultFlavors } = state.catalogue.catalogue;
  return {
    id: flavor.id,
    name: flavor.name,
    description: flavor.description,
    isDefault: defaultFlavor === flavor.name,
    defaultOf: Object.entries(defaultFlavors).flatMap(([project, name]) => (name === flavor.name ? [project] : [])),
    extraSpecs: flavor.extraSpecs ?? {},
    qos: flavor.qos ?? null,
    projects: flavor.projects ?? null,
    encryption: flavor.encryption ?? null,
    backends: state.catalogue.candidates(flavor).map(({ id, name, zone }) => ({ id, name, zone })),
  };
}

export type FleetHealth = Pick<HealthView, "agentsUp" | "agentsDown" | "backendsUp" | "backendsTotal">;

export function fleetHealth(state: State, nowMs: number): FleetHealth {
  const agents = [...state.fleet.agents.values()];
  const agentsUp = agents.filter((agent) => agent.up).length;
  const { backends } = state.catalogue.catalogue;
  const view = state.placementView;
  return {
    agentsUp,
    agentsDown: agents.length - agentsUp,
    backendsUp: backends.filter((backend) => backendHealth(view, backend, nowMs).ailment === null).length,
    backendsTotal: backends.length,
  };
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
