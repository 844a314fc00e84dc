import { Socket } from "node:net";
import type { Extent } from "../block-end.ts";
import { type ExportFacts, type Hearing, hear } from "./conversation.ts";
import { Requests } from "./requests.ts";
import { COMMAND, requestFrame } from "./wire.ts";

const RECEIVE_BYTES = 256 * 1024;
const CLOSE_MS = 5_000;

/**
 * One connection to an NBD server on a Unix socket. Requests may be many at once and are answered in any order; how many
 * is its user's to bound. When the connection fails, all that is in flight and all that comes later fails with it.
 */
export class NbdClient {
  readonly #socket: Socket;
  readonly #requests = new Requests();
  readonly #ready = Promise.withResolvers<ExportFacts>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #hearing: Hearing;
  #wanted: Buffer | null = null;
  #filledBytes = 0;
  #failure: Error | null = null;
  #leaving = false;
  #allocation = false;

  private constructor(path: string, exportName: string) {
    const receive = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
    // Bytes go from one buffer to where they are wanted: Node's own streams would make a new one for each piece.
    this.#socket = new Socket({
      onread: { buffer: receive, callback: (size) => this.#take(receive.subarray(0, size)) },
    });
    this.#ready.promise.catch(() => undefined);
    const send = (frame: Buffer): void => void this.#socket.write(frame);
    this.#hearing = hear(exportName, this.#requests, send, (facts) => {
      this.#allocation = facts.allocationContext !== null;
      this.#ready.resolve(facts);
    });
    this.#want();
    this.#socket.on("error", (error) => this.destroy(error));
    this.#socket.on("close", () => {
      this.destroy(new Error("the NBD server closed the connection"));
      this.#ended.resolve();
    });
    this.#socket.connect(path);
  }

  /** Rejects when nobody listens there, or who listens does not speak NBD. */
  static async connect(path: string, exportName: string): Promise<{ client: NbdClient; facts: ExportFacts }> {
    const client = new NbdClient(path, exportName);
    return { client, facts: await client.#ready.promise };
  }

  async read(into: Buffer, offset: number): Promise<void> {
    await this.#ask(COMMAND.read, offset, into.length, { into });
  }

  async write(data: Buffer, offset: number): Promise<void> {
    await this.#ask(COMMAND.write, offset, data.length, { data });
  }

  async writeZeroes(offset: number, lengthBytes: number): Promise<void> {
    await this.#ask(COMMAND.writeZeroes, offset, lengthBytes);
  }

  async flush(): Promise<void> {
    await this.#ask(COMMAND.flush, 0, 0);
  }

  /** What reads as zeros from `offset` on: at least one extent, and not always all that was asked. */
  async blockStatus(offset: number, lengthBytes: number): Promise<Extent[]> {
    if (!this.#allocation) return [{ lengthBytes, zero: false }];
    return await this.#ask(COMMAND.blockStatus, offset, lengthBytes, { wantsStatus: true });
  }

  /** Says good-bye, so that the server ends its work in order. */
  async close(): Promise<void> {
    if (this.#failure === null && !this.#leaving) {
      this.#leaving = true;
      this.#socket.end(requestFrame({ command: COMMAND.disconnect, cookie: 0, offset: 0, lengthBytes: 0 }));
    }
    const timer = setTimeout(() => this.destroy(new Error("the NBD server does not end the connection")), CLOSE_MS);
    await this.#ended.promise;
    clearTimeout(timer);
  }

  destroy(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#ready.reject(error);
    this.#requests.failAll(error);
    this.#socket.destroy();
  }

  #ask(
    command: number,
    offset: number,
    lengthBytes: number,
    { into, data, wantsStatus = false }: { into?: Buffer; data?: Buffer; wantsStatus?: boolean } = {},
  ): Promise<Extent[]> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) {
        reject(this.#failure);
        return;
      }
      const pending = {
        offset,
        lengthBytes,
        into: into ?? null,
        wantsStatus,
        receivedBytes: 0,
        extents: [],
        failure: null,
      };
      const cookie = this.#requests.add({ ...pending, resolve, reject });
      const frame = requestFrame({ command, cookie, offset, lengthBytes });
      if (data === undefined) {
        this.#socket.write(frame);
        return;
      }
      this.#socket.cork();
      this.#socket.write(frame);
      this.#socket.write(data);
      this.#socket.uncork();
    });
  }

  #take(heard: Buffer): boolean {
    try {
      for (let at = 0; at < heard.length && this.#wanted !== null; ) {
        const piece = Math.min(heard.length - at, this.#wanted.length - this.#filledBytes);
        heard.copy(this.#wanted, this.#filledBytes, at, at + piece);
        at += piece;
        this.#filledBytes += piece;
        if (this.#filledBytes === this.#wanted.length) this.#want();
      }
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error(String(error)));
    }
    return true;
  }

  #want(): void {
    do {
      const { value } = this.#hearing.next();
      this.#wanted = value ?? null;
      this.#filledBytes = 0;
    } while (this.#wanted?.length === 0);
  }
}
