import { join, resolve } from "node:path";
import { command } from "../command.ts";

const restore = command({
  usage: "restore <file>",
  summary:
    "Put a backup in the place of the ledger and catalogue of a stopped scheduler; what was there is kept beside",
  examples: [
    ["restore /var/backups/berth-2026-11-21.berth", "Into BERTH_DATA, else .berth of this folder"],
    ["restore backup.berth --data /var/lib/berth", "Into that data folder"],
  ],
  build: (yargs) =>
    yargs
      .positional("file", { type: "string", demandOption: true, describe: "What `berth backup` made" })
      .option("data", { type: "string", requiresArg: true, describe: "The data folder (BERTH_DATA, else .berth)" })
      .option("catalogue", {
        type: "string",
        requiresArg: true,
        describe: "The catalogue's file (BERTH_CATALOGUE, else catalogue.json of the data folder)",
      }),
  run: async (args, { output, terminal: { env } }) => {
    const { restoreBackup } = await import("#scheduler/backup/restore.ts");
    const dataFolder = resolve(args.data ?? (env.BERTH_DATA || ".berth"));
    const catalogueFile = resolve(args.catalogue ?? (env.BERTH_CATALOGUE || join(dataFolder, "catalogue.json")));
    const { manifest, ledgerFile, kept, ledgerSeq, volumes, snapshots } = await restoreBackup(
      resolve(args.file),
      { dataFolder, catalogueFile },
      new Date(),
    );
    output.result({
      json: { ledger: ledgerFile, catalogue: catalogueFile, manifest, ledgerSeq, volumes, snapshots, kept },
      ids: [ledgerFile, catalogueFile],
      text: () =>
        output.fields([
          ["ledger", ledgerFile],
          ["catalogue", catalogueFile],
          ["as of", `${manifest.madeAt}, commit ${manifest.ledgerSeq}`],
          ["holds", `${volumes} volumes, ${snapshots} snapshots`],
          ["replaced", kept.length === 0 ? "nothing was there" : kept.join("\n")],
        ]),
    });
    output.remark(
      "Start the scheduler with the sealing key of that time. What was made since then stands on the backends without a record, and what was deleted since then is recorded and missing: `berth audit` finds both.",
    );
  },
});

export const commands = [restore];
