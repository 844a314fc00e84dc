import type { BerthError, ErrorCode } from "#shared/errors.ts";
import type { State } from "../../core/state.ts";
import { failureOf } from "../failures.ts";
import { snapshotIdOf, volumeIdOf } from "./ids.ts";
import { EC2_ERRORS, type Ec2Code, Ec2Refusal } from "./refusal.ts";
import { type XmlFields, xmlDocument } from "./xml.ts";

/** What our codes are where the action has no word of its own for it. */
const CODES: Readonly<Partial<Record<ErrorCode, Ec2Code>>> = {
  E_BAD_REQUEST: "InvalidParameterValue",
  E_NOT_FOUND: "InvalidParameterValue",
  E_CONFLICT: "IncorrectState",
  E_WRONG_STATE: "IncorrectState",
  E_HAS_DEPENDENTS: "DependencyViolation",
  E_IN_USE: "VolumeInUse",
  E_IDEMPOTENCY_CONFLICT: "IdempotentParameterMismatch",
  E_NO_CAPACITY: "InsufficientVolumeCapacity",
  E_NO_PLACEMENT: "InsufficientVolumeCapacity",
  E_BACKEND_NO_SPACE: "InsufficientVolumeCapacity",
  E_TOO_LARGE: "InvalidRequest",
  E_UNSUPPORTED_MEDIA: "InvalidRequest",
  E_UNAUTHENTICATED: "AuthFailure",
  E_FORBIDDEN: "UnauthorizedOperation",
  E_QUOTA: "VolumeLimitExceeded",
  E_RATE_LIMITED: "RequestLimitExceeded",
};
const HIDDEN = "An internal error has occurred";
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** Other words for some of our codes, for one action. */
export type Renamed = Readonly<Partial<Record<ErrorCode, Ec2Code>>>;

export function ec2CodeOf(error: BerthError, renamed: Renamed = {}): Ec2Code {
  if (error instanceof Ec2Refusal) return error.ec2Code;
  const known = renamed[error.code] ?? CODES[error.code];
  if (known !== undefined) return known;
  if (error.status === 429) return "RequestLimitExceeded";
  if (error.status >= 500) return error.status === 500 ? "InternalError" : "Unavailable";
  return "InvalidRequest";
}

export interface Ec2Answer {
  readonly status: number;
  readonly xml: string;
}

/** `RequestID` in capitals, and no namespace: so it is, and nowhere else. */
export function errorAnswer(code: Ec2Code, message: string, requestId: string): Ec2Answer {
  const fields: XmlFields = { Errors: { Error: { Code: code, Message: message } }, RequestID: requestId };
  return { status: EC2_ERRORS[code][0], xml: xmlDocument("Response", fields) };
}

/** Anything that a request can end in. `state`: by whose ids objects that are named by UUID are told. */
export function failureAnswer(
  thrown: unknown,
  requestId: string,
  { state, renamed }: { readonly state?: State; readonly renamed?: Renamed } = {},
): Ec2Answer & { readonly error: BerthError } {
  const error = failureOf(thrown);
  const code = ec2CodeOf(error, renamed);
  const message = code === "InternalError" ? HIDDEN : ec2Text(error.message, state);
  return { ...errorAnswer(code, message, requestId), error };
}

function ec2Text(message: string, state: State | undefined): string {
  return message.replaceAll(UUID, (uuid) => {
    if (state?.get("volume", uuid) !== undefined) return volumeIdOf(uuid);
    return state?.get("snapshot", uuid) === undefined ? uuid : snapshotIdOf(uuid);
  });
}
