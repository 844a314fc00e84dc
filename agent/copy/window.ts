import type { BlockEnd } from "./block-end.ts";

/**
 * What is copied, flushed, read back and compared as one. Two are in hand at a time: while one is read back the next is
 * copied. Their bytes are kept for comparing, so that memory is bounded by twice this, whatever the size of the volume.
 */
export const WINDOW_BYTES = 32 * 1024 ** 2;
/** Of one request. */
export const PIECE_BYTES = 1024 ** 2;
/** Zeros that are stored as data become a hole in stretches of this. */
const GRANULE_BYTES = 64 * 1024;
const ZEROS = Buffer.alloc(PIECE_BYTES);

/** From `offset` on in the volume. */
export interface Stretch {
  readonly offset: number;
  readonly lengthBytes: number;
}

/** A part of the volume: what of it was copied, and what of it is zeros. */
export interface Window extends Stretch {
  /** The source's bytes, each at its place; only where there are data. */
  readonly bytes: Buffer;
  readonly data: Stretch[];
  readonly zeros: Stretch[];
}

/** All of an end's stretch by what it says of holes. */
export async function extentsOf(end: BlockEnd, { offset, lengthBytes }: Stretch) {
  const data: Stretch[] = [];
  const zeros: Stretch[] = [];
  for (let at = offset; at < offset + lengthBytes; ) {
    for (const extent of await end.extents(at, offset + lengthBytes - at)) {
      (extent.zero ? zeros : data).push({ offset: at, lengthBytes: extent.lengthBytes });
      at += extent.lengthBytes;
    }
  }
  return { data, zeros };
}

/** Cut into what one request carries. */
export function piecesOf(stretches: readonly Stretch[]): Stretch[] {
  return stretches.flatMap(({ offset, lengthBytes }) =>
    Array.from({ length: Math.ceil(lengthBytes / PIECE_BYTES) }, (_, n) => ({
      offset: offset + n * PIECE_BYTES,
      lengthBytes: Math.min(PIECE_BYTES, lengthBytes - n * PIECE_BYTES),
    })),
  );
}

/** Which parts of a piece that was read are zeros after all. */
export function splitZeros(piece: Stretch, bytes: Buffer): { readonly data: Stretch[]; readonly zeros: Stretch[] } {
  const data: Stretch[] = [];
  const zeros: Stretch[] = [];
  for (let at = 0; at < piece.lengthBytes; at += GRANULE_BYTES) {
    const granule = bytes.subarray(at, at + GRANULE_BYTES);
    const found = { offset: piece.offset + at, lengthBytes: granule.length };
    addStretch(isZero(granule) ? zeros : data, found);
  }
  return { data, zeros };
}

export function isZero(bytes: Buffer): boolean {
  return bytes.equals(ZEROS.subarray(0, bytes.length));
}

/** Joined where they touch. */
export function joined(stretches: readonly Stretch[]): Stretch[] {
  const all: Stretch[] = [];
  for (const stretch of stretches.toSorted((one, other) => one.offset - other.offset)) addStretch(all, stretch);
  return all;
}

function addStretch(to: Stretch[], next: Stretch): void {
  const last = to.at(-1);
  if (last !== undefined && last.offset + last.lengthBytes === next.offset)
    to[to.length - 1] = { offset: last.offset, lengthBytes: last.lengthBytes + next.lengthBytes };
  else to.push(next);
}
