import { DriverError, type FailureOutcome } from "../driver.ts";

/** The array said no, by the name of one of its errors. */
export class ElementRefusal extends DriverError {
  readonly refusal: string;

  constructor(method: string, refusal: string, message: string) {
    super(outcomeOf(refusal), `the array refused ${method}: ${refusal}${message === "" ? "" : `: ${message}`}`);
    this.name = "ElementRefusal";
    this.refusal = refusal;
  }
}

/** Names are compared without case: releases differ in how they spell "Id". */
export function isRefusal(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof ElementRefusal && names.some((name) => name.toLowerCase() === error.refusal.toLowerCase());
}

/** The array's own time-outs: what was asked for may be done all the same, or come later. */
const MAYBE_DONE: ReadonlySet<string> = new Set(["xDBOperationTimeout", "xDBConnectionLoss", "xRecvTimeout"]);

/** What passes: the load moves between nodes, the software is being upgraded, others were quicker. Nothing was done. */
const PASSING: ReadonlySet<string> = new Set([
  "xDBVersionMismatch",
  "xMaxClonesPerVolumeExceeded",
  "xMaxSnapshotsPerNodeExceeded",
  "xMaxClonesPerNodeExceeded",
  "xSliceNotRegistered",
  "xNotReadyForIO",
  "xNotPrimary",
  "xNoHandler",
  "xSnapshotFailed",
  "xDBNoSuchPath",
]);

/** These may pass as well; but they may be what the array means, and then another backend is better than asking on. */
const PERHAPS_PASSING: ReadonlySet<string> = new Set(["xMaxSnapshotsPerVolumeExceeded", "xPermissionDenied"]);

export function mayBeDone(refusal: string): boolean {
  return MAYBE_DONE.has(refusal);
}

export function isPassing(refusal: string): boolean {
  return PASSING.has(refusal) || PERHAPS_PASSING.has(refusal);
}

/** It was there when we looked, and somebody removed it since: the next try looks again. */
const GONE_MEANWHILE: ReadonlySet<string> = new Set(["xVolumeAccessGroupIDDoesNotExist", "xAccountIDDoesNotExist"]);

/** When it has been asked often enough: what passes is asked of the same array again, later. */
function outcomeOf(refusal: string): FailureOutcome {
  return [MAYBE_DONE, PASSING, GONE_MEANWHILE].some((names) => names.has(refusal)) ? "unknown" : "not-done";
}
