import { constants, type Stats } from "node:fs";
import { open } from "node:fs/promises";
import type { ImageFormatName } from "./mark.ts";

/** An image that others made, read by what its format says of itself. Nothing in it is followed, run or believed beyond that. */
export interface ForeignImage {
  /** What a host would see of it; null: that cannot be told. */
  readonly sizeBytes: number | null;
  readonly whyNot: string | null;
}

const SECTOR = 512;
const MIB = 1024 ** 2;
const HEAD_BYTES = 512;

/**
 * A backend's images are all of its one format, so that format alone decides how an image is read. What an image's own
 * first bytes say is used to refuse it only: whoever wrote into a raw disk could have made them say anything.
 */
export async function readForeignImage(path: string, format: ImageFormatName, stats: Stats): Promise<ForeignImage> {
  const { head, tail } = await endsOf(path, stats);
  const looks = looksLike(head, tail);
  if (stats.size === 0) return refused("it is empty");
  switch (format) {
    case "raw":
      if (looks !== null) return refused(`it looks like ${looks}, and the backend's format is raw: convert it`);
      return stats.size % SECTOR === 0
        ? { sizeBytes: stats.size, whyNot: null }
        : refused(`its size of ${stats.size} bytes is no multiple of ${SECTOR}: it is no raw image`);
    case "qcow2":
      return looks === "qcow2" ? readQcow2(head) : mismatch("qcow2", looks);
    case "vhd":
      return looks === "vhd" ? readVhd(tail, stats.size) : mismatch("vhd", looks);
  }
}

async function endsOf(path: string, stats: Stats): Promise<{ readonly head: Buffer; readonly tail: Buffer }> {
  // Should it be another by now, a link is not followed and a pipe not waited for.
  await using handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const head = Buffer.alloc(HEAD_BYTES);
  const tail = Buffer.alloc(SECTOR);
  await handle.read(head, 0, head.length, 0);
  await handle.read(tail, 0, tail.length, Math.max(0, stats.size - tail.length));
  return { head, tail };
}

function looksLike(head: Buffer, tail: Buffer): string | null {
  const begins = (text: string): boolean => head.subarray(0, text.length).toString("latin1") === text;
  if (begins("QFI\xfb")) return "qcow2";
  if (begins("vhdxfile")) return "vhdx";
  if (begins("KDMV") || begins("# Disk DescriptorFile")) return "vmdk";
  if (head.readUInt32LE(0x40) === 0xbeda107f) return "vdi";
  return begins("conectix") || tail.subarray(0, 8).toString("latin1") === "conectix" ? "vhd" : null;
}

/** The header's own words: an image that leads to other files, or is not whole, is left alone. */
function readQcow2(head: Buffer): ForeignImage {
  const version = head.readUInt32BE(4);
  if (version !== 2 && version !== 3) return refused(`it is qcow2 of version ${version}`);
  if (head.readBigUInt64BE(8) !== 0n) return refused("it stands on a backing file: make it whole first");
  if (head.readUInt32BE(32) !== 0) return refused("it is encrypted by qcow2");
  if (head.readUInt32BE(60) !== 0) return refused("it holds snapshots of its own");
  const incompatible = version === 3 ? head.readBigUInt64BE(72) : 0n;
  if ((incompatible & 0b1n) !== 0n) return refused("it was not closed: check it with qemu-img first");
  if ((incompatible & 0b10n) !== 0n) return refused("it is marked as corrupt");
  if ((incompatible & 0b100n) !== 0n) return refused("its data are in another file");
  return sized(Number(head.readBigUInt64BE(24)), SECTOR);
}

const FIXED = 2;

function readVhd(footer: Buffer, fileBytes: number): ForeignImage {
  if (footer.subarray(0, 8).toString("latin1") !== "conectix") return refused("it has no footer");
  if (footer.readUInt32BE(60) !== FIXED) return refused("it is no fixed VHD");
  const sizeBytes = fileBytes - SECTOR;
  if (Number(footer.readBigUInt64BE(48)) !== sizeBytes) return refused("its footer tells another size than it has");
  return sized(sizeBytes, MIB);
}

function sized(sizeBytes: number, unit: number): ForeignImage {
  if (Number.isSafeInteger(sizeBytes) && sizeBytes > 0 && sizeBytes % unit === 0) return { sizeBytes, whyNot: null };
  return refused(`its size of ${sizeBytes} bytes is no multiple of ${unit}`);
}

function mismatch(format: ImageFormatName, looks: string | null): ForeignImage {
  return refused(
    `it ${looks === null ? "does not look" : `looks like ${looks} and not`} like ${format}, the backend's format: convert it`,
  );
}

function refused(whyNot: string): ForeignImage {
  return { sizeBytes: null, whyNot };
}
