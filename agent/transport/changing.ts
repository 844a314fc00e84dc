import { type CallContext, DriverError } from "../drivers/driver.ts";

/**
 * Every transport asks this right before each call that changes something: the job's time must not be over and its
 * lease must be held. Throws `LeaseLost`, or an `unknown` failure when the call was aborted.
 */
export function assertMayChange(context: CallContext): void {
  assertNotAborted(context);
  context.guard.assertHeld();
}

export function assertNotAborted(context: CallContext): void {
  if (context.signal.aborted) throw abortedError(context.signal);
}

/** What an aborted call throws: nobody knows how far the backend came, so the same backend is asked again. */
export function abortedError(signal: AbortSignal): DriverError {
  return new DriverError("unknown", "the call was stopped before its end", {
    cause: signal.reason,
    code: "E_DEADLINE",
  });
}
