import type { Api, ApiDependencies } from "../dependencies.ts";
import { attachmentOperations } from "./attachments/attachments.ts";
import { backupOperations } from "./backups/backups.ts";
import { defaultTypeRoutes } from "./default-types.ts";
import { extensionOperations } from "./discovery/extensions.ts";
import { filterOperations } from "./discovery/resource-filters.ts";
import { zoneOperations } from "./discovery/zones.ts";
import { groupSnapshotRoutes } from "./group-snapshots.ts";
import { groupTypeRoutes } from "./group-types.ts";
import { groupRoutes } from "./groups.ts";
import { manageSnapshotOperations } from "./manage/snapshots.ts";
import { manageVolumeOperations } from "./manage/volumes.ts";
import { poolOperations } from "./pools/pools.ts";
import { qosRoutes } from "./qos-specs.ts";
import { limitOperations } from "./quotas/limits.ts";
import { quotaClassOperations } from "./quotas/quota-class-sets.ts";
import { quotaSetOperations } from "./quotas/quota-sets.ts";
import type { Operation } from "./rest/operation.ts";
import { registerOperations } from "./rest/register.ts";
import { clusterOperations } from "./services/clusters.ts";
import { hostOperations } from "./services/hosts.ts";
import { serviceOperations } from "./services/services.ts";
import { workerOperations } from "./services/workers.ts";
import { snapshotOperations } from "./snapshots/snapshots.ts";
import { transferRoutes } from "./transfers.ts";
import { typeRoutes } from "./types.ts";
import { versionRoutes } from "./versions.ts";
import { volumeActions } from "./volumes/actions.ts";
import { volumeOperations } from "./volumes/volumes.ts";

/** Paths name the project, or leave it to the token. */
export interface InProject {
  Params: { project?: string };
}

export interface OnObject {
  Params: { project?: string; id: string };
}

/** All that can be asked in the words of OpenStack Block Storage v3. */
export function openstackOperations(dependencies: ApiDependencies): readonly Operation[] {
  return [
    ...volumeOperations(dependencies),
    volumeActions(dependencies),
    ...snapshotOperations(dependencies),
    ...attachmentOperations(dependencies),
    ...manageVolumeOperations(dependencies),
    ...manageSnapshotOperations(dependencies),
    ...backupOperations(dependencies),
    ...serviceOperations(dependencies),
    ...hostOperations(dependencies),
    ...clusterOperations(),
    ...workerOperations(),
    ...poolOperations(dependencies),
    ...quotaSetOperations(dependencies),
    ...quotaClassOperations(dependencies),
    ...limitOperations(dependencies),
    ...zoneOperations(dependencies),
    ...extensionOperations(),
    ...filterOperations(),
  ];
}

export function openstackRoutes(app: Api, dependencies: ApiDependencies): void {
  versionRoutes(app, dependencies);
  registerOperations(app, dependencies.settings, openstackOperations(dependencies));
  for (const base of ["/v3", "/v3/:project"]) {
    transferRoutes(app, base, dependencies);
    groupRoutes(app, base, dependencies);
    groupTypeRoutes(app, base, dependencies);
    groupSnapshotRoutes(app, base, dependencies);
    typeRoutes(app, base, dependencies);
    qosRoutes(app, base, dependencies);
    defaultTypeRoutes(app, base, dependencies);
  }
}
