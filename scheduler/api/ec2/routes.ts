import type { FastifyReply, FastifyRequest } from "fastify";
import { BerthError } from "#shared/errors.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { earlyAnswer } from "../early-answer.ts";
import type { RateLimiter } from "../rate-limiter.ts";
import { ACTIONS } from "./actions.ts";
import { authenticate } from "./caller.ts";
import type { Action } from "./context.ts";
import { EC2_PATH } from "./door.ts";
import { type Ec2Answer, failureAnswer } from "./errors.ts";
import { missing } from "./parameters.ts";
import { type Given, nested, type Pair, parseForm, parsePairs } from "./query.ts";
import { Ec2Refusal } from "./refusal.ts";
import { xmlDocument } from "./xml.ts";

const CONTENT_TYPE = "text/xml;charset=UTF-8";
const METHODS = ["DELETE", "GET", "PATCH", "POST", "PUT"] as const;
const NEWEST = "2016-11-15";
const VERSION = /^\d{4}-\d\d-\d\d$/;
/** How a request says by whom it is signed, beside what it asks for. */
const SIGNING = /^X-Amz-/;

/**
 * The EC2 Query API: one path, to which `door.ts` brings all of it. It has its own way to say who asks (a signature, by
 * a key of the catalogue), its own bodies and its own errors. In a room of its own, so that no other route takes forms.
 */
export function ec2Routes(app: Api, dependencies: ApiDependencies, limiter: RateLimiter | null): void {
  app.register(async (room) => {
    room.removeAllContentTypeParsers();
    room.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
    room.route({
      method: [...METHODS],
      url: EC2_PATH,
      config: { access: "open" },
      schema: { hide: true },
      handler: async (request, reply) => send(request, reply, await answer(dependencies, limiter, request)),
      errorHandler: (error, request, reply) => {
        logFailure(dependencies, request, error);
        const failure = failureAnswer(error, request.id);
        if (failure.error.code === "E_TOO_LARGE") return sendEarly(request, reply, failure);
        return send(request, reply, failure);
      },
    });
  });
}

function send(request: FastifyRequest, reply: FastifyReply, { status, xml }: Ec2Answer): FastifyReply {
  return reply.code(status).type(CONTENT_TYPE).header("x-amzn-requestid", request.id).send(xml);
}

/** Before all of the request is here. */
function sendEarly(request: FastifyRequest, reply: FastifyReply, { status, xml }: Ec2Answer): FastifyReply {
  void reply.header("content-length", Buffer.byteLength(xml)).header("x-amzn-requestid", request.id);
  return reply.code(status).type(CONTENT_TYPE).send(earlyAnswer(xml, request.raw));
}

async function answer(
  dependencies: ApiDependencies,
  limiter: RateLimiter | null,
  request: FastifyRequest,
): Promise<Ec2Answer> {
  const { engine, nowMs = Date.now } = dependencies;
  const { state } = engine;
  let action: Action | undefined;
  try {
    const given = givenOf(request);
    const caller = authenticate(
      {
        method: request.method,
        target: request.originalUrl,
        rawHeaders: request.raw.rawHeaders,
        body: bodyOf(request),
      },
      { catalogue: state.catalogue, sealingKey: dependencies.sealingKey, nowMs: nowMs(), requestId: request.id },
    );
    const { userId, projectId, roles } = caller;
    request.identity = { userId, projectId, roles, isService: false, isAssumed: false };
    if ((limiter?.take(projectId) ?? 0) > 0) throw new BerthError("E_RATE_LIMITED", "Request limit exceeded.");
    const name = takeText(given, "Action") ?? "";
    const version = takeText(given, "Version") ?? NEWEST;
    action = requireAction(name);
    if (!VERSION.test(version))
      throw new Ec2Refusal("InvalidParameterValue", `Value (${version.slice(0, 60)}) for parameter Version is invalid`);
    if (action.access === "member" && !caller.mayWrite)
      throw new Ec2Refusal(
        "UnauthorizedOperation",
        "You are not authorized to perform this operation: the key is a reader's",
      );
    const told = await action.perform({ dependencies, state, caller, nowMs: nowMs() }, given);
    await engine.durable();
    const namespace = ` xmlns="http://ec2.amazonaws.com/doc/${version}/"`;
    return { status: 200, xml: xmlDocument(`${name}Response`, { requestId: request.id, ...told }, namespace) };
  } catch (thrown) {
    const failure = failureAnswer(thrown, request.id, {
      state,
      ...(action === undefined ? {} : { renamed: action.renamed }),
    });
    logFailure(dependencies, request, failure.error);
    // What is refused for what the records say must be durable as well; what failed in itself tells nothing of them.
    if (failure.status < 500) await engine.durable();
    return failure;
  }
}

function requireAction(name: string): Action {
  if (name === "") throw missing("Action");
  const action = ACTIONS.get(name);
  if (action !== undefined) return action;
  throw new Ec2Refusal("InvalidAction", `The action ${name.slice(0, 60)} is not valid for this web service.`);
}

function takeText(given: Map<string, Given>, name: string): string | undefined {
  const value = given.get(name);
  given.delete(name);
  return typeof value === "string" ? value : undefined;
}

/** What is asked for may stand in the query, in the body, or in both. */
function givenOf(request: FastifyRequest): Map<string, Given> {
  const url = request.originalUrl;
  const question = url.indexOf("?");
  const query = question === -1 ? [] : parsePairs(url.slice(question + 1));
  const isForm = request.method === "POST" || request.method === "GET";
  if (!isForm) throw new Ec2Refusal("InvalidRequest", "Requests are made by GET or POST");
  const pairs: Pair[] = [...query.filter(([name]) => !SIGNING.test(name)), ...parseForm(bodyOf(request))];
  return nested(pairs);
}

/** Nothing, where there is no body. */
function bodyOf({ body }: FastifyRequest): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}

function logFailure({ log }: ApiDependencies, request: FastifyRequest, thrown: unknown): void {
  const isOurs = thrown instanceof BerthError && thrown.status < 500;
  const facts = { err: thrown, method: request.method, requestId: request.id };
  if (isOurs) log.debug(facts, "EC2 request refused");
  else log.error(facts, "EC2 request failed");
}
