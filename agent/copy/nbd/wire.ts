/** The NBD protocol's numbers and frames, as far as this client speaks it: fixed newstyle, structured replies, `base:allocation`. */

export const GREETING_BYTES = 18;
const GREETING_MAGIC = 0x4e42444d41474943n; // NBDMAGIC
const OPTION_MAGIC = 0x49484156454f5054n; // IHAVEOPT
const OPTION_REPLY_MAGIC = 0x3e889045565a9n;
const REQUEST_MAGIC = 0x25609513;
export const SIMPLE_REPLY_MAGIC = 0x67446698;
export const STRUCTURED_REPLY_MAGIC = 0x668e33ef;

const FIXED_NEWSTYLE = 1;
const NO_ZEROES = 2;

export const OPTION = { go: 7, structuredReply: 8, setMetaContext: 10 } as const;
export const OPTION_REPLY = { ack: 1, info: 3, metaContext: 4, error: 0x80000000 } as const;
export const INFO_EXPORT = 0;
export const COMMAND = { read: 0, write: 1, disconnect: 2, flush: 3, writeZeroes: 6, blockStatus: 7 } as const;
export const CHUNK = { none: 0, data: 1, hole: 2, blockStatus: 5, error: 0x8000 } as const;
export const CHUNK_DONE = 1;
/** The allocation context's bit for "reads as zeros". Its other bit, "not allocated", says nothing of what is read. */
export const STATE_ZERO = 2;
export const EXPORT_READ_ONLY = 2;
export const ERRNO_NO_SPACE = 28;

/** What a server says that no server should: nothing it says after that can be understood. */
export class NbdProtocolError extends Error {
  constructor(what: string) {
    super(`the NBD server's answer cannot be understood: ${what}`);
    this.name = "NbdProtocolError";
  }
}

/** Checks the server's greeting, and gives our answer to it. */
export function answerGreeting(greeting: Buffer): Buffer {
  if (greeting.readBigUInt64BE(0) !== GREETING_MAGIC || greeting.readBigUInt64BE(8) !== OPTION_MAGIC)
    throw new NbdProtocolError("its greeting is not NBD's");
  if ((greeting.readUInt16BE(16) & FIXED_NEWSTYLE) === 0)
    throw new NbdProtocolError("it is too old (no fixed newstyle)");
  const answer = Buffer.alloc(4);
  answer.writeUInt32BE(FIXED_NEWSTYLE | NO_ZEROES);
  return answer;
}

export function optionFrame(option: number, data: Buffer): Buffer {
  const head = Buffer.alloc(16);
  head.writeBigUInt64BE(OPTION_MAGIC, 0);
  head.writeUInt32BE(option, 8);
  head.writeUInt32BE(data.length, 12);
  return Buffer.concat([head, data]);
}

export const OPTION_REPLY_BYTES = 20;

export function readOptionReply(head: Buffer, option: number): { readonly type: number; readonly lengthBytes: number } {
  if (head.readBigUInt64BE(0) !== OPTION_REPLY_MAGIC) throw new NbdProtocolError("an option's reply has no magic");
  if (head.readUInt32BE(8) !== option) throw new NbdProtocolError("a reply to an option that was not asked");
  return { type: head.readUInt32BE(12), lengthBytes: head.readUInt32BE(16) };
}

/** Length and text, as options carry names. */
export function counted(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

export interface RequestHead {
  readonly command: number;
  readonly cookie: number;
  readonly offset: number;
  readonly lengthBytes: number;
}

export function requestFrame({ command, cookie, offset, lengthBytes }: RequestHead): Buffer {
  const frame = Buffer.alloc(28);
  frame.writeUInt32BE(REQUEST_MAGIC, 0);
  frame.writeUInt16BE(command, 6);
  frame.writeBigUInt64BE(BigInt(cookie), 8);
  frame.writeBigUInt64BE(BigInt(offset), 16);
  frame.writeUInt32BE(lengthBytes, 24);
  return frame;
}
