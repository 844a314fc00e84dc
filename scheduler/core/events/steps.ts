import type { Phase } from "#shared/events/types.ts";
import type { LastError } from "#shared/model/error-record.ts";

/** What is being done with a record, as its status says. */
export interface Work<Operation extends string> {
  readonly operation: Operation;
  /** It has lasted too long, and that was told. It goes on. */
  readonly late: boolean;
}

export interface Step<Operation extends string> {
  readonly operation: Operation;
  readonly phase: Phase;
  /** Set for `error`. */
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** How a kind of record is read. */
export interface Reading<T, Operation extends string> {
  readonly work: (record: T) => Work<Operation> | null;
  /** The operation has ended, and this is what it left: did it fail? */
  readonly failed: (record: T, operation: Operation) => boolean;
  /** With these a record goes. */
  readonly removals: readonly Operation[];
}

interface Failable {
  readonly lastError: LastError | null;
}

/**
 * What was begun and what ended between two states of a record: every operation that is told to begin ends by `end` or
 * `error`. One that was late and told as `error` may be told once more, when it is known what came of it.
 */
export function stepsBetween<T extends Failable, Operation extends string>(
  before: T | null,
  after: T | null,
  { work, failed, removals }: Reading<T, Operation>,
): Step<Operation>[] {
  const was = before === null ? null : work(before);
  const is = after === null ? null : work(after);
  const steps: Step<Operation>[] = [];
  if (was !== null && was.operation !== is?.operation) {
    if (after === null && removals.includes(was.operation)) steps.push(step(was.operation, "end"));
    else if (after !== null && is === null)
      steps.push(failed(after, was.operation) ? failure(was.operation, after) : step(was.operation, "end"));
    else if (!was.late) steps.push(failure(was.operation, newlyFailed(before, after)));
  }
  if (is !== null && after !== null) {
    if (is.operation !== was?.operation || (was.late && !is.late)) steps.push(step(is.operation, "start"));
    if (is.late && !(was?.operation === is.operation && was.late)) steps.push(failure(is.operation, after));
  }
  return steps;
}

export function step<Operation extends string>(operation: Operation, phase: "start" | "end"): Step<Operation> {
  return { operation, phase, error: null };
}

/** What another operation took the place of was given up, unless the record says what went wrong in the same moment. */
function newlyFailed(before: Failable | null, after: Failable | null): Failable | null {
  return after !== null && after.lastError !== before?.lastError ? after : null;
}

export const GIVEN_UP = { code: "E_CANCELLED", message: "it was given up for another request" };

function failure<Operation extends string>(operation: Operation, record: Failable | null): Step<Operation> {
  const { code, message } = record?.lastError ?? GIVEN_UP;
  return { operation, phase: "error", error: { code, message } };
}
