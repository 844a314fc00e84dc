/** How a command ended: as XML, as text and as the exit status of the program. */
export interface CliqResult {
  /** `0`, a small number, or eight hexadecimal digits. */
  readonly code: string;
  readonly name: string;
  readonly exit: number;
}

/** The manual's table of return codes. The manual prints them as 32-bit numbers; answers have them without `0x`. */
export const DOCUMENTED = {
  success: { code: "0", name: "CliqSuccess", exit: 0 },
  nothingDone: { code: "1", name: "CliqNothingDone", exit: 1 },
  operationPending: { code: "2", name: "CliqOperationPending", exit: 2 },
  operationAbandoned: { code: "3", name: "CliqOperationAbandoned", exit: 3 },
  nothingFound: { code: "4", name: "CliqNothingFound", exit: 4 },
  snapshotSet: { code: "5", name: "CliqSnapshotSet", exit: 5 },
  vssSnapshotWarning: { code: "6", name: "CliqVssSnapshotWarning", exit: 6 },
  pitSnapshotWarning: { code: "7", name: "CliqPITSnapshotWarning", exit: 7 },
  parameterIgnored: { code: "8", name: "CliqParameterIgnored", exit: 8 },
  unexpected: { code: "80001001", name: "CliqUnexpected", exit: 128 },
  xmlError: { code: "80001002", name: "CliqXmlError", exit: 129 },
  parameterFormat: { code: "80001003", name: "CliqParameterFormat", exit: 130 },
  parameterRepeat: { code: "80001004", name: "CliqParameterRepeat", exit: 131 },
  missingMethod: { code: "80001005", name: "CliqMissingMethod", exit: 132 },
  missingParameter: { code: "80001006", name: "CliqMissingParameter", exit: 133 },
  unrecognizedCommand: { code: "80001007", name: "CliqUnrecognizedCommand", exit: 134 },
  volumeNotFound: { code: "8000100c", name: "CliqVolumeNotFound", exit: 139 },
} as const satisfies Record<string, CliqResult>;

/**
 * What goes wrong on the array itself. The manual says that such errors have no numbers of their own and that only the
 * description tells them apart, so they are all `CliqUnexpected`; the fault `own-codes` gives each a number and a name,
 * as the one that is known of a missing volume has.
 */
export type ArrayFailure =
  | "snapshotNotFound"
  | "clusterNotFound"
  | "serverNotFound"
  | "alreadyExists"
  | "initiatorTaken"
  | "noSpace"
  | "clonePoint"
  | "inUse"
  | "deleting"
  | "size"
  | "chapSecret"
  | "busy"
  | "permission";

export const OWN_CODES: Readonly<Record<ArrayFailure, CliqResult>> = {
  snapshotNotFound: { code: "8000100d", name: "CliqSnapshotNotFound", exit: 140 },
  clusterNotFound: { code: "8000100e", name: "CliqClusterNotFound", exit: 141 },
  serverNotFound: { code: "8000100f", name: "CliqServerNotFound", exit: 142 },
  alreadyExists: { code: "80001010", name: "CliqNameInUse", exit: 143 },
  initiatorTaken: { code: "80001011", name: "CliqInitiatorInUse", exit: 144 },
  noSpace: { code: "80001012", name: "CliqInsufficientSpace", exit: 145 },
  clonePoint: { code: "80001013", name: "CliqClonePoint", exit: 146 },
  inUse: { code: "80001014", name: "CliqVolumeInUse", exit: 147 },
  deleting: { code: "80001015", name: "CliqVolumeDeleting", exit: 148 },
  size: { code: "80001016", name: "CliqVolumeSize", exit: 149 },
  chapSecret: { code: "80001017", name: "CliqChapSecret", exit: 150 },
  busy: { code: "80001018", name: "CliqSystemBusy", exit: 151 },
  permission: { code: "80001019", name: "CliqPermission", exit: 152 },
};

export type ResultName = keyof typeof DOCUMENTED | ArrayFailure;

export function resultOf(name: ResultName, ownCodes: boolean): CliqResult {
  if (isDocumented(name)) return DOCUMENTED[name];
  return ownCodes ? OWN_CODES[name] : DOCUMENTED.unexpected;
}

function isDocumented(name: ResultName): name is keyof typeof DOCUMENTED {
  return Object.hasOwn(DOCUMENTED, name);
}

/** A command that ends otherwise than with plain success. */
export class CliqFailure extends Error {
  readonly result: ResultName;

  constructor(result: ResultName, description: string) {
    super(description);
    this.name = "CliqFailure";
    this.result = result;
  }
}

export function volumeNotFound(name: string): CliqFailure {
  return new CliqFailure("volumeNotFound", `Volume '${name}' not found.`);
}
