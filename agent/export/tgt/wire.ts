import { connect } from "node:net";
import type { CallContext } from "../../drivers/driver.ts";
import { DriverError } from "../../drivers/driver.ts";
import { abortedError } from "../../transport/changing.ts";
import { errorCode } from "../../transport/files.ts";

/**
 * tgtd's management protocol, as tgtadm speaks it, over tgtd's own socket. Spoken here and not by running tgtadm,
 * because tgtadm takes the CHAP secret as an argument, where the process list shows it, and because it takes 3 ms a
 * call instead of a tenth. One request a connection: a header of 120 bytes, then text; the answer is a number and a
 * length, then text. Numbers have the machine's byte order, which is little-endian wherever Node's 64-bit builds run.
 */

export const MODE = { target: 1, logicalUnit: 2, connection: 6, account: 7 } as const;
export const OP = { new: 0, delete: 1, show: 2, bind: 3, unbind: 4, update: 5 } as const;

/** tgtd's answers, by its numbers. tgtadm ends with 22 for each of them and tells them apart by text only. */
const ANSWERS = [
  "success",
  "unknown error",
  "out of memory",
  "can't find the driver",
  "can't find the target",
  "can't find the logical unit",
  "can't find the session",
  "can't find the connection",
  "can't find the binding",
  "this target already exists",
  "this logical unit number already exists",
  "this binding already exists",
  "this access control rule already exists",
  "this access control rule does not exist",
  "this account already exists",
  "can't find the account",
  "too many accounts",
  "invalid request",
  "this target already has an outgoing account",
  "this target is still active",
  "this logical unit is still active",
  "this driver is busy",
  "this operation isn't supported",
  "unknown parameter",
  "this device has Prevent Removal set",
] as const;
export type TgtAnswer = (typeof ANSWERS)[number];

export interface TgtRequest {
  readonly mode: (typeof MODE)[keyof typeof MODE];
  readonly op: (typeof OP)[keyof typeof OP];
  /** Absent: all targets. */
  readonly tid?: number;
  readonly lun?: number;
  readonly sessionId?: number;
  readonly connectionId?: number;
  readonly force?: boolean;
  readonly text?: string;
}

export interface TgtResponse {
  readonly answer: TgtAnswer;
  readonly text: string;
}

/** Nothing listens on tgtd's socket: it does not run, so it exports nothing. */
export class TgtdNotRunning extends DriverError {
  constructor(socketPath: string, cause: unknown) {
    super("not-done", `no tgtd answers on ${socketPath}`, { cause, code: "E_BACKEND_FAILED" });
    this.name = "TgtdNotRunning";
  }
}

const HEADER_BYTES = 120;
const RESPONSE_HEADER_BYTES = 8;
const TIMEOUT_MS = 10_000;
const MAX_RESPONSE_BYTES = 256 * 1024 ** 2;

/** Sends one request and waits for its answer, at most 10 s. Whether it may be sent at all is the caller's question. */
export function exchange(context: CallContext, socketPath: string, request: TgtRequest): Promise<TgtResponse> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    const chunks: Buffer[] = [];
    let receivedBytes = 0;
    const settle = (act: () => void): void => {
      context.signal.removeEventListener("abort", abort);
      socket.destroy();
      act();
    };
    const fail = (error: DriverError): void => settle(() => reject(error));
    const abort = (): void => fail(abortedError(context.signal));
    context.signal.addEventListener("abort", abort, { once: true });
    socket.setTimeout(TIMEOUT_MS, () => fail(new DriverError("unknown", `tgtd gave no answer in ${TIMEOUT_MS} ms`)));
    socket.on("error", (error) => fail(connectionFailed(socketPath, error)));
    socket.on("data", (chunk: Buffer) => {
      receivedBytes += chunk.length;
      chunks.push(chunk);
      if (receivedBytes > MAX_RESPONSE_BYTES) fail(new DriverError("unknown", "tgtd's answer is too long"));
    });
    // tgtd closes when it has answered; an answer that is cut short is none.
    socket.on("end", () => {
      const response = decodeResponse(Buffer.concat(chunks));
      if (response === null)
        fail(new DriverError("unknown", "tgtd closed the connection before its answer was complete"));
      else settle(() => resolve(response));
    });
    socket.write(encodeRequest(request));
  });
}

function connectionFailed(socketPath: string, error: Error): DriverError {
  return ["ENOENT", "ECONNREFUSED"].includes(errorCode(error) ?? "")
    ? new TgtdNotRunning(socketPath, error)
    : new DriverError("unknown", "the connection to tgtd failed", { cause: error });
}

export function encodeRequest(request: TgtRequest): Buffer {
  const text = request.text === undefined ? Buffer.alloc(0) : Buffer.from(`${request.text}\0`, "utf8");
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(request.mode, 0);
  header.writeUInt32LE(request.op, 4);
  header.write("iscsi", 8, "latin1");
  header.writeUInt32LE(HEADER_BYTES + text.length, 72);
  header.writeInt32LE(request.tid ?? -1, 76);
  header.writeBigUInt64LE(BigInt(request.sessionId ?? 0), 80);
  header.writeBigUInt64LE(BigInt(request.lun ?? 0), 88);
  header.writeUInt32LE(request.connectionId ?? 0, 96);
  header.writeUInt32LE(request.force === true ? 1 : 0, 116);
  return Buffer.concat([header, text]);
}

export function decodeResponse(bytes: Buffer): TgtResponse | null {
  if (bytes.length < RESPONSE_HEADER_BYTES) return null;
  const answer = ANSWERS[bytes.readUInt32LE(0)] ?? "unknown error";
  if (answer !== "success") return { answer, text: "" };
  const lengthBytes = bytes.readUInt32LE(4);
  if (bytes.length < lengthBytes) return null;
  const text = bytes.subarray(RESPONSE_HEADER_BYTES, lengthBytes).toString("utf8");
  return { answer, text: text.endsWith("\0") ? text.slice(0, -1) : text };
}
