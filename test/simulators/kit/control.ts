import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { asBerthError, BerthError } from "#shared/errors.ts";
import type { Desk } from "./desk.ts";
import { faultSetting } from "./faults.ts";
import { loopbackUrl } from "./ports.ts";
import type { RunningSimulator } from "./simulator.ts";

const MAX_BODY_BYTES = 64 * 1024;

export interface Control {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * The door behind which a simulator is told what to do wrong: `GET /faults`, `GET|PUT|DELETE /faults/NAME` (PUT takes a
 * `FaultSetting`), `GET|DELETE /calls`, `GET /objects`. On loopback alone, and without a password.
 */
export async function startControl(desk: Desk, simulator: RunningSimulator): Promise<Control> {
  const server = createServer((request, response) => {
    answer(desk, simulator, request).then(
      (body) => response.writeHead(200, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`),
      (thrown: unknown) => {
        const { status, message } = asBerthError(thrown);
        response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify({ message })}\n`);
      },
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: loopbackUrl("http", server), close: () => closeServer(server) };
}

async function answer(desk: Desk, simulator: RunningSimulator, request: IncomingMessage): Promise<unknown> {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  const [, what = "", name = ""] = pathname.split("/").map(decodeURIComponent);
  const order = `${request.method} /${what}${name === "" ? "" : "/NAME"}`;
  switch (order) {
    case "GET /faults":
      return desk.faults.list();
    case "DELETE /faults":
      desk.faults.clearAll();
      return desk.faults.list();
    case "GET /faults/NAME":
      return desk.faults.get(name);
    case "PUT /faults/NAME":
      desk.faults.set(name, faultSetting.parse(await readJson(request)));
      return desk.faults.get(name);
    case "DELETE /faults/NAME":
      desk.faults.clear(name);
      return null;
    case "GET /calls":
      return desk.calls.report();
    case "DELETE /calls":
      desk.calls.reset();
      return desk.calls.report();
    case "GET /objects":
      return await simulator.objects();
    default:
      throw new BerthError("E_NOT_FOUND", `there is no ${request.method} ${pathname} here`);
  }
}

/** Nothing at all is an empty object: a fault with nothing to it. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += String(chunk);
    if (text.length > MAX_BODY_BYTES) throw new BerthError("E_TOO_LARGE", "the body is too long");
  }
  try {
    return text.trim() === "" ? {} : JSON.parse(text);
  } catch (cause) {
    throw new BerthError("E_BAD_REQUEST", "the body is not JSON", { cause });
  }
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}
