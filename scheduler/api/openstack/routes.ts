import type { Api, ApiDependencies } from "../dependencies.ts";
import { attachmentRoutes } from "./attachments.ts";
import { defaultTypeRoutes } from "./default-types.ts";
import { groupSnapshotRoutes } from "./group-snapshots.ts";
import { groupTypeRoutes } from "./group-types.ts";
import { groupRoutes } from "./groups.ts";
import { manageRoutes } from "./manage.ts";
import { qosRoutes } from "./qos-specs.ts";
import { serviceRoutes } from "./services.ts";
import { snapshotRoutes } from "./snapshots.ts";
import { surroundingRoutes } from "./surroundings.ts";
import { transferRoutes } from "./transfers.ts";
import { typeRoutes } from "./types.ts";
import { versionRoutes } from "./versions.ts";
import { actionRoutes } from "./volume-actions.ts";
import { volumeRoutes } from "./volumes.ts";

/** Paths name the project, or leave it to the token. */
export interface InProject {
  Params: { project?: string };
}

export interface OnObject {
  Params: { project?: string; id: string };
}

/** OpenStack Block Storage v3, as far as Berth has it: both forms of the paths, with and without the project. */
export function openstackRoutes(app: Api, dependencies: ApiDependencies): void {
  versionRoutes(app, dependencies);
  for (const base of ["/v3", "/v3/:project"]) {
    volumeRoutes(app, base, dependencies);
    actionRoutes(app, base, dependencies);
    attachmentRoutes(app, base, dependencies);
    snapshotRoutes(app, base, dependencies);
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
