import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { Agent, buildConnector, request as send } from "undici";
import { BerthError } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import type { Api } from "./dependencies.ts";
import { createDoor } from "./door.ts";
import { isEc2Request } from "./ec2/door.ts";
import { failureAnswer } from "./ec2/errors.ts";
import { faultBody } from "./openstack/rest/faults.ts";
import { operatorErrorBody } from "./operator/error-body.ts";
import { healthViews } from "./operator/schemas.ts";
import { requestIdOf } from "./request-context.ts";
import type { ServedCertificate } from "./served-certificate.ts";

/** Longer than any answer takes: connecting a volume waits for an agent. */
const ANSWER_LIMIT_MS = 120_000;
const HEALTH_LIMIT_MS = 2_000;
const CONNECT_LIMIT_MS = 2_000;
/** How often is looked whether the one that was asked still leads: it may be cut off, and never answer. */
const LEADER_LOOK_MS = 250;
/** A new leader is there within a few seconds. */
const RETRY_AFTER_S = "1";
/** So that two standbys that each take the other for the leader do not send a request around for ever. */
const FORWARDED_HEADER = "berth-forwarded-by";
const HEALTH_PATH = "/berth/v1/health";
/** What concerns one connection and not the message (RFC 9110, 7.6.1). */
const HOP_HEADERS = new Set([
  "connection",
  "expect",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** What this scheduler is just now. */
export type Standing =
  | { readonly role: "leader"; readonly api: Api; readonly isCurrent: boolean; readonly ledgerSeq: number }
  | { readonly role: "standby"; readonly leaderUrl: string | null; readonly ledgerSeq: number };

export interface FrontOptions {
  readonly schedulerId: string;
  readonly standing: () => Standing;
  /** null: plain HTTP, to clients and between the schedulers. */
  readonly tls: ServedCertificate | null;
  readonly log: Logger;
}

/**
 * The door of one of several schedulers: the leader answers, a standby hands on to the leader, and 503 with Retry-After
 * is said while there is none. So a client may connect to any of them.
 */
export class Front {
  readonly #options: FrontOptions;
  readonly #server: Server;
  readonly #agent: Agent;

  constructor(options: FrontOptions) {
    this.#options = options;
    this.#agent = new Agent({ connections: 256, connect: connectorOf(options.tls) });
    this.#server = createDoor(options.tls, (request, response) => {
      this.#answer(request, response).catch((error: unknown) => this.#refuse(request, response, error));
    });
  }

  /** Throws what the port's opening throws (EADDRINUSE). */
  async listen({ host, port }: { readonly host: string; readonly port: number }): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
  }

  /** Takes no new connections; resolves when the requests under way are answered. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    await closed;
    await this.#agent.destroy();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const standing = this.#options.standing();
    if (standing.role === "leader" && standing.isCurrent) {
      standing.api.routing(request, response);
      return;
    }
    const path = (request.url ?? "").split("?")[0];
    if (path === "/healthcheck") response.setHeader("content-type", "text/plain").end("OK\n");
    else if (path === "/metrics")
      response.setHeader("content-type", "text/plain").end(standbyMetrics(standing.ledgerSeq));
    else if (standing.role === "leader") throw noLeader("this scheduler cannot tell whether it leads still");
    else if (standing.leaderUrl === null) throw noLeader("no scheduler leads just now");
    else if (request.headers[FORWARDED_HEADER] !== undefined) throw noLeader("this scheduler does not lead any more");
    else if (path === HEALTH_PATH) await this.#health(response, standing.leaderUrl, standing.ledgerSeq);
    else await this.#handOn(request, response, standing.leaderUrl);
  }

  /** What the leader says of the whole, with who it is that answers, and how far behind. */
  async #health(response: ServerResponse, leaderUrl: string, ledgerSeq: number): Promise<void> {
    const { schedulerId } = this.#options;
    const answer = await send(`${leaderUrl}${HEALTH_PATH}`, {
      dispatcher: this.#agent,
      headers: { [FORWARDED_HEADER]: schedulerId },
      signal: AbortSignal.timeout(HEALTH_LIMIT_MS),
    }).catch((cause: unknown) => {
      throw noLeader("the leader does not answer", cause);
    });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw noLeader("the scheduler that led does not lead any more");
    const health = healthViews.parse(JSON.parse(text), "the leader's health");
    const lagCommits = Math.max(0, health.ledgerSeq - ledgerSeq);
    const own = { ...health, schedulerId, role: "standby", leaderUrl, ledgerSeq, lagCommits };
    response.setHeader("content-type", "application/json; charset=utf-8").end(JSON.stringify(own));
  }

  async #handOn(request: IncomingMessage, response: ServerResponse, leaderUrl: string): Promise<void> {
    const gone = new AbortController();
    const looking = setInterval(() => {
      if (this.#isFollowed(leaderUrl)) gone.abort(new BerthError("E_NOT_LEADER", "another scheduler leads now"));
    }, LEADER_LOOK_MS);
    response.once("close", () => {
      clearInterval(looking);
      gone.abort();
    });
    const { headers } = request;
    const hasBody = headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
    const answer = await send(`${leaderUrl}${request.url ?? "/"}`, {
      dispatcher: this.#agent,
      method: methodOf(request),
      headers: {
        ...this.#handedOn(headers),
        [FORWARDED_HEADER]: this.#options.schedulerId,
        "x-forwarded-for": forwardedFor(request),
      },
      body: hasBody ? request : null,
      headersTimeout: ANSWER_LIMIT_MS,
      bodyTimeout: ANSWER_LIMIT_MS,
      signal: gone.signal,
    }).catch((cause: unknown) => {
      throw noLeader("the leader did not answer; what was asked for may have been done", cause);
    });
    response.writeHead(answer.statusCode, endToEnd(answer.headers));
    // A leader that dies in the midst of its answer: the client sees it cut off, as if it had asked the leader itself.
    await pipeline(answer.body, response).catch(() => response.destroy());
  }

  /** With TLS the name that is connected to is the one in Host, and it must be the leader's; the client's own goes beside it. */
  #handedOn(headers: IncomingHttpHeaders): Record<string, string | string[]> {
    const kept = endToEnd(headers);
    if (this.#options.tls === null) return kept;
    const { host, ...others } = kept;
    return host === undefined ? others : { "x-forwarded-host": host, ...others };
  }

  /** Somebody else leads, so that no answer of that one counts any more. */
  #isFollowed(leaderUrl: string): boolean {
    const standing = this.#options.standing();
    return standing.role === "leader" || (standing.leaderUrl !== null && standing.leaderUrl !== leaderUrl);
  }

  #refuse(request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
    const { log } = this.#options;
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const error =
      thrown instanceof BerthError
        ? thrown
        : new BerthError("E_UNAVAILABLE", "the request could not be handed on", { cause: thrown });
    log.debug({ err: error, method: request.method, url: request.url }, "request refused at the door");
    const requestId = requestIdOf(request.headers);
    if (isEc2Request(request)) {
      const { status, xml } = failureAnswer(error, requestId);
      const headers = { "content-type": "text/xml;charset=UTF-8", "retry-after": RETRY_AFTER_S };
      response.writeHead(status, { ...headers, "x-amzn-requestid": requestId }).end(xml);
      return;
    }
    const body = request.url?.startsWith("/berth/") ? operatorErrorBody(error, requestId) : faultBody(error);
    response
      .writeHead(error.status, {
        "content-type": "application/json; charset=utf-8",
        "retry-after": RETRY_AFTER_S,
        "x-compute-request-id": requestId,
        "x-openstack-request-id": requestId,
      })
      .end(JSON.stringify(body));
  }
}

/** Anew for each connection, of which there are few: authorities may change while this runs. */
function connectorOf(tls: ServedCertificate | null): buildConnector.connector {
  if (tls === null) return buildConnector({ timeout: CONNECT_LIMIT_MS });
  return (options, callback) => {
    const connect = buildConnector({ timeout: CONNECT_LIMIT_MS, ca: [...tls.peerAuthorities()] });
    connect(options, callback);
  };
}

/** Who asked, for the leader's own records: the way that the request came, as far as it is told. */
function forwardedFor({ headers, socket }: IncomingMessage): string {
  return [headers["x-forwarded-for"] ?? [], socket.remoteAddress ?? []].flat().join(", ");
}

function noLeader(message: string, cause?: unknown): BerthError {
  return new BerthError("E_NOT_LEADER", message, cause === undefined ? {} : { cause });
}

function standbyMetrics(ledgerSeq: number): string {
  return `# TYPE berth_leading gauge\nberth_leading 0\n# TYPE berth_ledger_sequence gauge\nberth_ledger_sequence ${ledgerSeq}\n`;
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

function methodOf({ method }: IncomingMessage): (typeof METHODS)[number] {
  const known = METHODS.find((name) => name === method);
  if (known === undefined) throw new BerthError("E_METHOD_NOT_ALLOWED", `there is nothing that takes ${method}`);
  return known;
}

function endToEnd(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && !HOP_HEADERS.has(name)) kept[name] = value;
  return kept;
}
