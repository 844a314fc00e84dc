import { DriverError, type FailureOutcome } from "../driver.ts";

/** What the pool answered in place of a result: a code of XenAPI and its parameters. Whatever it stands for was not done. */
export class XenFailure extends Error {
  readonly code: string;
  readonly parameters: readonly string[];

  constructor(method: string, code: string, parameters: readonly string[]) {
    super(`${method}: ${[code, ...parameters.filter((text) => text !== "")].join(" ").slice(0, 2000)}`);
    this.name = "XenFailure";
    this.code = code;
    this.parameters = parameters;
  }
}

/** By the plugins' catalogue: 44 no space; 129 none for a snapshot; 167, 180 the array or the volume group is full. */
const NO_SPACE = new Set([
  "SR_FULL",
  "SR_SOURCE_SPACE_INSUFFICIENT",
  ...[44, 129, 167, 180].map((number) => `SR_BACKEND_FAILURE_${number}`),
]);

/** A refusal: nothing is left of what was asked for. Of anything else nobody knows. */
const REFUSALS =
  /^(SR_(?!BACKEND_FAILURE$|BACKEND_FAILURE_(?:1200|200|202)$)|VDI_|VBD_|VM_|PBD_|DEVICE_|FIELD_|VALUE_|MESSAGE_|UUID_|LOCATION_|OPERATION_NOT_ALLOWED|PERMISSION_DENIED|RBAC_)/;

export function outcomeOf(code: string): FailureOutcome {
  if (NO_SPACE.has(code)) return "no-space";
  return REFUSALS.test(code) ? "not-done" : "unknown";
}

export function isFailure(error: unknown, ...codes: readonly string[]): error is XenFailure {
  return error instanceof XenFailure && codes.includes(error.code);
}

/** What a driver throws: the pool's answers as what they left. Anything else stays what it is. */
export function asDriverError(error: unknown): unknown {
  if (!(error instanceof XenFailure)) return error;
  return new DriverError(outcomeOf(error.code), error.message, { cause: error });
}

export function refused(message: string): DriverError {
  return new DriverError("not-done", message);
}
