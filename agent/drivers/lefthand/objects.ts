import { type CallContext, DriverError } from "../driver.ts";
import type { CliqSnapshot, CliqVolume } from "./answer.ts";
import type { Cliq } from "./cliq.ts";
import { type Mark, parseMark } from "./mark.ts";

/** Something that stands on the array under a name of ours and bears our mark. */
export interface Ours<T> {
  readonly told: T;
  readonly mark: Mark;
  readonly sizeBytes: number;
}

export class NotOurs extends DriverError {
  constructor(name: string) {
    super("not-done", `${name} is there and bears no mark of ours`);
  }
}

/** null: it is not there, or about to be gone. Throws `NotOurs` for what is there and bears no mark of ours. */
export async function findVolume(cliq: Cliq, context: CallContext, name: string): Promise<Ours<CliqVolume> | null> {
  return ours(name, await cliq.volume(context, name));
}

export async function findSnapshot(cliq: Cliq, context: CallContext, name: string): Promise<Ours<CliqSnapshot> | null> {
  return ours(name, await cliq.snapshot(context, name));
}

/** What stands under its name and is somebody else's is left alone: ours is gone. */
export async function unlessForeign<T>(found: Promise<T | null>): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof NotOurs) return null;
    throw error;
  }
}

/** Throws `not-done` when it is not there, too. */
export async function volumeThere(cliq: Cliq, context: CallContext, name: string): Promise<Ours<CliqVolume>> {
  return there(name, await findVolume(cliq, context, name));
}

export async function snapshotThere(cliq: Cliq, context: CallContext, name: string): Promise<Ours<CliqSnapshot>> {
  return there(name, await findSnapshot(cliq, context, name));
}

function ours<T extends CliqVolume | CliqSnapshot>(name: string, told: T | null): Ours<T> | null {
  if (told === null || isLeaving(told)) return null;
  const mark = parseMark(told.description ?? "");
  if (mark === null) throw new NotOurs(name);
  return { told, mark, sizeBytes: Number(told.size) };
}

function there<T>(name: string, found: Ours<T> | null): Ours<T> {
  if (found === null) throw new DriverError("not-done", `${name} is not there`);
  return found;
}

/** It still answers for a while after it was deleted. */
export function isLeaving({ deleting }: Pick<CliqVolume, "deleting">): boolean {
  return deleting === "true";
}

/** The number that volumes and snapshots of a group share, and that is never given twice. null: it is not told. */
export function serialOf({ serialNumber = "" }: Pick<CliqVolume, "serialNumber">): bigint | null {
  const digits = /^[0-9a-fA-F]{32}([0-9a-fA-F]{16})$/.exec(serialNumber)?.[1];
  return digits === undefined ? null : BigInt(`0x${digits}`);
}

/** Whole megabytes where it is such, for people read it as well. */
export function sizeWord(sizeBytes: number): string {
  const kilobytes = Math.ceil(sizeBytes / 1024);
  if (kilobytes % 1024 ** 2 === 0) return `${kilobytes / 1024 ** 2}GB`;
  return kilobytes % 1024 === 0 ? `${kilobytes / 1024}MB` : `${kilobytes}KB`;
}
