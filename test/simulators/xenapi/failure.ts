/** An error of the API: a code and its parameters, as the error catalogue has them. */
export class XenFailure extends Error {
  readonly code: string;
  readonly parameters: readonly string[];

  constructor(code: string, ...parameters: readonly string[]) {
    super([code, ...parameters].join(" "));
    this.name = "XenFailure";
    this.code = code;
    this.parameters = parameters;
  }

  get description(): string[] {
    return [this.code, ...this.parameters];
  }
}

/** The sentences of the storage plugins' error catalogue, by number. */
const BACKEND_SENTENCES: Readonly<Record<number, string>> = {
  40: "The SR scan failed",
  44: "There is insufficient space",
  46: "The VDI is not available",
  47: "The SR is not available",
  68: "ISCSI login failed, verify CHAP credentials",
  72: "Unsupported NFS version",
  73: "NFS mount error",
  78: "VDI Creation failed",
  79: "VDI Invalid size",
  80: "Failed to mark VDI hidden",
  81: "Failed to clone VDI",
  82: "Failed to snapshot VDI",
  87: "The request is missing or has an incorrect LUNid parameter",
  90: "The request is missing the device parameter",
  95: "The request is missing the target parameter",
  96: "The request is missing or has an incorrect target IQN parameter",
  101: "The request is missing the serverpath parameter",
  102: "The request is missing the server parameter",
  103: "The serverpath argument is not valid",
  107: "The SCSIid parameter is missing or incorrect",
  108: "Unable to detect an NFS service on this target",
  109: "The snapshot chain is too long",
  110: "VDI resize failed",
  120: "The target parameter is missing",
  121: "The username parameter is missing",
  122: "The password parameter is missing",
  123: "The aggregate parameter is missing",
  129: "There is no space for a snapshot",
  160: "The target parameter is missing",
  161: "The username parameter is missing",
  162: "The password parameter is missing",
  163: "The storage pool parameter is missing",
  168: "A snapshot of a snapshot is not supported",
  200: "I/O error",
  202: "General backend error",
};

const EXCEPTIONS: Readonly<Record<number, string>> = { 16: "SR_DEVICE_IN_USE", 24: "VDI_IN_USE", 39: "SR_NOT_EMPTY" };

/** What xapi makes of a plugin's fault `number`; `stderr` is where plugins put hints as XML. */
export function backendFailure(number: number, detail = "", stderr = ""): XenFailure {
  const sentence = BACKEND_SENTENCES[number] ?? "Error in the storage backend";
  const opterr = detail === "" ? sentence : `${sentence} [opterr=${detail}]`;
  return new XenFailure(EXCEPTIONS[number] ?? `SR_BACKEND_FAILURE_${number}`, "", opterr, stderr);
}
