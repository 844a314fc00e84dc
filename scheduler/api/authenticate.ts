import type { FastifyRequest } from "fastify";
import { BerthError } from "#shared/errors.ts";
import type { Identity, IdentitySource } from "../identity/identity.ts";
import { type Access, defaultAccess, OPERATOR_PREFIX } from "./access.ts";
import type { Api } from "./dependencies.ts";
import { failureOf } from "./failures.ts";
import type { RateLimiter } from "./rate-limiter.ts";

/** Every request but those of open routes says who asks, and is refused before its body is read if they may not. */
export function authenticate(app: Api, identities: IdentitySource, limiter: RateLimiter | null): void {
  app.decorateRequest("identity", null);
  app.addHook("onRequest", (request, _reply, done) => {
    const access = accessOf(request);
    if (access === "open") return done();
    const admit = (identity: Identity): void => {
      request.identity = identity;
      done(refusalOf(request, identity, access, limiter));
    };
    const refuse = (error: unknown): void => done(failureOf(error));
    try {
      const found = identities.identify(request.headers);
      if (found instanceof Promise) found.then(admit, refuse);
      else admit(found);
    } catch (error) {
      refuse(error);
    }
  });
}

/** A path that is not there is told to whoever may see anything. */
function accessOf(request: FastifyRequest): Access {
  if (request.is404) return "reader";
  return request.routeOptions.config.access ?? defaultAccess(request.method, request.url);
}

function refusalOf(
  request: FastifyRequest,
  identity: Identity,
  access: Exclude<Access, "open">,
  limiter: RateLimiter | null,
): BerthError | undefined {
  const who = identity.isAssumed ? null : identity.projectId;
  const retryAfterS = limiter?.take(who ?? request.ip) ?? 0;
  if (retryAfterS > 0)
    return new BerthError("E_RATE_LIMITED", "This request was rate-limited.", { details: { retryAfterS } });
  if (identity.roles.has(access)) return undefined;
  const message = request.url.startsWith(OPERATOR_PREFIX)
    ? `the operator's API asks for the role ${access}`
    : `Policy doesn't allow ${request.routeOptions.config.operation ?? "this"} to be performed.`;
  return new BerthError("E_FORBIDDEN", message, { details: { needs: access } });
}
