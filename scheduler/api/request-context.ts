import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { BerthError } from "#shared/errors.ts";
import { ProjectId } from "#shared/model/names.ts";
import { parser } from "#shared/schema.ts";
import type { Scope } from "../core/commands.ts";
import type { Identity } from "../identity/identity.ts";

/** Who asks, and what of it goes with every command. */
export interface Caller {
  readonly userId: string;
  /** Owner of what is created, and the project whose lists are shown. */
  readonly projectId: string;
  /** The project whose objects alone are seen; null: everybody's. */
  readonly scope: Scope;
  readonly requestId: string;
  /** With noauth everybody is. */
  readonly isAdmin: boolean;
}

export const DEFAULT_PROJECT = "default";

const REQUEST_ID = /^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const projectIds = parser(ProjectId, "project id");

/** The caller's own id for a chain of requests is kept, so that one id leads through all services' logs. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const given = headers["x-openstack-request-id"];
  return typeof given === "string" && REQUEST_ID.test(given) ? given : `req-${randomUUID()}`;
}

interface Asked {
  readonly id: string;
  readonly identity: Identity | null;
}

/**
 * The caller of a request, whose path may name a project. Who showed a token has its project, and a path that names
 * another is refused; administrators see everybody's objects by their ids. Throws E_BAD_REQUEST, E_UNAUTHENTICATED.
 */
export function callerOf(request: Asked, pathProject: string | undefined): Caller {
  const { id: requestId, identity } = request;
  if (identity === null)
    throw new BerthError("E_UNAUTHENTICATED", "The request you have made requires authentication.");
  if (identity.isAssumed) return assumedCaller(identity, requestId, pathProject);
  const { userId, projectId, roles } = identity;
  if (projectId === null || (pathProject !== undefined && pathProject !== projectId))
    throw new BerthError("E_BAD_REQUEST", "Malformed request url: the path names another project than the token");
  const isAdmin = roles.has("admin");
  return { userId, projectId, scope: isAdmin ? null : projectId, requestId, isAdmin };
}

/** noauth: the path says whose objects are seen; without a project in it, everybody's are. */
function assumedCaller({ userId, projectId }: Identity, requestId: string, pathProject: string | undefined): Caller {
  if (pathProject === undefined) {
    if (projectId !== null && !projectIds.check(projectId))
      throw new BerthError(
        "E_UNAUTHENTICATED",
        "the token names no project: it is user:project, or the path names one",
      );
    return { userId, projectId: projectId ?? DEFAULT_PROJECT, scope: null, requestId, isAdmin: true };
  }
  if (!projectIds.check(pathProject))
    throw new BerthError(
      "E_BAD_REQUEST",
      "Malformed request url: a project id has letters, digits, dots, hyphens and underscores only",
    );
  return { userId, projectId: pathProject, scope: pathProject, requestId, isAdmin: true };
}
