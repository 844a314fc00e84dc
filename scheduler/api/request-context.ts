import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { BerthError } from "#shared/errors.ts";
import { ProjectId, UserId } from "#shared/model/names.ts";
import { parser } from "#shared/schema.ts";
import type { Scope } from "../core/commands.ts";

/** Who asks, and what of it goes with every command. With noauth everybody is an administrator. */
export interface Caller {
  readonly userId: string;
  /** Owner of what is created, and the project whose lists are shown. */
  readonly projectId: string;
  /** The path's project, whose objects alone are seen; null, if the path names none: everybody's. */
  readonly scope: Scope;
  readonly isAdmin: boolean;
  readonly requestId: string;
}

export const DEFAULT_PROJECT = "default";
const DEFAULT_USER = "admin";
/** What openstacksdk sends when it has no authentication: it names nobody. */
const NO_TOKEN = "notused";

const REQUEST_ID = /^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const projectIds = parser(ProjectId, "project id");
const userIds = parser(UserId, "user id");

/** The caller's own id for a chain of requests is kept, so that one id leads through all services' logs. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const given = headers["x-openstack-request-id"];
  return typeof given === "string" && REQUEST_ID.test(given) ? given : `req-${randomUUID()}`;
}

/** Throws E_BAD_REQUEST for a project in the path, or E_UNAUTHENTICATED for one in the token, that cannot be one. */
export function callerOf(
  request: { readonly id: string; readonly headers: IncomingHttpHeaders },
  pathProject: string | undefined,
): Caller {
  const { user, project } = readToken(request.headers["x-auth-token"]);
  const userId = user !== undefined && userIds.check(user) ? user : DEFAULT_USER;
  if (pathProject === undefined) {
    if (project !== undefined && !projectIds.check(project))
      throw new BerthError(
        "E_UNAUTHENTICATED",
        "the token names no project: it is user:project, or the path names one",
      );
    return { userId, projectId: project ?? DEFAULT_PROJECT, scope: null, isAdmin: true, requestId: request.id };
  }
  if (!projectIds.check(pathProject))
    throw new BerthError(
      "E_BAD_REQUEST",
      "Malformed request url: a project id has letters, digits, dots, hyphens and underscores only",
    );
  return { userId, projectId: pathProject, scope: pathProject, isAdmin: true, requestId: request.id };
}

interface Token {
  readonly user?: string;
  readonly project?: string;
}

/** noauth's tokens are `user:project`; without a colon the project is called as the user. */
function readToken(header: string | string[] | undefined): Token {
  if (typeof header !== "string" || header === "" || header === NO_TOKEN) return {};
  const colon = header.indexOf(":");
  const user = colon === -1 ? header : header.slice(0, colon);
  const project = colon === -1 ? header : header.slice(colon + 1);
  return { user, project };
}
