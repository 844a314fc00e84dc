import { randomUUID } from "node:crypto";
import type { Static, TSchema } from "typebox";
import { ERROR_CATALOGUE, isErrorCode } from "#shared/errors.ts";
import { exitCodeOf, exitCodeOfStatus } from "./exit-codes.ts";
import { Failure, failure, usageFailure } from "./failure.ts";

/** Schemas are loaded behind the answer, so that help and mistyped commands cost nothing. */
type Schemas = typeof import("./answers.ts");
export type PickSchema<S extends TSchema> = (schemas: Schemas) => S;

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | null | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
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
  readonly project: string;

  /** `address`: of the scheduler, also with the `/v3` of an OpenStack endpoint behind it. */
  constructor(address: string, project: string) {
    this.baseUrl = baseUrlOf(address);
    this.project = segment(project, "project");
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
    const response = await this.#send(method, path, body, { deadlineMs: WRITE_DEADLINE_MS, ...options });
    if (!response.ok) throw await failureOf(response);
    await response.body?.cancel();
  }

  /** A path of the OpenStack API in this project. */
  volumesPath(...segments: readonly string[]): string {
    return pathOf("v3", this.project, ...segments);
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
    const response = await this.#send(method, path, body, options);
    if (!response.ok) throw await failureOf(response);
    const value = await jsonOf(response);
    const [schemas, { parser, sentence }] = await Promise.all([import("./answers.ts"), import("#shared/schema.ts")]);
    const answer = parser(pick(schemas));
    if (answer.check(value)) return value;
    throw strangeAnswer(response, answer.faults(value).slice(0, 3).map(sentence).join("; "));
  }

  async #send(method: string, path: string, body: unknown, options: RequestOptions): Promise<Response> {
    const url = new URL(this.baseUrl + path);
    for (const [name, value] of Object.entries(options.query ?? {}))
      if (value !== null && value !== undefined) url.searchParams.set(name, String(value));
    const deadlineMs = options.deadlineMs ?? READ_DEADLINE_MS;
    try {
      return await fetch(url, {
        method,
        headers: {
          accept: "application/json",
          "x-auth-token": `berth:${this.project}`,
          "x-openstack-request-id": `req-${randomUUID()}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...options.headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(deadlineMs),
      });
    } catch (error) {
      throw unreachable(this.baseUrl, method, deadlineMs, error);
    }
  }
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

async function jsonOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch (error) {
    throw strangeAnswer(response, "it is not JSON", error);
  }
}

function strangeAnswer(response: Response, why: string, cause?: unknown): Failure {
  return failure(
    "E_INTERNAL",
    `the answer of ${response.url} (HTTP ${response.status}) is not what Berth sends: ${why}`,
    {
      cause,
      next: "Check that the address is a Berth scheduler's and that both are of one version.",
    },
  );
}

/** What the scheduler refused, in its own words. */
async function failureOf(response: Response): Promise<Failure> {
  const [{ ErrorAnswer }, { parser }] = await Promise.all([import("./answers.ts"), import("#shared/schema.ts")]);
  const value = await jsonOf(response);
  const requestId =
    response.headers.get("x-openstack-request-id") ?? response.headers.get("x-compute-request-id") ?? undefined;
  const facts = errorFacts(parser(ErrorAnswer).check(value) ? value : {});
  if (facts === null) return strangeAnswer(response, "it is an error in no form that is known");
  const { code, message, next, details } = facts;
  const known = code !== undefined && isErrorCode(code);
  return new Failure(
    code ?? `HTTP ${response.status}`,
    known ? exitCodeOf(code) : exitCodeOfStatus(response.status),
    message,
    {
      next: next ?? (known ? ERROR_CATALOGUE[code].next : null),
      ...(details === undefined ? {} : { details }),
      ...(requestId === undefined ? {} : { requestId }),
    },
  );
}

interface ErrorFacts {
  readonly code: string | undefined;
  readonly message: string;
  readonly next: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;
}

function errorFacts(answer: Static<Schemas["ErrorAnswer"]>): ErrorFacts | null {
  const [fault] = Object.values(answer);
  if (fault === undefined) return null;
  const { message, next } = fault;
  if ("details" in fault || "requestId" in fault) return { code: fault.code, message, next, details: fault.details };
  return { code: "berth_code" in fault ? fault.berth_code : undefined, message, next, details: undefined };
}

function unreachable(baseUrl: string, method: string, deadlineMs: number, error: unknown): Failure {
  if (error instanceof Error && error.name === "TimeoutError")
    return failure("E_UNAVAILABLE", `the scheduler at ${baseUrl} gave no answer within ${deadlineMs / 1000} s`, {
      cause: error,
      next:
        method === "GET"
          ? "See the scheduler's log, then try again."
          : "It may have been done all the same: look at the object before you try again.",
    });
  return failure("E_UNAVAILABLE", `the scheduler cannot be reached at ${baseUrl}: ${reasonOf(error)}`, {
    cause: error,
    next: "Start it with `npm start`, or name its address by --api or BERTH_API_URL.",
  });
}

const NETWORK_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "the connection was cut",
  UND_ERR_SOCKET: "the connection was cut",
  ENOTFOUND: "no such host is known",
  EAI_AGAIN: "the host's name cannot be resolved now",
  EHOSTUNREACH: "there is no way to that host",
  ENETUNREACH: "there is no way to that network",
  ETIMEDOUT: "no answer from that host",
  UND_ERR_CONNECT_TIMEOUT: "no answer from that host",
};

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : "";
  return NETWORK_REASONS[code] ?? (cause.message === "" ? code : cause.message);
}
