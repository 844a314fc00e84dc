import type { Api, ApiDependencies } from "../dependencies.ts";
import { attachmentOperations } from "./attachments/attachments.ts";
import { defaultTypeRoutes } from "./default-types.ts";
import { groupSnapshotRoutes } from "./group-snapshots.ts";
import { groupTypeRoutes } from "./group-types.ts";
import { groupRoutes } from "./groups.ts";
import { manageRoutes } from "./manage.ts";
import { qosRoutes } from "./qos-specs.ts";
import type { Operation } from "./rest/operation.ts";
import { registerOperations } from "./rest/register.ts";
import { serviceRoutes } from "./services.ts";
import { snapshotOperations } from "./snapshots/snapshots.ts";
import { surroundingRoutes } from "./surroundings.ts";
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
    manageRoutes(app, base, dependencies);
    typeRoutes(app, base, dependencies);
    qosRoutes(app, base, dependencies);
    defaultTypeRoutes(app, base, dependencies);
    serviceRoutes(app, base, dependencies);
    surroundingRoutes(app, base, dependencies);
  }
}
