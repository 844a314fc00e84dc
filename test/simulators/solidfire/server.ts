import type { Served } from "../kit/desk.ts";
import {
  type SimulatorHttpServer,
  type SimulatorReply,
  type SimulatorRequest,
  startHttpServer,
} from "../kit/http-server.ts";
import type { Cluster } from "./cluster.ts";
import { ElementError } from "./element-error.ts";
import { API_VERSIONS } from "./limits.ts";
import { failureText, parseRequest, type RpcRequest, runMethod, successText } from "./rpc.ts";

export interface ElementServerOptions {
  readonly port: number;
  readonly login: string;
  readonly password: string;
}

const FAILOVER_MS = 2_000;
/** What it says when it is busy: the load has just moved to another node. */
const BUSY = new ElementError("xNotPrimary", "The service is not primary for this volume.");

/** The management address: JSON-RPC over HTTPS, at /json-rpc/VERSION with or without a slash behind it. */
export async function startElementServer(
  cluster: Cluster,
  options: ElementServerOptions,
): Promise<SimulatorHttpServer> {
  const { desk, dataFolder } = cluster.options;
  const api = new ElementApi(cluster, options);
  const handle = (request: SimulatorRequest) => api.handle(request);
  return await startHttpServer({ desk, dataFolder, port: options.port, tls: true, handle });
}

class ElementApi {
  readonly #cluster: Cluster;
  readonly #authorization: string;
  /** Until then the management address is between two nodes. */
  #awayUntilMs = 0;

  constructor(cluster: Cluster, { login, password }: ElementServerOptions) {
    this.#cluster = cluster;
    this.#authorization = `Basic ${Buffer.from(`${login}:${password}`).toString("base64")}`;
  }

  async handle(request: SimulatorRequest): Promise<Served<SimulatorReply, never>> {
    const { desk } = this.#cluster.options;
    const failover = desk.faults.take("failover");
    if (failover !== null) this.#awayUntilMs = performance.now() + (failover.delayMs ?? FAILOVER_MS);
    if (performance.now() < this.#awayUntilMs) return { kind: "cut" };
    const version = /^\/json-rpc\/(\d+\.\d+)\/?$/.exec(request.path)?.[1];
    const page = this.#page(request, version);
    if (page !== null || version === undefined) return { kind: "answer", value: page ?? html(404, "Not Found") };
    const parsed = requestOf(request.body.toString("utf8"));
    const method = parsed instanceof ElementError ? "(none)" : parsed.method;
    const served = await desk.serve(method, () => this.#answer(version, parsed));
    if (served.kind === "answer") return { kind: "answer", value: this.#sent(method, served.value) };
    if (served.kind === "refused") return { kind: "answer", value: failure(idOf(parsed), BUSY) };
    return served;
  }

  /** What a web server says before the API is asked. */
  #page({ method, headers }: SimulatorRequest, version: string | undefined): SimulatorReply | null {
    const { faults } = this.#cluster.options.desk;
    const told = faults.take("http-status")?.value;
    if (typeof told === "number") return html(told, "The cluster cannot be reached");
    if (headers.authorization !== this.#authorization || faults.take("auth") !== null) return html(401, "Unauthorized");
    if (version === undefined || !API_VERSIONS.includes(version)) return html(404, "Not Found");
    return method === "POST" ? null : html(405, "Method Not Allowed");
  }

  async #answer(version: string, request: RpcRequest | ElementError): Promise<SimulatorReply> {
    if (request instanceof ElementError) return failure(null, request);
    try {
      return ok(successText(request.idText, await runMethod(this.#cluster, version, request)));
    } catch (error) {
      if (!(error instanceof ElementError)) throw error;
      const status = this.#cluster.options.desk.faults.take("error-status", request.method)?.value;
      return { ...failure(request.idText, error), ...(typeof status === "number" ? { status } : {}) };
    }
  }

  #sent(method: string, reply: SimulatorReply): SimulatorReply {
    const { faults } = this.#cluster.options.desk;
    if (faults.take("reset-in-body", method) !== null) return cutShort(reply);
    const bad = faults.take("bad-answer", method);
    return bad === null ? reply : spoiled(reply, bad.value);
  }
}

function ok(body: string): SimulatorReply {
  return { status: 200, headers: { "content-type": "application/json" }, body };
}

function failure(idText: string | null, error: ElementError): SimulatorReply {
  return ok(failureText(idText, error));
}

function idOf(request: RpcRequest | ElementError): string | null {
  return request instanceof ElementError ? null : request.idText;
}

/** Less than it said there would be, and the end of the connection. */
function cutShort({ status, headers, body }: SimulatorReply): SimulatorReply {
  const length = String(Buffer.byteLength(body));
  return { status, headers: { ...headers, "content-length": length, connection: "close" }, body: firstHalf(body) };
}

function spoiled(reply: SimulatorReply, how: number | string | undefined): SimulatorReply {
  const text = reply.body.toString();
  switch (how) {
    case "html":
      return html(500, "Internal Server Error");
    case "no-message":
      return ok('{"error":{"code":500,"name":"xUnknown"}}');
    case "both":
      return ok(`${text.slice(0, -1)},"error":{"code":500,"name":"xUnknown","message":"both"}}`);
    case "wrong-id":
      return ok(text.replace("{", '{"id":"another",'));
    case "extra":
      return ok(text.replace("{", '{"unusedBefore":[{"a":1}],'));
    default:
      return { ...reply, body: firstHalf(text) };
  }
}

function firstHalf(body: string | Buffer): string {
  const text = body.toString();
  return text.slice(0, Math.floor(text.length / 2));
}

function html(status: number, title: string): SimulatorReply {
  const challenge = status === 401 ? { "www-authenticate": 'Basic realm="SolidFire"' } : {};
  return {
    status,
    headers: { "content-type": "text/html", ...challenge },
    body: `<html><head><title>${status} ${title}</title></head><body><h1>${title}</h1></body></html>\n`,
  };
}

function requestOf(body: string): RpcRequest | ElementError {
  try {
    return parseRequest(body);
  } catch (error) {
    if (error instanceof ElementError) return error;
    throw error;
  }
}
