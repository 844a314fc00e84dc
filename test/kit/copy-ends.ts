import { randomBytes } from "node:crypto";
import { open, stat } from "node:fs/promises";
import type { BlockEnd } from "#agent/copy/block-end.ts";
import { NbdClient } from "#agent/copy/nbd/client.ts";
import { nbdEnd } from "#agent/copy/nbd-end.ts";
import { openEnd } from "#agent/copy/open-end.ts";
import type { CallContext } from "#agent/drivers/driver.ts";
import { findProgram } from "#shared/die-with-parent.ts";
import type { BlockAddress, FileAddress } from "#shared/model/block-address.ts";
import { SealingKey } from "#shared/sealed.ts";

export const TEST_KEY = new SealingKey(Buffer.alloc(32, 7));

/** Why tests of copying cannot run here, or null. */
export function qemuNbdMissing(): string | null {
  const missing = ["qemu-nbd", "qemu-img", "qemu-io"].filter((program) => findProgram(program) === null);
  if (missing.length === 0) return null;
  const reason = `not installed: ${missing.join(", ")} (sh deploy/install-packages.sh --with-tests installs them)`;
  console.warn(`skipped: ${reason}`);
  return reason;
}

export function rawFile(path: string): FileAddress {
  return { kind: "file", path, format: "raw" };
}

export async function openAddress(context: CallContext, address: BlockAddress, writable: boolean): Promise<BlockEnd> {
  return await openEnd(context, { address, sizeBytes: 0, writable, sealingKey: TEST_KEY });
}

/** The end behind a server that stands already (`nbd-double.ts`). */
export async function endAt(path: string): Promise<BlockEnd> {
  const { client, facts } = await NbdClient.connect(path, "export");
  return await nbdEnd({ client, facts, [Symbol.asyncDispose]: () => client.close() }, true);
}

/** A sparse file with these stretches of random bytes (or of zeros that are stored as data). */
export async function makeImage(
  path: string,
  sizeBytes: number,
  stretches: readonly { readonly offset: number; readonly lengthBytes: number; readonly zero?: boolean }[] = [],
): Promise<void> {
  await using file = await open(path, "w");
  await file.truncate(sizeBytes);
  for (const { offset, lengthBytes, zero = false } of stretches) {
    const length = Math.min(lengthBytes, sizeBytes - offset);
    if (length > 0) await file.write(zero ? Buffer.alloc(length) : randomBytes(length), 0, length, offset);
  }
  await file.sync();
}

/** What the file takes on disk. */
export async function allocatedBytes(path: string): Promise<number> {
  return (await stat(path)).blocks * 512;
}
