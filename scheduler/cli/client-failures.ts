import type { Static } from "typebox";
import { ERROR_CATALOGUE, isErrorCode } from "#shared/errors.ts";
import { exitCodeOf, exitCodeOfStatus } from "./exit-codes.ts";
import { Failure, failure } from "./failure.ts";

/** An HTTP answer, read whole. */
export interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: Headers;
  readonly url: string;
  readonly text: string;
}

/** An answer that Berth would not give: another program listens there, or another version. */
export function strangeAnswer(response: Answer, why: string, cause?: unknown): Failure {
  return failure(
    "E_INTERNAL",
    `the answer of ${response.url} (HTTP ${response.status}) is not what Berth sends: ${why}`,
    {
      cause,
      next: "Check that the address is a Berth scheduler's and that both are of one version.",
    },
  );
}

export function jsonOf(answer: Answer): unknown {
  try {
    return JSON.parse(answer.text);
  } catch (error) {
    throw strangeAnswer(answer, "it is not JSON", error);
  }
}

/** What the scheduler refused, in its own words. */
export async function refusal(response: Answer): Promise<Failure> {
  const [{ ErrorAnswer }, { parser }] = await Promise.all([import("./answers.ts"), import("#shared/schema.ts")]);
  const value = jsonOf(response);
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

function errorFacts(answer: Static<typeof import("./answers.ts").ErrorAnswer>): ErrorFacts | null {
  const [fault] = Object.values(answer);
  if (fault === undefined) return null;
  const { message, next } = fault;
  if ("details" in fault || "requestId" in fault) return { code: fault.code, message, next, details: fault.details };
  return { code: "berth_code" in fault ? fault.berth_code : undefined, message, next, details: undefined };
}

/** The call did not come to an answer: nobody there, cut off, or past its deadline. */
export function unreachable(baseUrl: string, method: string, deadlineMs: number, error: unknown): Failure {
  if (error instanceof Error && error.name === "TimeoutError")
    return failure("E_UNAVAILABLE", `the scheduler at ${baseUrl} gave no answer within ${deadlineMs / 1000} s`, {
      cause: error,
      next: method === "GET" ? "See the scheduler's log, then try again." : MAYBE_DONE,
    });
  const code = networkCode(error);
  return failure("E_UNAVAILABLE", `the scheduler cannot be reached at ${baseUrl}: ${reasonOf(error, code)}`, {
    cause: error,
    next:
      method !== "GET" && CUT.has(code)
        ? MAYBE_DONE
        : "Start it with `npm start`, or name its address by --api or BERTH_API_URL.",
  });
}

const MAYBE_DONE = "It may have been done all the same: look at the object before you try again.";
const CUT: ReadonlySet<string> = new Set(["ECONNRESET", "UND_ERR_SOCKET", "EPIPE"]);

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

function networkCode(error: unknown): string {
  const cause = causeOf(error);
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "";
}

function reasonOf(error: unknown, code: string): string {
  const cause = causeOf(error);
  return NETWORK_REASONS[code] ?? (cause instanceof Error && cause.message !== "" ? cause.message : String(cause));
}

/** `fetch` says only that it failed; why is in the cause. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}
