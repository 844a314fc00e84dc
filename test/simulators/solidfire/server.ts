import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { TLSSocket } from "node:tls";
import type { Certificate } from "../kit/certificate.ts";
import { LOOPBACK } from "../kit/ports.ts";
import type { Cluster } from "./cluster.ts";
import { ElementError } from "./element-error.ts";
import { API_VERSIONS } from "./limits.ts";
import { failureText, parseRequest, type RpcRequest, runMethod, successText } from "./rpc.ts";

export interface ServerOptions {
  readonly port: number;
  readonly certificate: Certificate;
  readonly login: string;
  readonly password: string;
}

const MAX_BODY_BYTES = 4 * 1024 ** 2;
const FAILOVER_MS = 2_000;
/** What it says when it is busy: the load has just moved to another node. */
const BUSY = new ElementError("xNotPrimary", "The service is not primary for this volume.");

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** The management address: JSON-RPC over HTTPS, at /json-rpc/VERSION with or without a slash behind it. */
export class ElementServer {
  readonly #server: Server;
  readonly #cluster: Cluster;
  readonly #options: ServerOptions;
  #comesBack: NodeJS.Timeout | null = null;

  private constructor(cluster: Cluster, options: ServerOptions) {
    this.#cluster = cluster;
    this.#options = options;
    const { key, cert } = options.certificate;
    this.#server = createServer({ key, cert, minVersion: "TLSv1.2" }, (request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
    this.#server.on("secureConnection", (socket: TLSSocket) => {
      socket.once("close", cluster.options.desk.calls.connected());
    });
    this.#server.on("tlsClientError", (_error, socket) => socket.destroy());
  }

  static async listen(cluster: Cluster, options: ServerOptions): Promise<ElementServer> {
    const server = new ElementServer(cluster, options);
    server.#server.listen(options.port, LOOPBACK);
    await once(server.#server, "listening");
    return server;
  }

  async close(): Promise<void> {
    if (this.#comesBack !== null) clearTimeout(this.#comesBack);
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    const { desk } = this.#cluster.options;
    const failover = desk.faults.take("failover");
    if (failover !== null) {
      this.#goAway(failover.delayMs ?? FAILOVER_MS);
      return;
    }
    const version = /^\/json-rpc\/(\d+\.\d+)\/?$/.exec(request.url ?? "")?.[1];
    const page = this.#page(request, version);
    if (page !== null || version === undefined) {
      send(response, page ?? html(404, "Not Found"));
      return;
    }
    const parsed = requestOf(body);
    const method = parsed instanceof ElementError ? "" : parsed.method;
    const served = await desk.serve(method, () => this.#answer(version, parsed));
    if (served.kind === "answer") this.#send(response, method, served.value);
    else if (served.kind === "cut") request.socket.destroy();
    else if (served.kind === "refused") {
      const idText = parsed instanceof ElementError ? null : parsed.idText;
      send(response, { status: 200, type: JSON_TYPE, body: failureText(idText, BUSY) });
    }
  }

  /** What a web server says before the API is asked. */
  #page({ method, headers }: IncomingMessage, version: string | undefined): Answer | null {
    const { login, password } = this.#options;
    const { faults } = this.#cluster.options.desk;
    const told = faults.take("http-status")?.value;
    if (typeof told === "number") return html(told, "The cluster cannot be reached");
    const expected = `Basic ${Buffer.from(`${login}:${password}`).toString("base64")}`;
    if (headers.authorization !== expected || faults.take("auth") !== null) return html(401, "Unauthorized");
    if (version === undefined || !API_VERSIONS.includes(version)) return html(404, "Not Found");
    return method === "POST" ? null : html(405, "Method Not Allowed");
  }

  async #answer(version: string, request: RpcRequest | ElementError): Promise<Answer> {
    if (request instanceof ElementError) return failure(null, request);
    try {
      const result = await runMethod(this.#cluster, version, request);
      return { status: 200, type: JSON_TYPE, body: successText(request.idText, result) };
    } catch (error) {
      if (!(error instanceof ElementError)) throw error;
      const status = this.#cluster.options.desk.faults.take("error-status", request.method)?.value;
      return { ...failure(request.idText, error), ...(typeof status === "number" ? { status } : {}) };
    }
  }

  #send(response: ServerResponse, method: string, answer: Answer): void {
    const { faults } = this.#cluster.options.desk;
    if (faults.take("reset-in-body", method) !== null) {
      response.writeHead(answer.status, { "content-type": answer.type, "content-length": answer.body.length });
      response.write(answer.body.slice(0, answer.body.length / 2), () => response.socket?.destroy());
      return;
    }
    const bad = faults.take("bad-answer", method);
    send(response, bad === null ? answer : spoiled(answer, bad.value));
  }

  /** As when the management address moves to another node: nobody is there for a while, then all is as before. */
  #goAway(forMs: number): void {
    const address = this.#server.address();
    const port = typeof address === "object" && address !== null ? address.port : this.#options.port;
    this.#server.close();
    this.#server.closeAllConnections();
    this.#comesBack = setTimeout(() => this.#server.listen(port, LOOPBACK), forMs);
  }
}

const JSON_TYPE = "application/json";

function failure(idText: string | null, error: ElementError): Answer {
  return { status: 200, type: JSON_TYPE, body: failureText(idText, error) };
}

function spoiled(answer: Answer, how: number | string | undefined): Answer {
  switch (how) {
    case "html":
      return html(500, "Internal Server Error");
    case "no-message":
      return { ...answer, body: '{"error":{"code":500,"name":"xUnknown"}}' };
    case "both":
      return {
        ...answer,
        body: `${answer.body.slice(0, -1)},"error":{"code":500,"name":"xUnknown","message":"both"}}`,
      };
    case "wrong-id":
      return { ...answer, body: answer.body.replace("{", '{"id":"another",') };
    case "extra":
      return { ...answer, body: answer.body.replace("{", '{"unusedBefore":[{"a":1}],') };
    default:
      return { ...answer, body: answer.body.slice(0, answer.body.length / 2) };
  }
}

function html(status: number, title: string): Answer {
  const body = `<html><head><title>${status} ${title}</title></head><body><h1>${title}</h1></body></html>\n`;
  return { status, type: "text/html", body };
}

function send(response: ServerResponse, { status, type, body }: Answer): void {
  const challenge = status === 401 ? { "www-authenticate": 'Basic realm="SolidFire"' } : {};
  response.writeHead(status, { "content-type": type, ...challenge }).end(body);
}

function requestOf(body: string): RpcRequest | ElementError {
  try {
    return parseRequest(body);
  } catch (error) {
    if (error instanceof ElementError) return error;
    throw error;
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += String(chunk);
    if (text.length > MAX_BODY_BYTES) throw new Error("the body is too long");
  }
  return text;
}
