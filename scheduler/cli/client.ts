import { randomUUID } from "node:crypto";
import type { Static, TSchema } from "typebox";
import { type Answer, jsonOf, refusal, strangeAnswer, unreachable } from "./client-failures.ts";
import type { Credentials, Token } from "./credentials.ts";
import { Failure, usageFailure } from "./failure.ts";

/** Schemas are loaded behind the answer, so that help and mistyped commands cost nothing. */
type Schemas = typeof import("./answers.ts");
export type PickSchema<S extends TSchema> = (schemas: Schemas) => S;

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | null | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
  /** Ends it, instead of the deadline. */
  readonly signal?: AbortSignal;
}

export type WriteMethod = "POST" | "PUT" | "PATCH" | "DELETE";

const READ_DEADLINE_MS = 15_000;
const WRITE_DEADLINE_MS = 60_000;

/**
 * Talks HTTP to the scheduler, by the `fetch` that Node carries (it is undici, and is there without loading a package).
 * Nothing is sent twice: after a failure a person or a script decides. Every call has a deadline.
 */
export class Client {
  readonly baseUrl: string;
  /** null: the token's. */
  readonly project: string | null;
  readonly #credentials: Credentials | null;
  readonly #prepare: () => Promise<void>;
  #prepared: Promise<void> | null = null;

  /**
   * `address`: of the scheduler, also with the `/v3` of an OpenStack endpoint behind it. Without credentials it asks as
   * noauth has it. `prepare` runs once, before the first request.
   */
  constructor(
    address: string,
    project: string | null,
    credentials: Credentials | null = null,
    prepare: () => Promise<void> = async () => undefined,
  ) {
    this.baseUrl = baseUrlOf(address);
    this.project = project === null ? null : segment(project, "project");
    this.#credentials = credentials;
    this.#prepare = prepare;
  }

  get<S extends TSchema>(path: string, pick: PickSchema<S>, options: RequestOptions = {}): Promise<Static<S>> {
    return this.#exchange("GET", path, undefined, pick, { deadlineMs: READ_DEADLINE_MS, ...options });
  }

  /** For requests whose answer says something. */
  ask<S extends TSchema>(
    method: WriteMethod,
    path: string,
    body: unknown,
    pick: PickSchema<S>,
    options: RequestOptions = {},
  ): Promise<Static<S>> {
    return this.#exchange(method, path, body, pick, { deadlineMs: WRITE_DEADLINE_MS, ...options });
  }

  /** For requests whose answer is that they were accepted. */
  async tell(method: WriteMethod, path: string, body?: unknown, options: RequestOptions = {}): Promise<void> {
    const answer = await this.#send(method, path, body, { deadlineMs: WRITE_DEADLINE_MS, ...options });
    if (!answer.ok) throw await refusal(answer);
  }

  /** For an answer that is a file: its bytes as they come, all of them within the deadline. What cuts them off is thrown as a failure. */
  async *download(method: WriteMethod, path: string, deadlineMs: number): AsyncGenerator<Uint8Array> {
    const response = await this.#fetch(method, path, undefined, { deadlineMs });
    if (!response.ok) throw await refusal(await answerOf(response));
    try {
      for await (const chunk of response.body ?? []) yield chunk;
    } catch (error) {
      throw unreachable(this.baseUrl, method, deadlineMs, error);
    }
  }

  /**
   * For an answer that does not end: its text as it comes, until `signal`. Throws E_UNAVAILABLE when it is cut, ends, or when
   * nothing comes for `silenceMs`.
   */
  async *follow(
    path: string,
    { silenceMs, signal, ...options }: RequestOptions & { readonly silenceMs: number; readonly signal: AbortSignal },
  ): AsyncGenerator<string> {
    const silence = new AbortController();
    const fallSilent = (): void => silence.abort(new DOMException("nothing comes any more", "TimeoutError"));
    let timer = setTimeout(fallSilent, silenceMs);
    try {
      const watched = { ...options, deadlineMs: silenceMs, signal: AbortSignal.any([signal, silence.signal]) };
      const response = await this.#fetch("GET", path, undefined, watched);
      if (!response.ok) throw await refusal(await answerOf(response));
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? []) {
        clearTimeout(timer);
        timer = setTimeout(fallSilent, silenceMs);
        yield decoder.decode(chunk, { stream: true });
      }
      throw unreachable(this.baseUrl, "GET", silenceMs, new Error("it has ended the answer"));
    } catch (error) {
      throw error instanceof Failure ? error : unreachable(this.baseUrl, "GET", silenceMs, error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** A path of the OpenStack API in this project. */
  volumesPath(...segments: readonly string[]): string {
    return pathOf("v3", ...(this.project === null ? [] : [this.project]), ...segments);
  }

  /** A path of the operator API. */
  operatorPath(...segments: readonly string[]): string {
    return pathOf("berth", "v1", ...segments);
  }

  async #exchange<S extends TSchema>(
    method: WriteMethod | "GET",
    path: string,
    body: unknown,
    pick: PickSchema<S>,
    options: RequestOptions,
  ): Promise<Static<S>> {
    const answer = await this.#send(method, path, body, options);
    if (!answer.ok) throw await refusal(answer);
    const value = jsonOf(answer);
    const [schemas, { parser, sentence }] = await Promise.all([import("./answers.ts"), import("#shared/schema.ts")]);
    const expected = parser(pick(schemas));
    if (expected.check(value)) return value;
    throw strangeAnswer(answer, expected.faults(value).slice(0, 3).map(sentence).join("; "));
  }

  async #send(method: string, path: string, body: unknown, options: RequestOptions): Promise<Answer> {
    const deadlineMs = options.deadlineMs ?? READ_DEADLINE_MS;
    const response = await this.#fetch(method, path, body, options);
    return await answerOf(response).catch((error: unknown) => {
      throw unreachable(this.baseUrl, method, deadlineMs, error);
    });
  }

  async #fetch(method: string, path: string, body: unknown, options: RequestOptions): Promise<Response> {
    this.#prepared ??= this.#prepare();
    await this.#prepared;
    const { token, projectId } = await this.#token();
    const url = new URL(this.baseUrl + (projectId === null ? path : inProject(path, projectId)));
    for (const [name, value] of Object.entries(options.query ?? {}))
      if (value !== null && value !== undefined) url.searchParams.set(name, String(value));
    const deadlineMs = options.deadlineMs ?? READ_DEADLINE_MS;
    try {
      return await fetch(url, {
        method,
        headers: {
          accept: "application/json",
          "x-auth-token": token,
          "openstack-api-version": API_VERSION,
          "x-openstack-request-id": `req-${randomUUID()}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...options.headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: options.signal ?? AbortSignal.timeout(deadlineMs),
      });
    } catch (error) {
      throw unreachable(this.baseUrl, method, deadlineMs, error);
    }
  }

  async #token(): Promise<Token> {
    if (this.#credentials === null) return { token: `berth:${this.project}`, projectId: null };
    const { token, projectId } = await this.#credentials.token();
    return { token, projectId: this.project === null ? projectId : null };
  }
}

/** A path that leaves the project to the token, with the project that the token is known to be for. */
function inProject(path: string, projectId: string): string {
  return path.replace(/^\/v3\//, `/v3/${encodeURIComponent(projectId)}/`);
}

/** The version that the command line knows. From 3.66 on, a snapshot of a volume in use is taken without anybody saying --force. */
const API_VERSION = "volume 3.65";

async function answerOf(response: Response): Promise<Answer> {
  const { ok, status, headers, url } = response;
  return { ok, status, headers, url, text: await response.text() };
}

/** One part of a path. What a user typed can neither leave its place nor mean another one. */
export function segment(text: string, what: string): string {
  if (text === "" || text === "." || text === "..") throw usageFailure(`${JSON.stringify(text)} cannot be a ${what}`);
  return text;
}

function pathOf(...segments: readonly string[]): string {
  return segments.map((text) => `/${encodeURIComponent(segment(text, "name or id"))}`).join("");
}

function baseUrlOf(address: string): string {
  const url = URL.parse(address);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw usageFailure(
      `${JSON.stringify(address)} is not the address of a scheduler`,
      "Give it as --api http://HOST:PORT, or in BERTH_API_URL.",
    );
  return (url.origin + url.pathname).replace(/\/+(v3\/*)?$/, "");
}
