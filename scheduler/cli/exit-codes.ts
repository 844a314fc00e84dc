import type { ErrorCode } from "#shared/errors.ts";

/** What `berth` ends with. A number never changes its meaning; scripts depend on them. */
export const EXIT_CODES = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  unreachable: 5,
  timedOut: 6,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

/** The table of `berth --help`. */
export const EXIT_CODE_MEANINGS: Readonly<Record<keyof typeof EXIT_CODES, string>> = {
  ok: "done",
  failed: "refused, or the operation failed (a volume ended in error)",
  usage: "bad usage: unknown command or option, wrong value, ambiguous name",
  notFound: "what was named does not exist",
  conflict: "in use, in the wrong state, or in conflict with something else",
  unreachable: "the scheduler cannot be reached, or cannot serve now",
  timedOut: "timed out waiting; the work goes on",
  interrupted: "interrupted (Ctrl-C); the work goes on",
};

/** Codes that are not here end as `failed`. */
const BY_ERROR_CODE: { readonly [C in ErrorCode]?: ExitCode } = {
  E_BAD_REQUEST: EXIT_CODES.usage,
  E_TOO_LARGE: EXIT_CODES.usage,
  E_DRIVER_UNKNOWN: EXIT_CODES.usage,
  E_NOT_FOUND: EXIT_CODES.notFound,
  E_CONFLICT: EXIT_CODES.conflict,
  E_PRECONDITION: EXIT_CODES.conflict,
  E_IDEMPOTENCY_CONFLICT: EXIT_CODES.conflict,
  E_WRONG_STATE: EXIT_CODES.conflict,
  E_HAS_DEPENDENTS: EXIT_CODES.conflict,
  E_IN_USE: EXIT_CODES.conflict,
  E_CATALOGUE_CHANGED: EXIT_CODES.conflict,
  E_CATALOGUE_INVALID: EXIT_CODES.conflict,
  E_UNAVAILABLE: EXIT_CODES.unreachable,
  E_TIMEOUT: EXIT_CODES.timedOut,
};

export function exitCodeOf(code: ErrorCode): ExitCode {
  return BY_ERROR_CODE[code] ?? EXIT_CODES.failed;
}

/** For an answer without a code that this version knows: by its HTTP status. */
export function exitCodeOfStatus(status: number): ExitCode {
  if (status === 404) return EXIT_CODES.notFound;
  if (status === 409) return EXIT_CODES.conflict;
  if (status === 502 || status === 503) return EXIT_CODES.unreachable;
  if (status === 400 || status === 422) return EXIT_CODES.usage;
  return EXIT_CODES.failed;
}
