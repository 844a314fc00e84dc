import type { Pending, Requests } from "./requests.ts";
import {
  answerGreeting,
  CHUNK,
  CHUNK_DONE,
  counted,
  ERRNO_NO_SPACE,
  EXPORT_READ_ONLY,
  GREETING_BYTES,
  INFO_EXPORT,
  NbdProtocolError,
  OPTION,
  OPTION_REPLY,
  OPTION_REPLY_BYTES,
  optionFrame,
  readOptionReply,
  SIMPLE_REPLY_MAGIC,
  STATE_ZERO,
  STRUCTURED_REPLY_MAGIC,
} from "./wire.ts";

const ALLOCATION = "base:allocation";
/** Of what is not an answer's data: messages, extents. Whatever claims to be longer is refused before it is held. */
const MAX_WORDS_BYTES = 1024 ** 2;

/** The server said no, in its own words. `noSpace`: there was no room for it. */
export class NbdRefusal extends Error {
  readonly noSpace: boolean;

  constructor(what: string, errno: number) {
    super(`the NBD server answered ${what}`);
    this.name = "NbdRefusal";
    this.noSpace = errno === ERRNO_NO_SPACE;
  }
}

export interface ExportFacts {
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  /** The number under which it tells what is allocated; null: it cannot tell. */
  readonly allocationContext: number | null;
}

/** What the client hears, as a generator: it yields the buffers that must be filled next, in order. */
export type Hearing = Generator<Buffer, void, void>;

/** From the greeting to where requests may be sent; then answers, for ever. */
export function* hear(
  exportName: string,
  requests: Requests,
  send: (frame: Buffer) => void,
  onReady: (facts: ExportFacts) => void,
): Hearing {
  send(answerGreeting(yield* bytes(GREETING_BYTES)));
  send(optionFrame(OPTION.structuredReply, Buffer.alloc(0)));
  const structured = yield* optionAccepted(OPTION.structuredReply, () => undefined);
  let allocationContext: number | null = null;
  if (structured) {
    send(optionFrame(OPTION.setMetaContext, Buffer.concat([counted(exportName), count(1), counted(ALLOCATION)])));
    yield* optionAccepted(OPTION.setMetaContext, (type, data) => {
      if (type !== OPTION_REPLY.metaContext || data.length < 4) throw new NbdProtocolError("an odd meta context");
      if (data.toString("utf8", 4) === ALLOCATION) allocationContext = data.readUInt32BE(0);
    });
  }
  send(optionFrame(OPTION.go, Buffer.concat([counted(exportName), Buffer.alloc(2)])));
  let facts: ExportFacts | null = null;
  const going = yield* optionAccepted(OPTION.go, (type, data) => {
    if (type !== OPTION_REPLY.info || data.length < 2) throw new NbdProtocolError("odd information on the export");
    if (data.readUInt16BE(0) === INFO_EXPORT) facts = exportFacts(data, allocationContext);
  });
  if (!going) throw new NbdRefusal(`that it has no export "${exportName}"`, 0);
  if (facts === null) throw new NbdProtocolError("it does not tell the export's size");
  onReady(facts);
  for (;;) yield* answer(requests, allocationContext);
}

function exportFacts(data: Buffer, allocationContext: number | null): ExportFacts {
  if (data.length < 12) throw new NbdProtocolError("odd information on the export");
  const size = data.readBigUInt64BE(2);
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw new NbdProtocolError("an export of an impossible size");
  const readOnly = (data.readUInt16BE(10) & EXPORT_READ_ONLY) !== 0;
  return { sizeBytes: Number(size), readOnly, allocationContext };
}

/** The replies to an option, up to its last. False: the server does not know or want it. */
function* optionAccepted(
  option: number,
  onReply: (type: number, data: Buffer) => void,
): Generator<Buffer, boolean, void> {
  for (;;) {
    const { type, lengthBytes } = readOptionReply(yield* bytes(OPTION_REPLY_BYTES), option);
    const data = yield* bytes(lengthBytes);
    if (type === OPTION_REPLY.ack) return true;
    if (type >= OPTION_REPLY.error) return false;
    onReply(type, data);
  }
}

function* answer(requests: Requests, allocationContext: number | null): Hearing {
  const magic = (yield* bytes(4)).readUInt32BE(0);
  if (magic === SIMPLE_REPLY_MAGIC) yield* simpleAnswer(requests);
  else if (magic === STRUCTURED_REPLY_MAGIC) yield* answerChunk(requests, allocationContext);
  else throw new NbdProtocolError(`an answer begins with 0x${magic.toString(16)}`);
}

function* simpleAnswer(requests: Requests): Hearing {
  const head = yield* bytes(12);
  const errno = head.readUInt32BE(0);
  const cookie = head.readBigUInt64BE(4);
  const pending = requests.get(cookie);
  if (errno !== 0) pending.failure = new NbdRefusal(`error ${errno}`, errno);
  else if (pending.into !== null) {
    yield pending.into;
    pending.receivedBytes = pending.lengthBytes;
  }
  requests.end(cookie);
}

function* answerChunk(requests: Requests, allocationContext: number | null): Hearing {
  const head = yield* bytes(16);
  const flags = head.readUInt16BE(0);
  const type = head.readUInt16BE(2);
  const cookie = head.readBigUInt64BE(4);
  const lengthBytes = head.readUInt32BE(12);
  const pending = requests.get(cookie);
  if (type === CHUNK.data) yield* dataChunk(pending, lengthBytes);
  else if (type === CHUNK.hole) holeChunk(pending, yield* bytes(lengthBytes));
  else if (type === CHUNK.blockStatus) statusChunk(pending, yield* bytes(lengthBytes), allocationContext);
  else if ((type & CHUNK.error) !== 0) errorChunk(pending, yield* bytes(lengthBytes));
  else if (type !== CHUNK.none || lengthBytes !== 0) throw new NbdProtocolError(`a chunk of type ${type}`);
  if ((flags & CHUNK_DONE) !== 0) requests.end(cookie);
}

/** Straight to where the reader wants them. */
function* dataChunk(pending: Pending, lengthBytes: number): Hearing {
  if (lengthBytes < 8) throw new NbdProtocolError("data without a place");
  const offset = (yield* bytes(8)).readBigUInt64BE(0);
  yield placeOf(pending, offset, lengthBytes - 8);
  pending.receivedBytes += lengthBytes - 8;
}

function holeChunk(pending: Pending, chunk: Buffer): void {
  if (chunk.length !== 12) throw new NbdProtocolError("a hole of an odd form");
  const lengthBytes = chunk.readUInt32BE(8);
  placeOf(pending, chunk.readBigUInt64BE(0), lengthBytes).fill(0);
  pending.receivedBytes += lengthBytes;
}

function placeOf({ into, offset, lengthBytes }: Pending, at: bigint, chunkBytes: number): Buffer {
  const start = Number(at) - offset;
  if (into === null || start < 0 || start + chunkBytes > lengthBytes)
    throw new NbdProtocolError("data that were not asked for");
  return into.subarray(start, start + chunkBytes);
}

/** Extents beyond what was asked are cut off: a server may know more than it was asked. */
function statusChunk(pending: Pending, chunk: Buffer, allocationContext: number | null): void {
  if (!pending.wantsStatus || chunk.length < 12 || chunk.length % 8 !== 4)
    throw new NbdProtocolError("a block status of an odd form");
  if (chunk.readUInt32BE(0) !== allocationContext) return;
  let leftBytes = pending.lengthBytes;
  for (let at = 4; at < chunk.length && leftBytes > 0; at += 8) {
    const lengthBytes = Math.min(leftBytes, chunk.readUInt32BE(at));
    if (lengthBytes === 0) throw new NbdProtocolError("an extent of no length");
    pending.extents.push({ lengthBytes, zero: (chunk.readUInt32BE(at + 4) & STATE_ZERO) !== 0 });
    leftBytes -= lengthBytes;
  }
}

function errorChunk(pending: Pending, chunk: Buffer): void {
  if (chunk.length < 6) throw new NbdProtocolError("an error of an odd form");
  const errno = chunk.readUInt32BE(0);
  const words = chunk.toString("utf8", 6, 6 + chunk.readUInt16BE(4));
  pending.failure ??= new NbdRefusal(`error ${errno}${words === "" ? "" : ` (${words})`}`, errno);
}

function* bytes(lengthBytes: number): Generator<Buffer, Buffer, void> {
  if (lengthBytes > MAX_WORDS_BYTES) throw new NbdProtocolError(`${lengthBytes} bytes where a few belong`);
  const buffer = Buffer.alloc(lengthBytes);
  if (lengthBytes > 0) yield buffer;
  return buffer;
}

function count(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value);
  return buffer;
}
