import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import yargs from "yargs";
import { figuresOf, pageOf } from "./report.ts";
import { soak } from "./soak.ts";
import { LEDGERS } from "./stand.ts";

const { operations, minutes, seed, ledger, report, json, logs } = await yargs(process.argv.slice(2))
  .scriptName("npm run soak --")
  .usage(
    "$0\n\nMany operations of many users while processes are killed and paused all the time; then everything is compared.",
  )
  .option("operations", { type: "number", default: 50_000, describe: "How many, spread over the time" })
  .option("minutes", { type: "number", default: 10, describe: "How long" })
  .option("seed", { type: "number", default: Date.now() % 1_000_000, describe: "Of what is asked and what is killed" })
  .option("ledger", { choices: LEDGERS, default: LEDGERS[0], describe: "nats: three schedulers, three nats-servers" })
  .option("report", { type: "string", default: "soak-report.md", describe: "Where the report is written" })
  .option("logs", { type: "boolean", default: false, describe: "Keep all logs, also when nothing is wrong" })
  .option("json", { type: "boolean", default: false, describe: "The figures, for programs, on the output" })
  .example("$0", "50,000 operations in ten minutes")
  .example("$0 --operations 1500 --minutes 0.4", "A look")
  .example("$0 --ledger nats --report /tmp/soak-nats.md", "Several schedulers")
  .epilogue(
    "Exit code 1 if anything is lost, doubled, stuck, orphaned or otherwise wrong. What it means: test/soak/README.md",
  )
  .check(({ operations: wanted, minutes: long }) => {
    if (!(wanted >= 1 && long > 0)) throw new Error("--operations and --minutes must be more than 0");
    return true;
  })
  .strict()
  .version(false)
  .alias("help", "h")
  .wrap(120)
  .parse();

const say = (text: string): void => void process.stderr.write(json ? "" : `${text}\n`);
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => {
    say(`${signal}: ending early, with all checks; once more to end at once`);
    interrupted.abort();
  });

try {
  say(`seed ${seed}: ${operations} operations in ${minutes} minutes, ledger ${ledger}`);
  const result = await soak({ operations, minutes, seed, ledger }, say, interrupted.signal);
  const figures = figuresOf(result);
  const file = resolve(report);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, pageOf(figures));
  if (json) process.stdout.write(`${JSON.stringify(figures)}\n`);
  const folder = join(dirname(file), `soak-logs-${seed}`);
  if (logs || result.faults.length > 0) {
    mkdirSync(folder, { recursive: true });
    for (const [name, lines] of result.logs) writeFileSync(join(folder, `${name}.log`), `${lines.join("\n")}\n`);
  }
  if (result.faults.length > 0) {
    process.stderr.write(`soak: ${result.faults.length} faults; see ${file}, and the logs in ${folder}\n`);
    process.exitCode = 1;
  }
  say(`${figures.operations} operations, ${result.faults.length} faults: ${file}`);
} catch (thrown) {
  process.stderr.write(`soak: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  process.exitCode = 1;
}
process.exit();
