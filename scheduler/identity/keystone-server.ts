import { readFileSync } from "node:fs";
import { Agent, request } from "undici";
import { BerthError } from "#shared/errors.ts";

const CONNECTIONS = 16;

export interface KeystoneAnswer {
  readonly status: number;
  /** `X-Subject-Token`. */
  readonly subjectToken: string | null;
  readonly body: unknown;
}

export interface KeystoneServerOptions {
  /** With or without the `/v3`. */
  readonly url: string;
  /** Certificates (PEM) of who signed its own; null: those that Node knows. */
  readonly caFile: string | null;
  readonly timeoutMs: number;
}

/** Keystone's `/v3/auth/tokens` over HTTP. Whatever is not an answer is E_KEYSTONE. */
export class KeystoneServer {
  /** Without a path, as clients are told. */
  readonly url: string;
  readonly #agent: Agent;
  readonly #timeoutMs: number;

  /** Throws E_CONFIG for a file that cannot be read. */
  constructor({ url, caFile, timeoutMs }: KeystoneServerOptions) {
    this.url = url.replace(/\/+(v3\/*)?$/, "");
    this.#timeoutMs = timeoutMs;
    const ca = caFile === null ? {} : { ca: readCa(caFile) };
    this.#agent = new Agent({ connections: CONNECTIONS, connect: { timeout: timeoutMs, ...ca } });
  }

  /** Once more where the connection broke: one that was kept open may be gone when it is used, and nothing is changed twice. */
  async exchange(
    method: "GET" | "POST",
    headers: Record<string, string>,
    body: object | null,
  ): Promise<KeystoneAnswer> {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    const send = () => this.#send(method, headers, body, signal);
    return await send()
      .catch((error: unknown) => {
        if (signal.aborted) throw error;
        return send();
      })
      .catch((cause: unknown) => {
        throw new BerthError("E_KEYSTONE", `Keystone at ${this.url} does not answer`, { cause });
      });
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #send(
    method: "GET" | "POST",
    headers: Record<string, string>,
    body: object | null,
    signal: AbortSignal,
  ): Promise<KeystoneAnswer> {
    const answer = await request(`${this.url}/v3/auth/tokens${method === "GET" ? "?nocatalog" : ""}`, {
      dispatcher: this.#agent,
      method,
      headers: {
        accept: "application/json",
        ...headers,
        ...(body === null ? {} : { "content-type": "application/json" }),
      },
      body: body === null ? null : JSON.stringify(body),
      signal,
    });
    const text = await answer.body.text();
    const subject = answer.headers["x-subject-token"];
    return {
      status: answer.statusCode,
      subjectToken: typeof subject === "string" ? subject : null,
      body: answer.statusCode < 300 ? JSON.parse(text) : null,
    };
  }
}

function readCa(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new BerthError("E_CONFIG", `BERTH_KEYSTONE_CA cannot be read: ${file}`, { cause });
  }
}
