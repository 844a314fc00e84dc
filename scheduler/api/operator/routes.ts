import type { Api, ApiDependencies } from "../dependencies.ts";
import { auditRoutes } from "./audit.ts";
import { backendRoutes } from "./backends.ts";
import { backupRoutes } from "./backup.ts";
import { connectionRoutes } from "./connections.ts";
import { ec2OperatorRoutes } from "./ec2.ts";
import { evacuationRoutes } from "./evacuation.ts";
import type { EventStreams } from "./event-stream.ts";
import { eventRoutes } from "./events.ts";
import { failoverRoutes } from "./failover.ts";
import { flavorRoutes } from "./flavors.ts";
import { fleetRoutes } from "./fleet.ts";
import { historyRoutes } from "./history.ts";
import { keyRoutes } from "./keys.ts";
import { lastErrorRoutes } from "./last-errors.ts";
import { moveRoutes } from "./moves.ts";
import { placementRoutes } from "./placements.ts";
import { qosRoutes } from "./qos.ts";
import { quotaRoutes } from "./quotas.ts";
import { resetRoutes } from "./reset.ts";

export const OPERATOR_BASE = "/berth/v1";

/** What operators see and change: the catalogue, agents, backends, and why volumes are where they are. */
export function operatorRoutes(app: Api, dependencies: ApiDependencies, streams: EventStreams): void {
  fleetRoutes(app, OPERATOR_BASE, dependencies);
  flavorRoutes(app, OPERATOR_BASE, dependencies);
  qosRoutes(app, OPERATOR_BASE, dependencies);
  backendRoutes(app, OPERATOR_BASE, dependencies);
  evacuationRoutes(app, OPERATOR_BASE, dependencies);
  failoverRoutes(app, OPERATOR_BASE, dependencies);
  placementRoutes(app, OPERATOR_BASE, dependencies);
  quotaRoutes(app, OPERATOR_BASE, dependencies);
  backupRoutes(app, OPERATOR_BASE, dependencies);
  lastErrorRoutes(app, OPERATOR_BASE, dependencies);
  historyRoutes(app, OPERATOR_BASE, dependencies);
  auditRoutes(app, OPERATOR_BASE, dependencies);
  connectionRoutes(app, OPERATOR_BASE, dependencies);
  keyRoutes(app, OPERATOR_BASE, dependencies);
  ec2OperatorRoutes(app, OPERATOR_BASE, dependencies);
  eventRoutes(app, OPERATOR_BASE, dependencies, streams);
  resetRoutes(app, OPERATOR_BASE, dependencies);
  moveRoutes(app, OPERATOR_BASE, dependencies);
}
