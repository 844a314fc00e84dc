import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { BerthError } from "#shared/errors.ts";
import type { Catalogue } from "#shared/model/catalogue.ts";
import { RECORDS_VERSION } from "#shared/model/records.ts";
import { BERTH_VERSION } from "#shared/version.ts";
import { BACKUP_VERSION, CATALOGUE_PART, LEDGER_PART, type Manifest } from "./manifest.ts";

/** Somebody who takes a backup and never reads on must not keep its space for ever. */
const LONGEST_MS = 30 * 60_000;
const TRIES = 5;

export interface BackupSources {
  /** Where the copy of the ledger stands while it is sent. */
  readonly dataFolder: string;
  readonly ledger: { copyTo(path: string): Promise<number> };
  readonly catalogue: { current(): Catalogue };
}

/** A backup on its way: its size, and its bytes. */
export interface Backup {
  readonly manifest: Manifest;
  readonly stream: Readable;
}

/**
 * Makes backups of a running scheduler: the ledger as of one commit, with the catalogue that was in force then. One at
 * a time: throws E_CONFLICT while another is sent.
 */
export class BackupMaker {
  readonly #sources: BackupSources;
  #busy = false;

  constructor(sources: BackupSources) {
    this.#sources = sources;
  }

  async make(): Promise<Backup> {
    if (this.#busy) throw new BerthError("E_CONFLICT", "another backup is being made");
    this.#busy = true;
    const folder = join(this.#sources.dataFolder, "backup.tmp");
    const end = async (): Promise<void> => {
      await rm(folder, { recursive: true, force: true }).catch(() => undefined);
      this.#busy = false;
    };
    try {
      // What a crash left of an earlier one.
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { mode: 0o700 });
      const ledgerFile = join(folder, LEDGER_PART);
      const { seq, catalogue } = await copyTogether(this.#sources, ledgerFile);
      const catalogueText = Buffer.from(`${JSON.stringify(catalogue, null, 2)}\n`);
      const manifest: Manifest = {
        berthBackup: BACKUP_VERSION,
        program: BERTH_VERSION,
        madeAt: new Date().toISOString(),
        ledgerSeq: seq,
        recordsVersion: RECORDS_VERSION,
        catalogueVersion: catalogue.version,
        parts: [
          { name: CATALOGUE_PART, bytes: catalogueText.length },
          { name: LEDGER_PART, bytes: (await stat(ledgerFile)).size },
        ],
      };
      const stream = Readable.from(bytesOf(manifest, catalogueText, ledgerFile));
      const timer = setTimeout(() => stream.destroy(new Error("the backup was not read to its end")), LONGEST_MS);
      stream.once("close", () => {
        clearTimeout(timer);
        void end();
      });
      return { manifest, stream };
    } catch (error) {
      await end();
      if (error instanceof BerthError) throw error;
      throw new BerthError("E_LEDGER", "the ledger could not be copied", { cause: error });
    }
  }
}

/** A catalogue that changed while the ledger was copied may not fit the copy: then once more. */
async function copyTogether({ ledger, catalogue }: BackupSources, path: string) {
  for (let n = 0; n < TRIES; n++) {
    const before = catalogue.current();
    await rm(path, { force: true });
    const seq = await ledger.copyTo(path);
    if (catalogue.current() === before) return { seq, catalogue: before };
  }
  throw new BerthError("E_CONFLICT", "the catalogue changes all the time; make the backup when it rests");
}

async function* bytesOf(manifest: Manifest, catalogueText: Buffer, ledgerFile: string): AsyncGenerator<Buffer> {
  const hash = createHash("sha256");
  const counted = (chunk: Buffer): Buffer => {
    hash.update(chunk);
    return chunk;
  };
  yield counted(Buffer.from(`${JSON.stringify(manifest)}\n`));
  yield counted(catalogueText);
  for await (const chunk of createReadStream(ledgerFile, { highWaterMark: 1024 * 1024 })) yield counted(chunk);
  yield Buffer.from(`${hash.digest("hex")}\n`);
}
