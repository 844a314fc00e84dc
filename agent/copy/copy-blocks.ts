import { crashPoint } from "#shared/crash-point.ts";
import { inParallel } from "#shared/parallel.ts";
import { withinDeadline } from "../deadline.ts";
import { type CallContext, DriverError } from "../drivers/driver.ts";
import { abortedError, assertMayChange, assertNotAborted } from "../transport/changing.ts";
import { Bandwidth, type Clock } from "./bandwidth.ts";
import type { BlockEnd } from "./block-end.ts";
import {
  extentsOf,
  isZero,
  joined,
  PIECE_BYTES,
  piecesOf,
  type Stretch,
  splitZeros,
  WINDOW_BYTES,
  type Window,
} from "./window.ts";

/** Requests under way at each end, of copying and of reading back each. */
const IN_FLIGHT = 8;

export interface CopyStep {
  /** How far it is, read-back or not. */
  readonly doneBytes: number;
  /** Up to here the target holds what the source does, compared and flushed: where another try may begin. */
  readonly checkpointBytes: number;
}

export interface CopyOptions {
  readonly source: BlockEnd;
  readonly target: BlockEnd;
  readonly sizeBytes: number;
  readonly resumeFromBytes: number;
  /** The target is zeros but for what earlier tries of this copy wrote: holes need no writing. */
  readonly targetIsFresh: boolean;
  /** Of copied bytes; what is a hole or read back does not count. null: as fast as it goes. */
  readonly bandwidthLimitBytesPerS: number | null;
  readonly clock?: Clock;
  readonly onProgress: (step: CopyStep) => void;
}

export interface Copied {
  readonly copiedBytes: number;
  readonly zeroBytes: number;
}

/**
 * Copies one end to the other, window by window. All that was written is flushed, read back and compared byte by byte
 * with what was read from the source: that is more than a checksum tells, and costs a twentieth of SHA-256.
 * Holes stay holes. Ends with the call's signal, and asks for the lease before each write.
 */
export async function copyBlocks(context: CallContext, options: CopyOptions): Promise<Copied> {
  return await withinDeadline(new Copy(context, options).run(), context.signal, abortedError);
}

class Copy {
  readonly #context: CallContext;
  readonly #options: CopyOptions;
  readonly #bandwidth: Bandwidth | null;
  /** Room for the bytes of windows and of what is read back, used again and again. */
  readonly #windowBuffers: Buffer[] = [];
  readonly #pieceBuffers: Buffer[] = [];
  #doneBytes: number;
  #checkpointBytes: number;
  #copiedBytes = 0;

  constructor(context: CallContext, options: CopyOptions) {
    this.#context = context;
    this.#options = options;
    const { bandwidthLimitBytesPerS: limit, clock, resumeFromBytes } = options;
    this.#bandwidth = limit === null ? null : new Bandwidth(limit, clock);
    this.#doneBytes = resumeFromBytes;
    this.#checkpointBytes = resumeFromBytes;
  }

  async run(): Promise<Copied> {
    const { source, target, sizeBytes, resumeFromBytes } = this.#options;
    assertFits("source", source, sizeBytes);
    assertFits("target", target, sizeBytes);
    let settling = Promise.resolve();
    for (let offset = resumeFromBytes; offset < sizeBytes && target.keeps; offset += WINDOW_BYTES) {
      const window = await this.#copyWindow({ offset, lengthBytes: Math.min(WINDOW_BYTES, sizeBytes - offset) });
      await settling;
      settling = this.#settle(window);
      // Awaited after the next window; should that fail first, its error is the one to tell.
      settling.catch(() => undefined);
    }
    await settling;
    this.#tell(sizeBytes - this.#doneBytes, sizeBytes);
    return { copiedBytes: this.#copiedBytes, zeroBytes: sizeBytes - resumeFromBytes - this.#copiedBytes };
  }

  async #copyWindow(stretch: Stretch): Promise<Window> {
    const { source, target, targetIsFresh } = this.#options;
    assertNotAborted(this.#context);
    const bytes = this.#windowBuffers.pop() ?? Buffer.allocUnsafeSlow(WINDOW_BYTES);
    const found = await extentsOf(source, stretch);
    const window: Window = { ...stretch, bytes, data: [], zeros: found.zeros };
    this.#tell(sum(found.zeros));
    await inParallel(piecesOf(found.data), IN_FLIGHT, (piece) => this.#copyPiece(window, piece));
    if (!targetIsFresh) await this.#clear(target, window.zeros);
    return window;
  }

  async #copyPiece(window: Window, piece: Stretch): Promise<void> {
    const { source, target } = this.#options;
    await this.#bandwidth?.take(piece.lengthBytes, this.#context.signal);
    const bytes = bytesOf(window, piece);
    await source.read(bytes, piece.offset);
    const { data, zeros } = splitZeros(piece, bytes);
    window.zeros.push(...zeros);
    for (const stretch of data) {
      assertMayChange(this.#context);
      await target.write(bytesOf(window, stretch), stretch.offset);
      window.data.push(stretch);
    }
    this.#copiedBytes += sum(data);
    this.#tell(piece.lengthBytes);
  }

  /** Where the target is not zeros, and should be. */
  async #clear(target: BlockEnd, zeros: readonly Stretch[]): Promise<void> {
    for (const stretch of joined(zeros)) {
      const { data } = await extentsOf(target, stretch);
      await inParallel(joined(data), IN_FLIGHT, async ({ offset, lengthBytes }) => {
        assertMayChange(this.#context);
        await target.writeZeroes(offset, lengthBytes);
      });
    }
  }

  async #settle(window: Window): Promise<void> {
    const { target } = this.#options;
    assertMayChange(this.#context);
    await target.flush();
    await inParallel(piecesOf(window.data), IN_FLIGHT, (piece) =>
      this.#readBack(piece, (bytes) => bytes.equals(bytesOf(window, piece))),
    );
    for (const stretch of joined(window.zeros)) {
      const { data } = await extentsOf(target, stretch);
      await inParallel(piecesOf(data), IN_FLIGHT, (piece) => this.#readBack(piece, isZero));
    }
    this.#windowBuffers.push(window.bytes);
    crashPoint("window-copied");
    this.#tell(0, window.offset + window.lengthBytes);
  }

  async #readBack({ offset, lengthBytes }: Stretch, isRight: (bytes: Buffer) => boolean): Promise<void> {
    const buffer = this.#pieceBuffers.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
    const bytes = buffer.subarray(0, lengthBytes);
    await this.#options.target.read(bytes, offset);
    if (!isRight(bytes))
      throw new DriverError("not-done", `the target does not hold what was written to it, at byte ${offset} or after`);
    this.#pieceBuffers.push(buffer);
  }

  #tell(moreBytes: number, checkpointBytes = this.#checkpointBytes): void {
    this.#doneBytes += moreBytes;
    this.#checkpointBytes = checkpointBytes;
    this.#options.onProgress({ doneBytes: this.#doneBytes, checkpointBytes });
  }
}

function assertFits(what: string, end: BlockEnd, sizeBytes: number): void {
  if (end.sizeBytes < sizeBytes)
    throw new DriverError(
      "not-done",
      `the ${what} of the copy holds ${end.sizeBytes} bytes, and ${sizeBytes} are to be copied`,
    );
}

function bytesOf(window: Window, { offset, lengthBytes }: Stretch): Buffer {
  const start = offset - window.offset;
  return window.bytes.subarray(start, start + lengthBytes);
}

function sum(stretches: readonly Stretch[]): number {
  return stretches.reduce((total, { lengthBytes }) => total + lengthBytes, 0);
}
