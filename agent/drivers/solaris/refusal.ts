import { BerthError } from "#shared/errors.ts";
import { CommandFailed } from "../../transport/command.ts";
import { DriverError, type FailureOutcome, LeaseLost } from "../driver.ts";

/** What the tools' sentences come to. `other`: they say something else. */
export type RefusalKind =
  | "exists"
  | "missing"
  | "no-space"
  | "busy"
  | "has-clones"
  | "not-allowed"
  | "service-down"
  | "stale"
  | "in-use"
  | "other";

/**
 * By the sentences of libzfs, stmfadm and itadm, which Solaris and illumos share. The first that fits counts: who may not
 * is also told of what is missing.
 */
const SENTENCES: readonly (readonly [RegExp, RefusalKind])[] = [
  [/permission denied|requires authorization|insufficient privileges|not authorized/i, "not-allowed"],
  [/STMF service not found|target service must be online|STMF service version/i, "service-down"],
  [/Configuration changed during processing/i, "stale"],
  [/out of space|greater than available space|No space left|quota exceeded/i, "no-space"],
  [/has dependent clones|snapshot is cloned|clones of previous snapshots exist/i, "has-clones"],
  [
    /dataset is busy|resource busy|online or busy|cannot fork|I\/O is currently suspended|waiting for completion/i,
    "busy",
  ],
  [/filename .*: in use|guid in use|is in use by existing|LUN already in use/i, "in-use"],
  [/already exists|already configured|view entry exists/i, "exists"],
  [/does not exist|not found|no views found|no such|could not find any snapshots/i, "missing"],
];

/** The host's own words, and what they mean. */
export class Refused extends Error {
  readonly kind: RefusalKind;

  constructor(kind: RefusalKind, words: string, cause?: unknown) {
    super(words, cause === undefined ? {} : { cause });
    this.name = "Refused";
    this.kind = kind;
  }
}

/** null: it was not the host that refused. */
export function refusalOf(error: unknown): Refused | null {
  if (error instanceof Refused) return error;
  if (!(error instanceof CommandFailed)) return null;
  return new Refused(kindOf(error.stderr), error.stderr.trim(), error);
}

/** Some commands fail and end with 0: what begins like this is no warning. */
export function assertNoComplaint(stderr: string): void {
  const words = stderr.trim();
  if (/^(cannot |(zfs|stmfadm|sbdadm|itadm)[: ]|.*failed with error)/m.test(words)) throw refused(words);
}

export function refused(words: string): Refused {
  return new Refused(kindOf(words), words.trim());
}

function kindOf(words: string): RefusalKind {
  return SENTENCES.find(([sentence]) => sentence.test(words))?.[1] ?? "other";
}

const OUTCOMES: Readonly<Partial<Record<RefusalKind, FailureOutcome>>> = {
  "no-space": "no-space",
  busy: "unknown",
  stale: "unknown",
};

/** Runs a step; what the host refuses becomes a failure that says what it left. `otherwise`: where its words do not tell. */
export async function explained<T>(what: string, otherwise: FailureOutcome, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof DriverError || error instanceof LeaseLost) throw error;
    const refusal = refusalOf(error);
    if (refusal === null) {
      const code = error instanceof BerthError ? { code: error.code } : {};
      throw new DriverError(otherwise, `could not ${what}`, { cause: error, ...code });
    }
    const silent = refusal.message === "";
    const outcome = silent ? "unknown" : (OUTCOMES[refusal.kind] ?? otherwise);
    throw new DriverError(
      outcome,
      `could not ${what}: ${silent ? "the host did not say why" : refusal.message.slice(0, 1000)}`,
      {
        cause: refusal.cause ?? refusal,
      },
    );
  }
}

/** `undefined` instead of a refusal of one of these kinds. */
export async function unless<T>(kinds: readonly RefusalKind[], step: () => Promise<T>): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal !== null && kinds.includes(refusal.kind)) return undefined;
    throw refusal ?? error;
  }
}
