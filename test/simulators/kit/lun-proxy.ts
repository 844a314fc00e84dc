import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { LOOPBACK, portOf } from "./ports.ts";

const HEADER_BYTES = 48;
const LUN_OFFSET = 8;
/** The commands of initiators whose header names a logical unit: SCSI command, task management, data-out. */
const WITH_LUN_OUT = new Set([0x01, 0x02, 0x05]);

/**
 * The portal in front of tgtd. tgt keeps a controller of its own at LUN 0, where storage systems have their first disk;
 * so initiators' LUN n is tgt's n + 1. Only requests name it in a way that initiators look at: answers pass as they are.
 */
export class LunProxy implements AsyncDisposable {
  readonly portal: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.portal = `${LOOPBACK}:${portOf(server)}`;
  }

  static behind(lun: number): number {
    return lun + 1;
  }

  static async listen(port: number, tgtPort: number): Promise<LunProxy> {
    const server = createServer();
    server.listen(port, LOOPBACK);
    await once(server, "listening");
    const proxy = new LunProxy(server);
    server.on("connection", (socket) => proxy.#join(socket, tgtPort));
    return proxy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(initiator: Socket, tgtPort: number): void {
    const target = connect(tgtPort, LOOPBACK);
    const shift = new LunShift();
    for (const [one, other] of [
      [initiator, target],
      [target, initiator],
    ] as const) {
      this.#sockets.add(one);
      one.setNoDelay(true);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
    initiator.on("data", (chunk: Buffer) => passOn(initiator, target, shift.push(chunk)));
    target.on("data", (chunk: Buffer) => passOn(target, initiator, chunk));
    initiator.on("end", () => target.end());
    target.on("end", () => initiator.end());
  }
}

function passOn(from: Socket, to: Socket, bytes: Buffer): void {
  if (bytes.length === 0 || to.write(bytes)) return;
  from.pause();
  to.once("drain", () => from.resume());
}

/** Walks the initiator's stream from header to header and raises the LUN in each. Digests are off, as initiators have it. */
export class LunShift {
  #header = Buffer.alloc(0);
  /** Of the data behind the last header. */
  #leftBytes = 0;

  push(chunk: Buffer): Buffer {
    const out: Buffer[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#leftBytes > 0) {
        const passed = Math.min(this.#leftBytes, chunk.length - at);
        out.push(chunk.subarray(at, at + passed));
        this.#leftBytes -= passed;
        at += passed;
        continue;
      }
      const taken = Math.min(HEADER_BYTES - this.#header.length, chunk.length - at);
      this.#header = Buffer.concat([this.#header, chunk.subarray(at, at + taken)]);
      at += taken;
      if (this.#header.length < HEADER_BYTES) break;
      out.push(raised(this.#header));
      this.#leftBytes = (this.#header[4] ?? 0) * 4 + padded(this.#header.readUIntBE(5, 3));
      this.#header = Buffer.alloc(0);
    }
    return Buffer.concat(out);
  }
}

/** Flat addressing of one level: the number stands in the second byte, with 6 more bits in the first. */
function raised(header: Buffer): Buffer {
  if (!WITH_LUN_OUT.has((header[0] ?? 0) & 0x3f)) return header;
  const changed = Buffer.from(header);
  const lun = LunProxy.behind(changed.readUInt16BE(LUN_OFFSET) & 0x3fff);
  changed.writeUInt16BE((changed.readUInt16BE(LUN_OFFSET) & 0xc000) | lun, LUN_OFFSET);
  return changed;
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
