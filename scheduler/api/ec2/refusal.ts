import { BerthError, type ErrorCode } from "#shared/errors.ts";

/**
 * The codes of EC2's API reference that are given here, with their HTTP status and ours for the log.
 * `InsufficientVolumeCapacity` is 500 at Amazon, which clients send again and again; here it is final.
 */
export const EC2_ERRORS = {
  AuthFailure: [401, "E_UNAUTHENTICATED"],
  DependencyViolation: [400, "E_HAS_DEPENDENTS"],
  DryRunOperation: [412, "E_BAD_REQUEST"],
  FilterLimitExceeded: [400, "E_BAD_REQUEST"],
  IdempotentParameterMismatch: [400, "E_IDEMPOTENCY_CONFLICT"],
  IncompleteSignature: [400, "E_UNAUTHENTICATED"],
  IncorrectModificationState: [400, "E_WRONG_STATE"],
  IncorrectState: [400, "E_WRONG_STATE"],
  InsufficientVolumeCapacity: [400, "E_NO_CAPACITY"],
  InternalError: [500, "E_INTERNAL"],
  InvalidAction: [400, "E_BAD_REQUEST"],
  "InvalidAttachment.NotFound": [400, "E_NOT_FOUND"],
  InvalidID: [400, "E_BAD_REQUEST"],
  "InvalidInstanceID.Malformed": [400, "E_BAD_REQUEST"],
  InvalidParameterCombination: [400, "E_BAD_REQUEST"],
  InvalidParameterValue: [400, "E_BAD_REQUEST"],
  InvalidRequest: [400, "E_BAD_REQUEST"],
  "InvalidSnapshot.InUse": [400, "E_IN_USE"],
  "InvalidSnapshot.NotFound": [400, "E_NOT_FOUND"],
  "InvalidSnapshotID.Malformed": [400, "E_BAD_REQUEST"],
  "InvalidVolume.NotFound": [400, "E_NOT_FOUND"],
  "InvalidVolume.ZoneMismatch": [400, "E_BAD_REQUEST"],
  "InvalidVolumeID.Malformed": [400, "E_BAD_REQUEST"],
  "InvalidVolumeModification.NotFound": [400, "E_NOT_FOUND"],
  "InvalidZone.NotFound": [400, "E_NOT_FOUND"],
  MalformedQueryString: [400, "E_BAD_REQUEST"],
  MissingAuthenticationToken: [403, "E_UNAUTHENTICATED"],
  MissingParameter: [400, "E_BAD_REQUEST"],
  RequestExpired: [400, "E_UNAUTHENTICATED"],
  RequestLimitExceeded: [503, "E_UNAVAILABLE"],
  SignatureDoesNotMatch: [403, "E_UNAUTHENTICATED"],
  SnapshotLimitExceeded: [400, "E_QUOTA"],
  TagLimitExceeded: [400, "E_BAD_REQUEST"],
  UnauthorizedOperation: [403, "E_FORBIDDEN"],
  Unavailable: [503, "E_UNAVAILABLE"],
  UnknownParameter: [400, "E_BAD_REQUEST"],
  UnsupportedOperation: [400, "E_BAD_REQUEST"],
  VolumeInUse: [400, "E_IN_USE"],
  VolumeLimitExceeded: [400, "E_QUOTA"],
} as const satisfies Readonly<Record<string, readonly [status: number, code: ErrorCode]>>;
export type Ec2Code = keyof typeof EC2_ERRORS;

/** A refusal in EC2's own words. */
export class Ec2Refusal extends BerthError {
  readonly ec2Code: Ec2Code;

  constructor(ec2Code: Ec2Code, message: string, cause?: unknown) {
    super(EC2_ERRORS[ec2Code][1], message, cause === undefined ? {} : { cause });
    this.name = "Ec2Refusal";
    this.ec2Code = ec2Code;
  }
}
