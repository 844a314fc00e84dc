import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { temporaryFolder } from "./temporary-folder.ts";

/** What a server of this kind does that a right one would not. */
export interface NbdMisbehaviour {
  /** Sent in place of the greeting. */
  readonly greeting?: Buffer;
  /** What is kept of what was written. */
  readonly keep?: (data: Buffer, offset: number) => Buffer;
  /** In place of the answer to a read; null: it hangs up. */
  readonly answerRead?: (cookie: Buffer, offset: number, lengthBytes: number) => Buffer | null;
  /** In place of the answer to a block status. */
  readonly answerStatus?: (cookie: Buffer) => Buffer;
  /** In place of the answer to a write; null: none comes. */
  readonly answerWrite?: (cookie: Buffer) => Buffer | null;
}

export interface NbdDouble {
  readonly path: string;
  readonly image: Buffer;
  /** Reads and writes that were asked for, as [command, offset, length]. */
  readonly asked: [string, number, number][];
}

/** A small NBD server in this process on a Unix socket, right but for what it is told. It ends with the test. */
export async function startNbdDouble(sizeBytes: number, misbehaviour: NbdMisbehaviour = {}): Promise<NbdDouble> {
  const path = join(temporaryFolder(), "nbd");
  const image = Buffer.alloc(sizeBytes);
  const asked: NbdDouble["asked"] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    void talk(socket, image, asked, misbehaviour).catch(() => socket.destroy());
  });
  server.listen(path);
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { path, image, asked };
}

async function talk(socket: Socket, image: Buffer, asked: NbdDouble["asked"], how: NbdMisbehaviour): Promise<void> {
  const take = taker(socket);
  socket.write(how.greeting ?? Buffer.concat([Buffer.from("NBDMAGICIHAVEOPT"), u16(3)]));
  await take(4);
  for (let going = false; !going; ) {
    const head = await take(16);
    const option = head.readUInt32BE(8);
    const data = await take(head.readUInt32BE(12));
    const reply = (type: number, body = Buffer.alloc(0)): void =>
      void socket.write(Buffer.concat([hex("0003e889045565a9"), u32(option), u32(type), u32(body.length), body]));
    if (option === 10) reply(4, Buffer.concat([u32(1), data.subarray(-"base:allocation".length)]));
    if (option === 7) reply(3, Buffer.concat([u16(0), u64(image.length), u16(1)]));
    reply(1);
    going = option === 7;
  }
  for (;;) {
    const head = await take(28);
    const [command, offset, lengthBytes] = [
      head.readUInt16BE(6),
      Number(head.readBigUInt64BE(16)),
      head.readUInt32BE(24),
    ];
    const cookie = head.subarray(8, 16);
    if (command === 0) {
      asked.push(["read", offset, lengthBytes]);
      const data = Buffer.concat([u64(offset), image.subarray(offset, offset + lengthBytes)]);
      const answer =
        how.answerRead === undefined ? chunk(cookie, 1, data) : how.answerRead(cookie, offset, lengthBytes);
      if (answer === null) return void socket.destroy();
      socket.write(answer);
    } else if (command === 1) {
      asked.push(["write", offset, lengthBytes]);
      const data = await take(lengthBytes);
      (how.keep?.(data, offset) ?? data).copy(image, offset);
      const answer = how.answerWrite === undefined ? chunk(cookie, 0) : how.answerWrite(cookie);
      if (answer !== null) socket.write(answer);
    } else if (command === 7) {
      socket.write(how.answerStatus?.(cookie) ?? chunk(cookie, 5, Buffer.concat([u32(1), u32(lengthBytes), u32(0)])));
    } else if (command === 6) {
      image.fill(0, offset, offset + lengthBytes);
      socket.write(chunk(cookie, 0));
    } else if (command === 3) socket.write(chunk(cookie, 0));
    else return void socket.end();
  }
}

/** A structured reply's chunk, the last one of its answer. */
export function chunk(cookie: Buffer, type: number, data: Buffer = Buffer.alloc(0), lengthBytes = data.length): Buffer {
  return Buffer.concat([hex("668e33ef"), u16(1), u16(type), cookie, u32(lengthBytes), data]);
}

/** Takes so many bytes off a socket at a time. */
function taker(socket: Socket): (bytes: number) => Promise<Buffer> {
  let held = Buffer.alloc(0);
  let wake = (): void => undefined;
  socket.on("data", (data) => {
    held = Buffer.concat([held, Buffer.from(data)]);
    wake();
  });
  return async (bytes) => {
    while (held.length < bytes) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const taken = held.subarray(0, bytes);
    held = held.subarray(bytes);
    return taken;
  };
}

export function u16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16BE(value);
  return buffer;
}

export function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value);
  return buffer;
}

export function u64(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(BigInt(value));
  return buffer;
}

function hex(text: string): Buffer {
  return Buffer.from(text, "hex");
}
