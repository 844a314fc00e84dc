/** Sizes are GiB in APIs, as the field does, and bytes as integers inside. */
export const BYTES_PER_GIB = 1024 ** 3;

export const BYTES_PER_MIB = 1024 ** 2;

/** The largest volume that can be asked for: 1 PiB, so that sums of 8,000 of them are still exact integers. */
export const MAX_VOLUME_GIB = 1024 ** 2;

export function gibToBytes(gib: number): number {
  return Math.round(gib * BYTES_PER_GIB);
}

export function bytesToGib(bytes: number): number {
  return bytes / BYTES_PER_GIB;
}

/** GiB with at most two decimals, for people: `12.5 GiB`. */
export function formatGib(bytes: number): string {
  return `${Math.round(bytesToGib(bytes) * 100) / 100} GiB`;
}

/** A file's size for people: `0.4 MiB`, `120 MiB`. */
export function formatMib(bytes: number): string {
  const mib = bytes / 1024 ** 2;
  return `${mib < 10 ? Math.round(mib * 10) / 10 : Math.round(mib)} MiB`;
}

/** A duration for people: `850 ms`, `12 s`, `3 min`, `2.1 h`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 360_000) / 10} h`;
}
