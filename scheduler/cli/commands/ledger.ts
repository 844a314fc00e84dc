import { schedulerConfig } from "#shared/config.ts";
import { command } from "../command.ts";

const move = command({
  usage: "move",
  summary: "Move records and catalogue between one scheduler's files and nats-server, while no scheduler runs",
  examples: [
    ["ledger move --to nats", "For several schedulers (BERTH_LEDGER=nats), by the settings of the one there was"],
    ["ledger move --to embedded", "Back into the files of one scheduler"],
  ],
  build: (yargs) =>
    yargs.option("to", {
      choices: ["nats", "embedded"] as const,
      demandOption: true,
      describe: "Where to; the settings are the scheduler's own (BERTH_DATA, BERTH_NATS_URL, BERTH_NATS_REPLICAS…)",
    }),
  run: async ({ to }, { output, terminal }) => {
    // Wrong settings are told before the packages for the work are loaded.
    schedulerConfig(terminal.env);
    const { moveLedger } = await import("../../move/ledger-move.ts");
    const { seq, notes } = await moveLedger(to, terminal.env);
    output.result({
      json: { to, seq, notes },
      ids: [String(seq)],
      text: () => `Moved to ${to}, as of commit ${seq}.\n${notes.join("\n")}\n`,
    });
  },
});

export const commands = [move];
