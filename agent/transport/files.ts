import { constants, existsSync, fstatSync, lstatSync, rmSync, type Stats, writeSync } from "node:fs";
import { chmod, copyFile, link, lstat, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { CallContext } from "../drivers/driver.ts";
import { assertMayChange } from "./changing.ts";

/**
 * File operations of this host for drivers. Each that changes something asks for the lease first; "durable" ones have
 * reached the disk when they return. Errors are Node's own, with their codes.
 */

/** The file's facts, or null when there is none. */
export async function statOrNull(path: string): Promise<Stats | null> {
  return await orNull(stat(path));
}

/** Of a symbolic link: its own facts. */
export async function linkStatOrNull(path: string): Promise<Stats | null> {
  return await orNull(lstat(path));
}

export async function readTextOrNull(path: string): Promise<string | null> {
  return await orNull(readFile(path, "utf8"));
}

export async function makeFolder(context: CallContext, path: string): Promise<void> {
  assertMayChange(context);
  await mkdir(path, { recursive: true, mode: 0o700 });
}

/** Readers see the old text or the new one, after a crash as well. `temporary` is in the same folder. */
export async function replaceText(context: CallContext, path: string, temporary: string, text: string): Promise<void> {
  assertMayChange(context);
  await using handle = await open(temporary, "w", 0o600);
  await handle.writeFile(text);
  await handle.sync();
  await renameDurable(context, temporary, path);
}

export async function renameDurable(context: CallContext, from: string, to: string): Promise<void> {
  assertMayChange(context);
  await rename(from, to);
  await syncFolder(dirname(to));
}

/** One more name for a file; unlike a rename it never takes the place of another. */
export async function linkDurable(context: CallContext, from: string, to: string): Promise<void> {
  assertMayChange(context);
  await link(from, to);
  await syncFolder(dirname(to));
}

/** One file, never a folder. Missing is as good as removed; true when it was there. */
export async function removeFile(context: CallContext, path: string): Promise<boolean> {
  assertMayChange(context);
  return (await orNull(rm(path).then(() => true))) ?? false;
}

/**
 * A small file, in the same breath as the lease is asked for. The other calls wait in a queue first: an agent that is
 * paused meanwhile makes them when it wakes, and what has this name may be another's by then.
 */
export function removeNow(context: CallContext, path: string): void {
  assertMayChange(context);
  rmSync(path, { force: true });
}

/** In the same breath; never the only name that a file has. False: it is that. */
export function removeSecondNameNow(context: CallContext, path: string): boolean {
  assertMayChange(context);
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.nlink === 1) return false;
  rmSync(path, { force: true });
  return true;
}

/** In the same breath as what follows. */
export function fileIsThere(path: string): boolean {
  return existsSync(path);
}

/** Of a name that nobody else has: for that no lease is needed, and none is asked. */
export async function discardFile(path: string): Promise<void> {
  await rm(path, { force: true });
}

/** A new file of zeros that takes no space. */
export async function createSparse(context: CallContext, path: string, sizeBytes: number): Promise<void> {
  assertMayChange(context);
  await using handle = await open(path, "w", 0o600);
  await handle.truncate(sizeBytes);
}

export async function setMode(context: CallContext, path: string, mode: number): Promise<void> {
  assertMayChange(context);
  await chmod(path, mode);
}

/** A few bytes to the end of a file that is `sizeBytes` long, in the same breath as the lease is asked for (`removeNow`). */
export async function appendNow(
  context: CallContext,
  path: string,
  sizeBytes: number,
  data: Uint8Array,
): Promise<void> {
  assertMayChange(context);
  await using handle = await open(path, "r+");
  assertMayChange(context);
  if (fstatSync(handle.fd).size !== sizeBytes) throw new Error(`${path} is no longer ${sizeBytes} bytes long`);
  writeSync(handle.fd, data, 0, data.length, sizeBytes);
}

export async function readTail(path: string, sizeBytes: number): Promise<Buffer> {
  await using handle = await open(path, "r");
  const { size } = await handle.stat();
  const tail = Buffer.alloc(sizeBytes);
  await handle.read(tail, 0, sizeBytes, size - sizeBytes);
  return tail;
}

/** A copy that shares its blocks with the original, made in one step. Fails where the file system has no such thing. */
export async function reflink(context: CallContext, from: string, to: string): Promise<void> {
  assertMayChange(context);
  await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE);
}

/** What a program made with its own idea of permissions becomes ours alone, and reaches the disk. */
export async function settleFile(context: CallContext, path: string): Promise<void> {
  assertMayChange(context);
  await using handle = await open(path, "r+");
  await handle.chmod(0o600);
  await handle.sync();
}

export async function syncFolder(path: string): Promise<void> {
  await using handle = await open(path, "r");
  await handle.sync();
}

export function errorCode(thrown: unknown): string | null {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : null;
}

async function orNull<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}
