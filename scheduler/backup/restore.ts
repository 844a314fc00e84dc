import { chown, link, mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { BerthError } from "#shared/errors.ts";
import { sentence } from "#shared/schema.ts";
import { readCatalogue } from "../catalogue/read.ts";
import { catalogueRefusals } from "../core/catalogue-use.ts";
import { DEFAULT_CORE_SETTINGS } from "../core/settings.ts";
import { State } from "../core/state.ts";
import { LEDGER_FILE, openSqliteLedger } from "../ledger/sqlite.ts";
import { leapSequence, lockIdleLedger } from "../ledger/sqlite-replace.ts";
import { syncFolder } from "../sync-folder.ts";
import { CATALOGUE_PART, LEDGER_PART, type Manifest } from "./manifest.ts";
import { readBackup } from "./read.ts";

export interface RestorePlaces {
  readonly dataFolder: string;
  readonly catalogueFile: string;
}

export interface Restored {
  readonly manifest: Manifest;
  readonly ledgerFile: string;
  /** Where the ledger's commits go on from. */
  readonly ledgerSeq: number;
  readonly volumes: number;
  readonly snapshots: number;
  /** What stood there before, where it stands now. */
  readonly kept: readonly string[];
}

/**
 * Puts a backup in the place of a ledger that nobody has open, and of its catalogue. The backup is checked to its last
 * record first; what is replaced is kept beside, as `<name>.before-restore-<time>`. Throws E_BACKUP, E_NEWER_DATA,
 * E_LEDGER_LOCKED; then nothing was replaced.
 */
export async function restoreBackup(backupFile: string, places: RestorePlaces, now: Date): Promise<Restored> {
  const ledgerFile = join(places.dataFolder, LEDGER_FILE);
  // For what is no good not even a folder is made.
  await readBackup(backupFile, null);
  await mkdir(places.dataFolder, { recursive: true, mode: 0o700 });
  const folder = join(places.dataFolder, "restore.tmp");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  try {
    const manifest = await readBackup(backupFile, folder);
    const parts = { ledger: join(folder, LEDGER_PART), catalogue: join(folder, CATALOGUE_PART) };
    const contents = await checkParts(parts, manifest);
    const ledgerSeq = leapSequence(parts.ledger);
    const kept = await putInPlace(parts, ledgerFile, places.catalogueFile, now);
    return { manifest, ledgerFile, ledgerSeq, ...contents, kept };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Parts {
  readonly ledger: string;
  readonly catalogue: string;
}

/** A scheduler must be able to start with them: every record is read, and the catalogue must fit. */
async function checkParts(parts: Parts, manifest: Manifest): Promise<{ volumes: number; snapshots: number }> {
  const read = readCatalogue(await readFile(parts.catalogue, "utf8"));
  if (read.catalogue === null)
    throw new BerthError("E_BACKUP", `the backup's catalogue is not valid: ${read.faults.map(sentence).join("; ")}`);
  const ledger = await openSqliteLedger(parts.ledger).catch((error: unknown) => {
    throw new BerthError("E_BACKUP", "the backup's ledger cannot be opened", { cause: error });
  });
  try {
    const { seq, changes } = await ledger.load();
    if (seq !== manifest.ledgerSeq)
      throw new BerthError(
        "E_BACKUP",
        `the backup's ledger is at commit ${seq}, its manifest at ${manifest.ledgerSeq}`,
      );
    const state = new State(DEFAULT_CORE_SETTINGS, read.catalogue);
    state.load(changes);
    const refusals = catalogueRefusals(state, read.catalogue);
    if (refusals.length > 0) throw new BerthError("E_BACKUP", `the backup's parts do not fit: ${refusals.join("; ")}`);
    return { volumes: state.table("volume").size, snapshots: state.table("snapshot").size };
  } finally {
    await ledger.close();
  }
}

/**
 * The old ledger is locked until the new one has its name: a scheduler that starts meanwhile is refused, or finds all in
 * place. A crash in between leaves the old ledger with the new catalogue; the same command again ends it.
 */
async function putInPlace(parts: Parts, ledgerFile: string, catalogueFile: string, now: Date): Promise<string[]> {
  const suffix = `.before-restore-${now.toISOString().replaceAll(/[-:]|\.\d+/g, "")}`;
  using lock = lockIdleLedger(ledgerFile);
  const kept: string[] = [];
  for (const path of [catalogueFile, ledgerFile, ...lock.companions])
    if (await keepBeside(path, path + suffix)) kept.push(path + suffix);
  for (const companion of lock.companions) await rm(companion, { force: true });
  await giveToOwnerOf(ledgerFile, parts.ledger);
  await mkdir(dirname(catalogueFile), { recursive: true, mode: 0o700 });
  await writeFileAtomic(catalogueFile, await readFile(parts.catalogue), {
    fsync: true,
    ...(await ownerOf(catalogueFile)),
  });
  await rename(parts.ledger, ledgerFile);
  for (const folder of new Set([dirname(catalogueFile), dirname(ledgerFile)])) await syncFolder(folder);
  return kept;
}

/** Another name for the same file: there is no moment in which nothing stands at either. False: there is no such file. */
async function keepBeside(path: string, beside: string): Promise<boolean> {
  try {
    await link(path, beside);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw new BerthError("E_BACKUP", `${path} could not be kept as ${beside}`, { cause: error });
  }
}

/** Root may restore for a scheduler that is another user: it must be able to open what it finds. */
async function giveToOwnerOf(path: string, file: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = (await ownerOf(path)).chown;
  await chown(file, uid, gid);
}

/** Of the file, or of the folder that it will be in. */
async function ownerOf(path: string): Promise<{ readonly chown: { uid: number; gid: number }; readonly mode: number }> {
  const { uid, gid } = await stat(path).catch((error: unknown) => {
    if (isMissing(error)) return stat(dirname(path));
    throw error;
  });
  return { chown: { uid, gid }, mode: 0o600 };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
