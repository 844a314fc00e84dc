const UNITS = "BKMGTPEZ";

/** `1G`, `100M`, `1.5T`, `1073741824`: powers of 1024. null: no number. */
export function parseSize(text: string): number | null {
  const [, number, unit = "B"] = /^(\d+(?:\.\d+)?)([BKMGTPEZ])?(?:i?B)?$/i.exec(text) ?? [];
  if (number === undefined) return null;
  const bytes = Number(number) * 1024 ** UNITS.indexOf(unit.toUpperCase());
  return Number.isSafeInteger(Math.floor(bytes)) ? Math.floor(bytes) : null;
}

/** As the tools print for people: at most five characters, `1.03G`. */
export function readableSize(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const suffix = unit === 0 ? "" : UNITS.charAt(unit);
  if (Number.isInteger(value)) return `${value}${suffix}`;
  for (const digits of [2, 1]) {
    const text = `${value.toFixed(digits)}${suffix}`;
    if (text.length <= 5) return text;
  }
  return `${value.toFixed(0)}${suffix}`;
}

const INDIRECT_BLOCK_BYTES = 16 * 1024;
const POINTERS_PER_BLOCK = INDIRECT_BLOCK_BYTES / 128;
const OWN_BLOCKS = 7;
const METADATA_COPIES = 2;

/** What a volume that is not sparse reserves: its size and its block pointers, as if no pointer could be compressed. */
export function reservationFor(volsizeBytes: number, volblocksizeBytes: number): number {
  let level = volsizeBytes / volblocksizeBytes;
  let blocks = OWN_BLOCKS;
  while (level > 1) {
    level = Math.floor((level + POINTERS_PER_BLOCK - 1) / POINTERS_PER_BLOCK);
    blocks += level;
  }
  return volsizeBytes + blocks * METADATA_COPIES * INDIRECT_BLOCK_BYTES;
}
