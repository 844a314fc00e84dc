import type { FastifyReply, FastifyRequest } from "fastify";
import type { Logger } from "#shared/log.ts";
import type { Api } from "./dependencies.ts";
import { isJsonObject } from "./openstack/rest/refusal.ts";

const READS = new Set(["GET", "HEAD", "OPTIONS"]);
/** What an action is called. A body may hold anything else. */
const ACTION = /^[A-Za-z][A-Za-z-]{0,63}$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Answers that tell of one new object are far smaller. */
const MAX_ANSWER = 64 * 1024;

declare module "fastify" {
  interface FastifyRequest {
    /** The object that this request made. */
    madeId: string | null;
  }
}

/**
 * Writes down each request that would change something, refused or not: who, what, on which object, what came of it. The
 * names of the fields stay. Nothing of a body is written but an action's name, and nothing of a header but the request id.
 */
export function logWrites(app: Api, log: Logger): void {
  app.decorateRequest("madeId", null);
  app.addHook("onSend", (request, reply, payload, done) => {
    if (request.method === "POST" && reply.statusCode < 300) request.madeId = idIn(payload);
    done(null, payload);
  });
  app.addHook("onResponse", (request, reply, done) => {
    if (!READS.has(request.method)) log.info(entryOf(request, reply), "write");
    done();
  });
}

function entryOf(request: FastifyRequest, reply: FastifyReply): object {
  const { identity, method, body, headers } = request;
  const { url: route } = request.routeOptions;
  const action = route?.endsWith("/action") === true && isJsonObject(body) ? Object.keys(body)[0] : undefined;
  const forwardedFor = headers["x-forwarded-for"];
  return {
    userId: identity?.userId ?? null,
    projectId: identity?.projectId ?? null,
    pathProject: paramOf(request, "project"),
    roles: [...(identity?.roles ?? [])],
    isService: identity?.isService ?? false,
    method,
    route: route ?? null,
    action: action !== undefined && ACTION.test(action) ? action : null,
    objectId: paramOf(request, "id") ?? paramOf(request, "name"),
    madeId: request.madeId,
    status: reply.statusCode,
    requestId: request.id,
    remoteAddress: request.ip,
    // As the client or another scheduler says.
    forwardedFor: typeof forwardedFor === "string" ? forwardedFor.slice(0, 200) : null,
    durationMs: Math.round(reply.elapsedTime * 10) / 10,
  };
}

function paramOf({ params }: FastifyRequest, name: string): string | null {
  const value = isJsonObject(params) ? params[name] : undefined;
  return typeof value === "string" ? value.slice(0, 255) : null;
}

/** `{"volume": {"id": …}}`. */
function idIn(payload: unknown): string | null {
  if (typeof payload !== "string" || payload.length > MAX_ANSWER || !payload.startsWith("{")) return null;
  const made: unknown = Object.values(Object(JSON.parse(payload)))[0];
  return isJsonObject(made) && typeof made.id === "string" && UUID.test(made.id) ? made.id : null;
}
