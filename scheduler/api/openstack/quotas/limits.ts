import { Type } from "typebox";
import { limitOf, projectLimitOf } from "../../../core/quotas.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import { one } from "../rest/listing.ts";
import { type Operation, operation } from "../rest/operation.ts";

/** From here on administrators may ask for another project's. */
const OTHERS_SINCE = 39;

const count = Type.Integer();
const LimitsAnswer = Type.Object({
  limits: Type.Object({
    rate: Type.Array(Type.Never()),
    absolute: Type.Object({
      maxTotalVolumes: count,
      totalVolumesUsed: count,
      maxTotalVolumeGigabytes: count,
      totalGigabytesUsed: count,
      maxTotalSnapshots: count,
      totalSnapshotsUsed: count,
      maxTotalBackups: count,
      totalBackupsUsed: count,
      maxTotalBackupGigabytes: count,
      totalBackupGigabytesUsed: count,
    }),
  }),
});

export function limitOperations({ engine }: ApiDependencies): readonly Operation[] {
  const { state } = engine;
  return [
    operation({
      name: "limits_extension:used_limits",
      summary: "What the project may have, and what it has",
      method: "GET",
      path: "/limits",
      access: "reader",
      query: { project_id: "another project's, for administrators (3.39)", tenant_id: "older name of project_id" },
      status: 200,
      answer: LimitsAnswer,
      handle: ({ caller, query, minor }) => {
        const other = one(query, "project_id") ?? one(query, "tenant_id");
        const asked = caller.isAdmin && minor >= OTHERS_SINCE ? other : undefined;
        const project = asked ?? caller.projectId;
        const { quotas } = state.catalogue.catalogue;
        const used = state.usage.of(project);
        return {
          limits: {
            rate: [],
            absolute: {
              maxTotalVolumes: limitOf(quotas, project, null, "volumes"),
              totalVolumesUsed: used.volumes,
              maxTotalVolumeGigabytes: limitOf(quotas, project, null, "gib"),
              totalGigabytesUsed: used.gib,
              maxTotalSnapshots: limitOf(quotas, project, null, "snapshots"),
              totalSnapshotsUsed: used.snapshots,
              maxTotalBackups: projectLimitOf(quotas, project, "backups"),
              totalBackupsUsed: 0,
              maxTotalBackupGigabytes: projectLimitOf(quotas, project, "backupGib"),
              totalBackupGigabytesUsed: 0,
            },
          },
        };
      },
    }),
  ];
}
