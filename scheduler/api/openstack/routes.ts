import type { Api, ApiDependencies } from "../dependencies.ts";
import { attachmentOperations } from "./attachments/attachments.ts";
import { backupOperations } from "./backups/backups.ts";
import { extensionOperations } from "./discovery/extensions.ts";
import { filterOperations } from "./discovery/resource-filters.ts";
import { zoneOperations } from "./discovery/zones.ts";
import { groupSnapshotOperations } from "./groups/group-snapshots.ts";
import { groupTypeOperations } from "./groups/group-types.ts";
import { groupOperations } from "./groups/groups.ts";
import { manageSnapshotOperations } from "./manage/snapshots.ts";
import { manageVolumeOperations } from "./manage/volumes.ts";
import { messageOperations } from "./messages/messages.ts";
import { poolOperations } from "./pools/pools.ts";
import { qosOperations } from "./qos/qos-specs.ts";
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
import { transferOperations } from "./transfers/transfers.ts";
import { typeAccessOperations } from "./types/access.ts";
import { defaultTypeOperations } from "./types/default-types.ts";
import { typeEncryptionOperations } from "./types/encryption.ts";
import { extraSpecOperations } from "./types/extra-specs.ts";
import { typeOperations } from "./types/types.ts";
import { versionRoutes } from "./versions.ts";
import { volumeActions } from "./volumes/actions.ts";
import { volumeEncryptionOperations } from "./volumes/encryption.ts";
import { volumeOperations } from "./volumes/volumes.ts";

/** All that can be asked in the words of OpenStack Block Storage v3. */
export function openstackOperations(dependencies: ApiDependencies): readonly Operation[] {
  return [
    ...volumeOperations(dependencies),
    volumeActions(dependencies),
    ...volumeEncryptionOperations(dependencies),
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
    ...typeOperations(dependencies),
    ...extraSpecOperations(dependencies),
    ...typeAccessOperations(dependencies),
    ...typeEncryptionOperations(dependencies),
    ...defaultTypeOperations(dependencies),
    ...qosOperations(dependencies),
    ...groupTypeOperations(dependencies),
    ...groupOperations(dependencies),
    ...groupSnapshotOperations(dependencies),
    ...transferOperations(dependencies),
    ...messageOperations(dependencies),
  ];
}

export function openstackRoutes(app: Api, dependencies: ApiDependencies): void {
  versionRoutes(app, dependencies);
  registerOperations(app, dependencies.settings, openstackOperations(dependencies));
}
