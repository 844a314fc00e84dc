import { link, open, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { readBackup } from "#scheduler/backup/read.ts";
import { syncFolder } from "#scheduler/sync-folder.ts";
import { formatMib } from "#shared/units.ts";
import { command } from "../command.ts";
import { failure } from "../failure.ts";
import type { Session } from "../session.ts";

const DEADLINE_MS = 30 * 60_000;

const backup = command({
  usage: "backup <file>",
  summary: "Copy the ledger, as of one commit, and the catalogue into a file, while all goes on",
  examples: [["backup /var/backups/berth-2026-11-21.berth", "A file that is not there yet"]],
  build: (yargs) => yargs.positional("file", { type: "string", demandOption: true, describe: "Not there yet" }),
  run: async ({ file }, session) => {
    const path = resolve(file);
    const part = `${path}.part`;
    await refuseExisting(path);
    try {
      await download(session, part);
      // What has arrived, not what was sent, is what a restore will find.
      const manifest = await readBackup(part, null);
      const bytes = await giveName(part, path);
      const { output } = session;
      output.result({
        json: { file: path, bytes, manifest, sealingKeyIncluded: false },
        ids: [path],
        text: () =>
          output.fields([
            ["file", path],
            ["size", formatMib(bytes)],
            ["ledger", `as of commit ${manifest.ledgerSeq}`],
            ["made", `${manifest.madeAt} by Berth ${manifest.program}`],
            ["sealing key", "NOT in it"],
          ]),
      });
      output.remark(
        "Keep a copy of the sealing key (secret.key of the data folder, or BERTH_SECRET_KEY_FILE) elsewhere: without it no scheduler can start on the backup.",
      );
    } finally {
      await rm(part, { force: true });
    }
  },
});

async function download({ client }: Session, part: string): Promise<void> {
  const chunks = client.download("POST", client.operatorPath("backup"), DEADLINE_MS);
  // A refusal comes before anything is made here.
  let next = await chunks.next();
  const target = await open(part, "w", 0o600).catch((error: unknown) => {
    throw failure("E_BAD_REQUEST", `${part} cannot be written`, { cause: error, next: "Give another place." });
  });
  try {
    for (; next.done !== true; next = await chunks.next()) await target.writeFile(next.value);
    await target.sync();
  } finally {
    await target.close();
  }
}

/** Never over an older backup, also not over one that came in the meantime. */
async function giveName(part: string, path: string): Promise<number> {
  await link(part, path).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") throw taken(path);
    throw error;
  });
  await syncFolder(dirname(path));
  const file = await open(path, "r");
  const { size } = await file.stat();
  await file.close();
  return size;
}

async function refuseExisting(path: string): Promise<void> {
  const found = await open(path, "r").catch(() => null);
  await found?.close();
  if (found !== null) throw taken(path);
}

function taken(path: string): Error {
  return failure("E_CONFLICT", `${path} exists already`, { next: "Give a name that is not taken." });
}

export const commands = [backup];
