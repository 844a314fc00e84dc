import type { RequestListener } from "node:http";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import type { TSchema } from "typebox";
import { BerthError, ERROR_CATALOGUE } from "#shared/errors.ts";
import { parser } from "#shared/schema.ts";
import { OPERATOR_PREFIX } from "./access.ts";
import { authenticate } from "./authenticate.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { serveDocument } from "./document.ts";
import { createDoor, RECEIVE_TIMEOUT_MS } from "./door.ts";
import { holdAnswersUntilDurable } from "./durable-answers.ts";
import { earlyAnswer } from "./early-answer.ts";
import { routedUrl } from "./ec2/door.ts";
import { ec2Routes } from "./ec2/routes.ts";
import { failureOf } from "./failures.ts";
import { createMetrics } from "./metrics.ts";
import { faultBody, retryAfterOf } from "./openstack/rest/faults.ts";
import { minorOf, VERSION_HEADER, versionReply } from "./openstack/rest/microversion.ts";
import { openstackRoutes } from "./openstack/routes.ts";
import { operatorErrorBody } from "./operator/error-body.ts";
import { EventStreams } from "./operator/event-stream.ts";
import { operatorRoutes } from "./operator/routes.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { requestIdOf } from "./request-context.ts";
import { serializerOf } from "./serializers.ts";
import { logWrites } from "./write-log.ts";

/** The field's own limit. */
export const BODY_LIMIT_BYTES = 114_688;
const METHODS = ["DELETE", "GET", "PATCH", "POST", "PUT"] as const;

/** Everything that Berth answers over HTTP. It changes things by `engine.submit` and the catalogue's edits alone. */
export function createApi(dependencies: ApiDependencies): Api {
  const { log, settings, identities, writeLog, tls, nowMs = Date.now } = dependencies;
  const app: Api = fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: RECEIVE_TIMEOUT_MS,
    // Otherwise the framework's own, which also closes one that never listened.
    ...(tls === null ? {} : { serverFactory: (answer: RequestListener) => createDoor(tls, answer) }),
    forceCloseConnections: "idle",
    requestIdHeader: false,
    genReqId: (request) => requestIdOf(request.headers),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 2048 },
    rewriteUrl: routedUrl,
    frameworkErrors: (error, request, reply) => void sendFailure(dependencies, error, request, reply),
  });
  app.setValidatorCompiler<TSchema>(({ schema, httpPart }) => {
    const known = parser(schema, httpPart === "body" ? "the request body" : `the ${httpPart ?? "request"}`);
    return (value) => {
      try {
        return { value: known.parse(value ?? {}) };
      } catch (error) {
        return { error: failureOf(error) };
      }
    };
  });
  app.setSerializerCompiler<TSchema>(({ schema }) => serializerOf(schema));
  acceptJson(app);

  const streams = new EventStreams(dependencies.engine.events);
  // Whoever watches would keep the API open; it goes on where it was with whoever answers next.
  app.addHook("preClose", (done) => {
    streams.close();
    done();
  });
  const metrics = createMetrics(dependencies, streams);
  app.decorateRequest("minor", 0);
  app.addHook("onRequest", (request, reply, done) => {
    reply.header("x-compute-request-id", request.id).header("x-openstack-request-id", request.id);
    if (!request.url.startsWith("/v3")) return done();
    let failure: Error | undefined;
    try {
      request.minor = minorOf(request.headers[VERSION_HEADER]);
    } catch (error) {
      failure = failureOf(error);
    }
    reply.header(VERSION_HEADER, versionReply(request.minor)).header("vary", "OpenStack-API-Version");
    done(failure);
  });
  const { ratePerS, rateBurst } = settings;
  const limiter = ratePerS === 0 ? null : new RateLimiter(ratePerS, rateBurst, nowMs);
  authenticate(app, identities, limiter);
  holdAnswersUntilDurable(app, dependencies.engine);
  if (writeLog !== null) logWrites(app, writeLog);
  app.addHook("onResponse", (request, reply, done) => {
    metrics.observeRequest(request, reply);
    if (log.isLevelEnabled("debug"))
      log.debug(
        {
          method: request.method,
          url: request.url,
          status: reply.statusCode,
          ms: reply.elapsedTime,
          requestId: request.id,
        },
        "request",
      );
    done();
  });
  app.setErrorHandler((error, request, reply) => sendFailure(dependencies, error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    sendFailure(dependencies, new BerthError("E_NOT_FOUND", `there is nothing at ${pathOf(request)}`), request, reply),
  );

  serveDocument(app, dependencies.version);
  app.register(async (routes: Api) => {
    const methodsByPath = collectPaths(routes);
    openstackRoutes(routes, dependencies);
    operatorRoutes(routes, dependencies, streams);
    routes.get(
      "/metrics",
      { schema: { hide: true }, config: { access: settings.metricsAccess } },
      async (_request, reply) => reply.type(metrics.contentType).send(await metrics.scrape()),
    );
    refuseOtherMethods(routes, methodsByPath);
  });
  ec2Routes(app, dependencies, limiter);
  return app;
}

/** JSON and nothing else. Clients name it as the type of bodies that they do not send (DELETE, actions without an argument). */
function acceptJson(app: Api): void {
  app.removeContentTypeParser("text/plain");
  const parseJson = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body: string, done) => {
    if (body === "") return done(null, undefined);
    parseJson(request, body, (error, value) =>
      error === null
        ? done(null, value)
        : done(new BerthError("E_BAD_REQUEST", "the request body is not JSON", { cause: error })),
    );
  });
}

function collectPaths(app: Api): Map<string, Set<string>> {
  const paths = new Map<string, Set<string>>();
  app.addHook("onRoute", ({ url, method }) => {
    const methods = paths.get(url) ?? new Set();
    paths.set(url, methods);
    for (const name of [method].flat()) methods.add(name);
  });
  return paths;
}

/** A known path with a method that it does not have is 405 and says which it has; otherwise it would look like a wrong path. */
function refuseOtherMethods(app: Api, paths: ReadonlyMap<string, ReadonlySet<string>>): void {
  for (const [url, had] of [...paths]) {
    const allowed = [...had].sort().join(", ");
    app.route({
      url,
      method: METHODS.filter((method) => !had.has(method)),
      schema: { hide: true },
      config: { access: "reader" },
      handler: (request, reply) => {
        reply.header("allow", allowed);
        throw new BerthError(
          "E_METHOD_NOT_ALLOWED",
          `${pathOf(request)} does not take ${request.method}, only ${allowed}`,
        );
      },
    });
  }
}

function sendFailure(
  { log, identities }: ApiDependencies,
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const error = failureOf(thrown);
  const facts = { err: error, method: request.method, url: request.url, requestId: request.id };
  if (error.status >= 500) log.error(facts, "request failed");
  else log.debug(facts, "request refused");
  if (error.status === ERROR_CATALOGUE.E_TOO_LARGE.status) reply.header("retry-after", retryAfterOf(error));
  if (error.code === "E_UNAUTHENTICATED" && identities.challenge !== null)
    reply.header("www-authenticate", identities.challenge);
  const body = request.url.startsWith(OPERATOR_PREFIX) ? operatorErrorBody(error, request.id) : faultBody(error);
  reply.code(error.status).type("application/json; charset=utf-8");
  if (error.code === "E_TOO_LARGE") {
    const text = JSON.stringify(body);
    return reply.header("content-length", Buffer.byteLength(text)).send(earlyAnswer(text, request.raw));
  }
  // An answer's schema describes its success; the reply is serialised as it is.
  return reply.serializer(JSON.stringify).send(body);
}

function pathOf({ url }: FastifyRequest): string {
  return (url.split("?")[0] ?? url).slice(0, 200);
}
