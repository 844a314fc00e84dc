import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type ServerCertificate, serverCertificate } from "./certificate.ts";
import type { Desk, Served } from "./desk.ts";
import { Listener } from "./listener.ts";
import { LOOPBACK, rememberedPort } from "./ports.ts";

const MAX_BODY_BYTES = 16 * 1024 ** 2;

export interface SimulatorRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** Aborted when the client went away. */
  readonly signal: AbortSignal;
}

export interface SimulatorReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

export interface HttpServerOptions {
  readonly desk: Desk;
  readonly dataFolder: string;
  /** 0: any, the same again with the same data folder. */
  readonly port: number;
  readonly tls: boolean;
  /**
   * Takes the request over the desk (`desk.serve`) once it has read which call it is, and says "refused" in the system's
   * own words itself. What it throws is a fault of the simulator: status 500.
   */
  handle(request: SimulatorRequest): Promise<Served<SimulatorReply, never>>;
}

/** A running HTTP or HTTPS server of a simulator. */
export interface SimulatorHttpServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** null: it speaks plain HTTP. */
  readonly certificate: ServerCertificate | null;
  /** Cuts all connections. */
  cutAll(): void;
}

export async function startHttpServer(options: HttpServerOptions): Promise<SimulatorHttpServer> {
  const { desk, dataFolder, tls } = options;
  const port = await rememberedPort(dataFolder, tls ? "https" : "http", options.port);
  const certificate = tls ? await serverCertificate(dataFolder) : null;
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    void serve(options, request, response);
  };
  const server =
    certificate === null
      ? createHttpServer(onRequest)
      : createHttpsServer({ cert: certificate.certificatePem, key: certificate.keyPem }, onRequest);
  const listener = await Listener.open(port, desk, (socket) => server.emit("connection", socket));
  return {
    url: `${tls ? "https" : "http"}://${LOOPBACK}:${listener.port}`,
    port: listener.port,
    certificate,
    cutAll: () => listener.cutAll(),
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  };
}

async function serve(options: HttpServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  try {
    const { method = "GET", url = "/", headers } = request;
    const body = await bodyOf(request);
    if (body === null) {
      send(response, { status: 413, body: "the request is too long" });
      return;
    }
    const served = await options.handle({ method, path: url, headers, body, signal: gone.signal });
    if (served.kind === "cut") request.socket.destroy();
    else if (served.kind === "answer") send(response, served.value);
  } catch (error) {
    if (!response.headersSent) send(response, { status: 500, body: `the simulator failed: ${String(error)}` });
  }
}

function send(response: ServerResponse, { status, headers = {}, body }: SimulatorReply): void {
  response.writeHead(status, { "content-length": Buffer.byteLength(body), ...headers });
  response.end(body);
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    sizeBytes += bytes.length;
    if (sizeBytes > MAX_BODY_BYTES) return null;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
