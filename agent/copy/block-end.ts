/** A stretch of an image, from where the one before it ends. */
export interface Extent {
  readonly lengthBytes: number;
  /** It reads as zeros, and need not be read to know. */
  readonly zero: boolean;
}

/** One end of a copy, open: a volume's bytes, wherever they are. Requests may be many at once. */
export interface BlockEnd extends AsyncDisposable {
  readonly sizeBytes: number;
  /** Does it keep what is written to it? A backend that moves no bytes does not. */
  readonly keeps: boolean;
  read(into: Buffer, offset: number): Promise<void>;
  write(data: Buffer, offset: number): Promise<void>;
  /** Gives the space back where the storage can. */
  writeZeroes(offset: number, lengthBytes: number): Promise<void>;
  /** What was written before has reached the storage. */
  flush(): Promise<void>;
  /** From `offset` on, in order: at least one extent, and not always all that was asked. */
  extents(offset: number, lengthBytes: number): Promise<Extent[]>;
}

/** Of a backend that moves no bytes: all zeros, whatever is written. */
export function emptyEnd(sizeBytes: number): BlockEnd {
  return {
    sizeBytes,
    keeps: false,
    read: async (into) => void into.fill(0),
    async write() {},
    async writeZeroes() {},
    async flush() {},
    extents: async (_offset, lengthBytes) => [{ lengthBytes, zero: true }],
    async [Symbol.asyncDispose]() {},
  };
}
