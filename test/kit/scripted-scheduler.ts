import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

export interface RecordedRequest {
  readonly method: string;
  /** Path and query as they came. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
}

export interface ScriptedAnswer {
  readonly status: number;
  /** A string is sent as it is. */
  readonly body?: unknown;
}

/** "METHOD /path" without the query. Called anew at each request, so that answers can change. */
export type Script = Readonly<Record<string, (request: RecordedRequest) => ScriptedAnswer | Promise<ScriptedAnswer>>>;

/** An HTTP server on a free port that answers by a script and keeps what it was asked; for tests of clients. */
export class ScriptedScheduler implements AsyncDisposable {
  readonly requests: RecordedRequest[] = [];
  readonly #server: Server;
  #script: Script;

  private constructor(script: Script) {
    this.#script = script;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(script: Script): Promise<ScriptedScheduler> {
    const scheduler = new ScriptedScheduler(script);
    scheduler.#server.listen(0, "127.0.0.1");
    await once(scheduler.#server, "listening");
    return scheduler;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the server is not listening");
    return `http://127.0.0.1:${address.port}`;
  }

  use(script: Script): void {
    this.#script = script;
  }

  /** The requests that change something, as "METHOD /path". */
  get writes(): string[] {
    return this.requests.filter(({ method }) => method !== "GET").map(({ method, url }) => `${method} ${url}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) text += String(chunk);
    const { method = "", url = "", headers } = request;
    const recorded: RecordedRequest = { method, url, headers, body: text === "" ? undefined : JSON.parse(text) };
    this.requests.push(recorded);
    const handler = this.#script[`${method} ${url.split("?", 1)[0]}`];
    const { status, body } = handler === undefined ? NOT_FOUND : await handler(recorded);
    response.writeHead(status, { "content-type": "application/json", "x-compute-request-id": "req-scripted" });
    response.end(body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body));
  }
}

const NOT_FOUND: ScriptedAnswer = {
  status: 404,
  body: {
    error: { code: "E_NOT_FOUND", message: "nothing is here", next: "List what there is.", requestId: "", details: {} },
  },
};
