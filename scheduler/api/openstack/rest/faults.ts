import type { BerthError } from "#shared/errors.ts";

/** The field's names for its errors, by HTTP status. */
const FAULT_NAMES: Readonly<Record<number, string>> = {
  400: "badRequest",
  401: "unauthorized",
  403: "forbidden",
  404: "itemNotFound",
  405: "badMethod",
  409: "conflictingRequest",
  413: "overLimit",
  415: "badMediaType",
  501: "notImplemented",
  503: "serviceUnavailable",
};

/** What nobody foresaw is told in the field's words: its own text may hold anything. The log has it, by the request id. */
const HIDDEN = "The server has either erred or is incapable of performing the requested operation.";

/** In how many seconds the same may be taken; 0, where waiting changes nothing. */
export function retryAfterOf({ details }: BerthError): string {
  return String(details.retryAfterS ?? 0);
}

export function faultBody(error: BerthError): Readonly<Record<string, object>> {
  const name = FAULT_NAMES[error.status] ?? "computeFault";
  return {
    [name]: {
      code: error.status,
      message: error.code === "E_INTERNAL" ? HIDDEN : error.message,
      ...(error.status === 413 ? { retryAfter: retryAfterOf(error) } : {}),
      berth_code: error.code,
      next: error.next,
    },
  };
}
