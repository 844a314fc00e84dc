import { limitOf } from "../../core/quotas.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { callerOf } from "../request-context.ts";
import type { InProject } from "./routes.ts";

/** What clients ask beside volumes: zones, extensions (there are none), limits and what is used of them. */
export function surroundingRoutes(app: Api, base: string, { engine }: ApiDependencies): void {
  const { state } = engine;

  app.get<InProject>(`${base}/os-availability-zone`, (request, reply) => {
    callerOf(request, request.params.project);
    const zonesUp = new Set<string>();
    for (const agent of state.fleet.agents.values()) if (agent.up) zonesUp.add(agent.heartbeat.zone);
    return reply.send({
      availabilityZoneInfo: state.catalogue.catalogue.zones.map(({ name }) => ({
        zoneName: name,
        zoneState: { available: zonesUp.has(name) },
        hosts: null,
      })),
    });
  });

  app.get<InProject>(`${base}/extensions`, (request, reply) => {
    callerOf(request, request.params.project);
    return reply.send({ extensions: [] });
  });

  app.get<InProject>(`${base}/limits`, (request, reply) => {
    const { projectId } = callerOf(request, request.params.project);
    const { quotas } = state.catalogue.catalogue;
    const used = state.usage.of(projectId);
    return reply.send({
      limits: {
        rate: [],
        absolute: {
          maxTotalVolumes: limitOf(quotas, projectId, null, "volumes"),
          totalVolumesUsed: used.volumes,
          maxTotalVolumeGigabytes: limitOf(quotas, projectId, null, "gib"),
          totalGigabytesUsed: used.gib,
          maxTotalSnapshots: limitOf(quotas, projectId, null, "snapshots"),
          totalSnapshotsUsed: used.snapshots,
          maxTotalBackups: -1,
          totalBackupsUsed: 0,
          maxTotalBackupGigabytes: -1,
          totalBackupGigabytesUsed: 0,
        },
      },
    });
  });
}
