import { createHash } from "node:crypto";

/**
 * What initiators see a volume as, derived from its id. tgt makes the WWN (NAA 6) of the last 32 hexadecimal digits of
 * the SCSI id and puts a 6 over the first of them. A UUID's version digit is the same in all: put first, it is what is
 * lost, and two ids can never give one WWN.
 */
export function scsiIdOf(volumeId: string): string {
  const digits = volumeId.replaceAll("-", "");
  return `${digits[12]}${digits.slice(0, 12)}${digits.slice(13)}`;
}

export function serialOf(volumeId: string): string {
  return volumeId.replaceAll("-", "");
}

const TID_BITS = 28;

/**
 * The number under which tgt keeps a target is the caller's choice, and several agents of a host choose: each starts at
 * a number hashed from the IQN, so that they seldom meet. 28 bits, because tgt puts the number into a second, local WWN
 * (NAA 3) where more would spoil its type; and never 0.
 */
export function freeTid(iqn: string, taken: ReadonlySet<number>): number {
  const limit = 2 ** TID_BITS;
  let tid = createHash("sha256").update(iqn).digest().readUInt32BE(0) % limit;
  while (tid === 0 || taken.has(tid)) tid = (tid + 1) % limit;
  return tid;
}
