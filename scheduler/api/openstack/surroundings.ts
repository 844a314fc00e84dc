import type { Api, ApiDependencies } from "../dependencies.ts";
import { callerOf } from "../request-context.ts";
import type { InProject } from "./routes.ts";

/** What clients ask beside volumes: zones, extensions (there are none), limits (none are set; what is used is told). */
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
    const volumes = usedBy(state.table("volume"), projectId);
    const snapshots = usedBy(state.table("snapshot"), projectId);
    return reply.send({
      limits: {
        rate: [],
        absolute: {
          maxTotalVolumes: -1,
          totalVolumesUsed: volumes.count,
          maxTotalVolumeGigabytes: -1,
          totalGigabytesUsed: volumes.sizeGib + snapshots.sizeGib,
          maxTotalSnapshots: -1,
          totalSnapshotsUsed: snapshots.count,
          maxTotalBackups: -1,
          totalBackupsUsed: 0,
          maxTotalBackupGigabytes: -1,
          totalBackupGigabytesUsed: 0,
        },
      },
    });
  });
}

interface Owned {
  readonly projectId: string;
  readonly sizeGib: number;
}

function usedBy(table: ReadonlyMap<string, Owned>, projectId: string): { count: number; sizeGib: number } {
  const used = { count: 0, sizeGib: 0 };
  for (const item of table.values()) {
    if (item.projectId !== projectId) continue;
    used.count += 1;
    used.sizeGib += item.sizeGib;
  }
  return used;
}
