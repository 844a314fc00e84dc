import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { BerthError } from "#shared/errors.ts";
import { CATALOGUE_VERSION } from "#shared/model/catalogue.ts";
import { RECORDS_VERSION } from "#shared/model/records.ts";
import {
  BACKUP_VERSION,
  CHECKSUM_BYTES,
  LONGEST_MANIFEST_BYTES,
  type Manifest,
  manifestParser,
  manifestVersionParser,
} from "./manifest.ts";

const CHUNK_BYTES = 1024 * 1024;

/**
 * Reads a backup to its end and checks that it is whole. `partsFolder`: where its parts are put, each as a file of its
 * name; null: it is only looked at. Throws E_NOT_FOUND, E_BACKUP for what is damaged or none, E_NEWER_DATA for a newer program's.
 */
export async function readBackup(path: string, partsFolder: string | null): Promise<Manifest> {
  const file = await open(path, "r").catch((error: unknown) => {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw new BerthError(isMissing ? "E_NOT_FOUND" : "E_BACKUP", `the backup ${path} cannot be read`, { cause: error });
  });
  try {
    const { manifest, length } = await readManifest(file, path);
    const { size } = await file.stat();
    const expected = manifest.parts.reduce((sum, part) => sum + part.bytes, length) + CHECKSUM_BYTES;
    if (size !== expected) throw damaged(path, `it has ${size} bytes, and by its manifest ${expected}`);
    await checkAll(file, path, size - CHECKSUM_BYTES);
    if (partsFolder !== null) await extract(file, manifest, length, partsFolder);
    return manifest;
  } finally {
    await file.close();
  }
}

async function readManifest(file: FileHandle, path: string): Promise<{ manifest: Manifest; length: number }> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(LONGEST_MANIFEST_BYTES), 0, LONGEST_MANIFEST_BYTES, 0);
  const lineEnd = buffer.subarray(0, bytesRead).indexOf("\n");
  const value = lineEnd < 0 ? undefined : jsonOf(buffer.toString("utf8", 0, lineEnd));
  if (!manifestVersionParser.check(value)) throw new BerthError("E_BACKUP", `${path} is not a backup of Berth`);
  if (value.berthBackup > BACKUP_VERSION) throw newer(path, "form", value.berthBackup, BACKUP_VERSION);
  if (!manifestParser.check(value)) throw damaged(path, "its manifest is not as it should be");
  refuseNewer(path, value);
  return { manifest: value, length: lineEnd + 1 };
}

function refuseNewer(path: string, { recordsVersion, catalogueVersion }: Manifest): void {
  if (recordsVersion > RECORDS_VERSION) throw newer(path, "records", recordsVersion, RECORDS_VERSION);
  if (catalogueVersion > CATALOGUE_VERSION) throw newer(path, "catalogue", catalogueVersion, CATALOGUE_VERSION);
}

async function checkAll(file: FileHandle, path: string, length: number): Promise<void> {
  const hash = createHash("sha256");
  for await (const chunk of chunks(file, 0, length)) hash.update(chunk);
  const { buffer } = await file.read(Buffer.alloc(CHECKSUM_BYTES), 0, CHECKSUM_BYTES, length);
  if (buffer.toString("utf8") !== `${hash.digest("hex")}\n`) throw damaged(path, "its checksum is another");
}

async function extract(file: FileHandle, { parts }: Manifest, start: number, folder: string): Promise<void> {
  let position = start;
  for (const { name, bytes } of parts) {
    const target = await open(join(folder, name), "wx", 0o600);
    try {
      for await (const chunk of chunks(file, position, bytes)) await target.writeFile(chunk);
      await target.sync();
    } finally {
      await target.close();
    }
    position += bytes;
  }
}

async function* chunks(file: FileHandle, start: number, length: number): AsyncGenerator<Buffer> {
  for (let done = 0; done < length; ) {
    const wanted = Math.min(CHUNK_BYTES, length - done);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(wanted), 0, wanted, start + done);
    if (bytesRead === 0) throw new BerthError("E_BACKUP", "the backup became shorter while it was read");
    yield buffer.subarray(0, bytesRead);
    done += bytesRead;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function damaged(path: string, what: string): BerthError {
  return new BerthError("E_BACKUP", `the backup ${path} is damaged: ${what}`);
}

function newer(path: string, what: string, version: number, known: number): BerthError {
  return new BerthError(
    "E_NEWER_DATA",
    `the backup ${path} was made by a newer Berth (${what} version ${version}, this program knows ${known})`,
  );
}
