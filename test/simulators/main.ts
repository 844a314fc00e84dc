import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { createLog } from "#shared/log.ts";
import { runMain, stopOnSignals } from "#shared/signals.ts";
import { simulatorKind, simulatorNames } from "./kit/kinds.ts";
import { DEFAULT_CAPACITY_GIB, startSimulator } from "./kit/start.ts";

const STOP_MS = 10_000;

await runMain(async () => {
  const { name, port, data, capacityGib } = await yargs(hideBin(process.argv))
    .scriptName("npm run simulator --")
    .command(
      "$0 <name>",
      "Runs a simulated storage system until Ctrl-C; prints one line of JSON when it is ready",
      (one) => one.positional("name", { type: "string", demandOption: true, describe: simulatorNames().join(", ") }),
    )
    .option("port", { type: "number", default: 0, describe: "0: any; the same again with the same data folder" })
    .option("data", { type: "string", describe: "What stands in it is kept here (a new folder under /tmp)" })
    .option("capacity-gib", { type: "number", default: DEFAULT_CAPACITY_GIB, describe: "When it is full" })
    .strict()
    .version(false)
    .parseAsync()
    .then((parsed) => ({ ...parsed, name: String(parsed.name) }));
  const kind = await simulatorKind(name);
  const dataFolder = data === undefined ? await mkdtemp(join(tmpdir(), `berth-${name}-`)) : resolve(data);
  const simulator = await startSimulator(kind, { port, dataFolder, capacityGib });
  stopOnSignals(createLog(`simulator ${name}`, "warn"), STOP_MS, async () => {
    await simulator[Symbol.asyncDispose]();
  });
  process.stdout.write(`${JSON.stringify(simulator.ready)}\n`);
});
