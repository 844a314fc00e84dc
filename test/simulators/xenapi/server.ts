import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer, type Socket, type Server as TcpServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import type { Served } from "../kit/desk.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { XenFailure } from "./failure.ts";
import { parseJsonCall, printJsonAnswer } from "./json-rpc.ts";
import type { Xapi } from "./method.ts";
import type { Typed } from "./typed.ts";
import { parseXmlCall, printXmlAnswer } from "./xml-rpc.ts";

const MAX_BODY_BYTES = 16 * 1024 ** 2;
const TLS_HANDSHAKE = 0x16;
/** No call takes no time: so several are under way at once. */
const LEAST_MS = 1;
const run = promisify(execFile);

export type Answer = { readonly value: Typed } | { readonly error: readonly string[] };
/** A host's certificate, as hosts make it themselves: signed by nobody else. Kept, so that it can be pinned. */
export async function hostCertificate(folder: string): Promise<{ readonly key: string; readonly cert: string }> {
  const [keyFile, certFile] = [join(folder, "host.key"), join(folder, "host.pem")];
  const read = async () => ({ key: await readFile(keyFile, "utf8"), cert: await readFile(certFile, "utf8") });
  return await read().catch(async () => {
    const args = [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "3650",
    ];
    const names = ["-subj", "/CN=xen1", "-addext", "subjectAltName=IP:127.0.0.1,IP:127.0.0.2,IP:127.0.0.3"];
    await run("openssl", [...args, ...names, "-keyout", keyFile, "-out", certFile]);
    return await read();
  });
}

/** One host of the pool: HTTP and HTTPS on one port, XML-RPC at `/` and `/xmlrpc`, JSON-RPC at `/jsonrpc`. */
export class HostServer {
  readonly address: string;
  readonly #xapi: Xapi;
  readonly #dispatcher: Dispatcher;
  readonly #http: Server;
  readonly #https: Server;
  readonly #tcp: TcpServer;
  readonly #sockets = new Set<Socket>();

  constructor(
    address: string,
    xapi: Xapi,
    certificate: { readonly key: string; readonly cert: string },
    dispatcher: Dispatcher,
  ) {
    this.address = address;
    this.#xapi = xapi;
    this.#dispatcher = dispatcher;
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      void this.#serve(request, response);
    };
    this.#http = createHttpServer(listener);
    this.#https = createHttpsServer(certificate, listener);
    this.#tcp = createServer((socket) => this.#sort(socket));
  }

  async listen(port: number): Promise<number> {
    this.#tcp.listen(port, this.address);
    await once(this.#tcp, "listening");
    const bound = this.#tcp.address();
    return typeof bound === "object" && bound !== null ? bound.port : port;
  }

  /** From now on it refuses connections, and those there are end. */
  async close(): Promise<void> {
    const closed = this.#tcp.listening ? once(this.#tcp, "close") : Promise.resolve();
    this.#tcp.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** The first byte says whether it is TLS. */
  #sort(socket: Socket): void {
    const leave = this.#xapi.desk.calls.connected();
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#sockets.delete(socket);
      leave();
    });
    if (this.#xapi.desk.faults.take("black-hole") !== null) return;
    socket.once("data", (first) => {
      socket.pause();
      socket.unshift(first);
      const server = first[0] === TLS_HANDSHAKE ? this.#https : this.#http;
      server.emit("connection", socket);
      process.nextTick(() => socket.resume());
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = new URL(request.url ?? "/", "http://host");
      const path = url.pathname.replace(/\/+$/, "");
      if (["PUT /import_raw_vdi", "GET /export_raw_vdi"].includes(`${request.method} ${path}`)) {
        await this.#moveBytes(request, response, url.searchParams);
        return;
      }
      const body = await bodyOf(request);
      if (request.method !== "POST" || !["", "/xmlrpc", "/RPC2", "/jsonrpc"].includes(path)) {
        html(response, 404, "Not found");
        return;
      }
      if (path === "/jsonrpc") {
        const call = parseJsonCall(body);
        await this.#answer(response, call.method, call.params, "application/json", (answer) =>
          printJsonAnswer(call, answer),
        );
      } else {
        const call = parseXmlCall(body);
        await this.#answer(response, call.method, call.params, "text/xml", printXmlAnswer);
      }
    } catch (error) {
      html(response, 500, error instanceof Error ? error.message : String(error));
    }
  }

  /** XenAPI's handlers for the bytes of a disk; of the formats `raw` alone. */
  async #moveBytes(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
    const { data } = this.#xapi;
    const format = query.get("format") ?? "raw";
    if (format !== "raw") throw new Error(`the format ${format} is not simulated`);
    const dispatcher = this.#dispatcher;
    const { uuid, sizeBytes } = dispatcher.disk(this.address, query.get("session_id") ?? "", query.get("vdi") ?? "");
    if (request.method === "GET") {
      await data.read(uuid, sizeBytes, response);
      return;
    }
    await data.write(uuid, sizeBytes, request, (usedBytes) => dispatcher.written(uuid, usedBytes));
    response.writeHead(200, { "content-length": 0 }).end();
  }

  async #answer(
    response: ServerResponse,
    method: string,
    params: readonly unknown[],
    type: string,
    print: (answer: Answer) => string,
  ): Promise<void> {
    const { desk } = this.#xapi;
    if (desk.faults.take("http-500", method) !== null) {
      html(response, 500, "Internal error");
      return;
    }
    const served: Served<Answer> = await desk.serve(method, async (): Promise<Answer> => {
      await pause(LEAST_MS);
      try {
        return { value: await this.#dispatcher.call(this.address, method, params) };
      } catch (error) {
        if (error instanceof XenFailure) return { error: error.description };
        return { error: ["INTERNAL_ERROR", String(error)] };
      }
    });
    if (served.kind === "silence") return;
    if (served.kind === "cut") {
      response.socket?.destroy();
      return;
    }
    const answer: Answer = served.kind === "answer" ? served.value : { error: ["TOO_BUSY"] };
    const text = Buffer.from(print(answer));
    response.writeHead(200, { "content-type": type, "content-length": text.length }).end(text);
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    const chunk = Buffer.from(part);
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new Error("the request is too long");
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString("utf8");
}

function html(response: ServerResponse, status: number, what: string): void {
  const text = what.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  response
    .writeHead(status, { "content-type": "text/html" })
    .end(`<html><body><h1>HTTP ${status}</h1>${text}</body></html>`);
}
