/**
 * The one catalogue of errors. A code never changes its meaning and is never used again for another;
 * `test/unit/errors.test.ts` checks that the table in ARCHITECTURE.md lists each. `status` is the HTTP answer,
 * `next` says what a person can do about it.
 */
export const ERROR_CATALOGUE = {
  E_BAD_REQUEST: { status: 400, next: "Correct the named fields and send the request again." },
  E_NOT_FOUND: { status: 404, next: "List what there is and take an id or name from there." },
  E_CONFLICT: { status: 409, next: "Look at the object's state and try again when it allows the operation." },
  E_PRECONDITION: { status: 412, next: "Read it again, and decide anew." },
  E_IDEMPOTENCY_CONFLICT: { status: 409, next: "Take a new Idempotency-Key for a new request." },
  E_WRONG_STATE: { status: 400, next: "Wait until the object is in one of the states named, then try again." },
  E_HAS_DEPENDENTS: { status: 400, next: "Delete what depends on it first." },
  E_IN_USE: { status: 409, next: "Remove what uses it first." },
  E_NO_CAPACITY: { status: 413, next: "Ask for less, free space, or let an operator add a backend." },
  E_QUOTA: {
    status: 413,
    next: "Delete something, or let an operator raise it: `berth quota show`, `berth quota set`.",
  },
  E_NO_PLACEMENT: { status: 409, next: "See `berth volume explain ID` for what each backend lacked." },
  E_TOO_LARGE: { status: 413, next: "Send a smaller request." },
  E_UNSUPPORTED_MEDIA: { status: 415, next: "Send JSON with Content-Type: application/json." },
  E_VERSION_NOT_ACCEPTABLE: { status: 406, next: "Ask for a version between the ones named." },
  E_METHOD_NOT_ALLOWED: { status: 405, next: "See the API's document for the methods of this path." },
  E_DRIVER_UNKNOWN: { status: 400, next: "Use one of the drivers named." },
  E_DRIVER_NOT_BUILT: { status: 400, next: "Use a driver that is built; see `berth backend types`." },
  E_CATALOGUE_INVALID: {
    status: 409,
    next: "Correct the catalogue file at the line named; the running one stays in force.",
  },
  E_CATALOGUE_FILE: { status: 500, next: "Look at the disk and at the permissions of the catalogue file." },
  E_CATALOGUE_CHANGED: { status: 409, next: "Look at the file, then give the command again." },
  E_TIMEOUT: { status: 504, next: "The work goes on; look at the object's state in a moment." },
  E_UNAVAILABLE: {
    status: 503,
    next: "Check that the scheduler, nats-server and the zone's agents run, then try again.",
  },
  E_NO_AGENT: { status: 503, next: "Start an agent in that zone; see `berth agent list`." },
  E_BACKEND_NOT_OPEN: { status: 503, next: "See `berth backend show ID` for why the agent cannot open it." },
  E_BACKEND_FAILED: { status: 500, next: "See the backend's own message and the agent's log." },
  E_BACKEND_NO_SPACE: { status: 413, next: "Free space on the backend or add another." },
  E_COMMAND_FAILED: { status: 500, next: "See the command's own message and the agent's log." },
  E_CANCELLED: { status: 409, next: "Nothing; ask for it again if it is wanted after all." },
  E_DEADLINE: { status: 504, next: "Check the backend; Berth goes on cleaning up by itself." },
  E_LEASE_LOST: { status: 503, next: "Nothing: another agent of the zone has taken the job over." },
  E_UNAUTHENTICATED: { status: 401, next: "Send a valid token as X-Auth-Token; `berth` takes it from BERTH_TOKEN." },
  E_KEYSTONE: { status: 503, next: "Check that Keystone runs and takes Berth's own account, then try again." },
  E_RATE_LIMITED: { status: 413, next: "Wait as long as Retry-After says, then send it again." },
  E_FORBIDDEN: { status: 403, next: "Use a project or role that may do this." },
  E_CONFIG: { status: 500, next: "Correct the settings named and start again." },
  E_LEDGER: { status: 500, next: "Look at the disk that holds the ledger; nothing was accepted since the failure." },
  E_NOT_LEADER: {
    status: 503,
    next: "Send the same request again with its Idempotency-Key; another scheduler leads, or soon will.",
  },
  E_LEDGER_LOCKED: { status: 503, next: "Stop the other scheduler, or give this one a data folder of its own." },
  E_LEDGER_MOVED: {
    status: 500,
    next: "Start with the BERTH_LEDGER that it was moved to, or move it back with `berth ledger move`.",
  },
  E_NEWER_DATA: { status: 500, next: "Run a version of Berth at least as new as the one that wrote the data." },
  E_PROTOCOL: { status: 500, next: "Run the same version of Berth on the scheduler and its agents." },
  E_BACKUP: { status: 400, next: "Take another backup file; nothing was replaced." },
  E_PORT_TAKEN: { status: 500, next: "Stop what listens there or choose another port." },
  E_MISSING_TOOL: { status: 500, next: "Run `npm start` once as root, or install the package named." },
  E_INTERNAL: { status: 500, next: "Please report this with the request id." },
} as const;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;

export interface BerthErrorOptions extends ErrorOptions {
  /** Facts for programs (dependents, verdicts, faults…). No secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** An error that people and programs can act on: a stable code, one sentence, the cause kept and not repeated in it. */
export class BerthError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: BerthErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "BerthError";
    this.code = code;
    this.details = options.details ?? {};
  }

  get status(): number {
    return ERROR_CATALOGUE[this.code].status;
  }

  get next(): string {
    return ERROR_CATALOGUE[this.code].next;
  }
}

/** What an error looks like in records and messages. */
export interface ErrorRecord {
  readonly code: ErrorCode;
  readonly message: string;
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CATALOGUE, text);
}

/** Makes anything thrown a BerthError; what is not ours becomes E_INTERNAL with the original as its cause. */
export function asBerthError(thrown: unknown): BerthError {
  if (thrown instanceof BerthError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new BerthError("E_INTERNAL", message === "" ? "something went wrong" : message, { cause: thrown });
}

/** The message of an error and of its causes, outermost first: for records, where only text can be kept. */
export function fullMessage(error: unknown): string {
  const parts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < 5 && current instanceof Error; depth++) {
    if (!parts.includes(current.message)) parts.push(current.message);
    current = current.cause;
  }
  return parts.length > 0 ? parts.join(": ") : String(error);
}
