import { DRIVERS, KNOWN_DRIVERS } from "#shared/drivers/index.ts";
import { BerthError } from "#shared/errors.ts";
import { createZone, deleteZone, setZone } from "../../catalogue/edits.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { agentView, fleetHealth, zoneViews } from "./fleet-views.ts";
import {
  AgentList,
  CreateZoneBody,
  DriverList,
  type DriverView,
  HealthView,
  SetZoneBody,
  ZoneAnswer,
  ZoneList,
  type ZoneView,
} from "./schemas.ts";

export function fleetRoutes(app: Api, base: string, dependencies: ApiDependencies): void {
  const { engine, catalogue, version, schedulerId, settings, nowMs = Date.now } = dependencies;
  const { state } = engine;

  const healthOptions = { schema: { response: { 200: HealthView } }, config: { access: "open" } } as const;
  app.get(`${base}/health`, healthOptions, async () => {
    const health = fleetHealth(state, nowMs());
    const catalogueProblem = catalogue.problem();
    const whole = health.agentsDown === 0 && health.backendsUp === health.backendsTotal && catalogueProblem === null;
    const status = whole ? ("ok" as const) : ("degraded" as const);
    const standing = { role: "leader" as const, leaderUrl: settings.leaderUrl, lagCommits: 0 };
    return { status, schedulerId, version, ledgerSeq: engine.durableSeq, ...standing, ...health, catalogueProblem };
  });

  app.get(`${base}/agents`, { schema: { response: { 200: AgentList } } }, async () => ({
    agents: [...state.fleet.agents.values()].map((agent) => agentView(state, agent, nowMs())),
  }));

  app.get(`${base}/zones`, { schema: { response: { 200: ZoneList } } }, async () => ({
    zones: zoneViews(state, state.catalogue.catalogue.zones),
  }));

  app.post(
    `${base}/zones`,
    { schema: { body: CreateZoneBody, response: { 201: ZoneAnswer } } },
    async ({ body: { name, description = "" } }, reply) => {
      const made: ZoneView = { name, description, agentsUp: 0, backends: 0, volumes: 0 };
      await catalogue.edit((before) => createZone(before, { name, description }));
      return reply.code(201).send({ zone: zoneViews(state, [{ name, description }])[0] ?? made });
    },
  );

  app.patch<{ Params: { name: string }; Body: SetZoneBody }>(
    `${base}/zones/:name`,
    { schema: { body: SetZoneBody, response: { 200: ZoneAnswer } } },
    async ({ params: { name }, body: { settings } }) => {
      const { zones } = await catalogue.edit((before) => setZone(before, { name, settings }));
      const [zone] = zoneViews(
        state,
        zones.filter((one) => one.name === name),
      );
      if (zone === undefined) throw new BerthError("E_NOT_FOUND", `zone ${name} was deleted meanwhile`);
      return { zone };
    },
  );

  app.delete<{ Params: { name: string } }>(`${base}/zones/:name`, async (request, reply) => {
    await catalogue.edit((before) => deleteZone(before, request.params.name));
    return reply.code(204).send();
  });

  app.get(`${base}/drivers`, { schema: { response: { 200: DriverList } } }, async () => ({
    drivers: driverViews(),
  }));
}

function driverViews(): DriverView[] {
  return [
    ...DRIVERS.map(({ name, title, example, parameters }) => ({
      name,
      title,
      built: true as const,
      example,
      parameters,
    })),
    ...Object.entries(KNOWN_DRIVERS).map(([name, title]) => ({ name, title, built: false as const })),
  ];
}
