import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { BUGS, isBug } from "./bugs.ts";
import { STORM } from "./faults.ts";
import { runHistory } from "./history.ts";

const { seeds, from, steps, bug } = await yargs(hideBin(process.argv))
  .scriptName("npm run simulate --")
  .usage("$0 [--seeds N]\n\nRandom histories of a zone in simulated time; each seed is one, and replays exactly.")
  .option("seeds", { type: "number", default: 10_000, describe: "How many histories" })
  .option("from", { type: "number", default: 1, describe: "The first seed" })
  .option("steps", { type: "number", default: 400, describe: "Steps of each before it comes to rest" })
  .option("bug", { choices: Object.keys(BUGS), describe: "Plant a known bug, to see it found" })
  .example("$0 --seeds 50000", "A long run")
  .example("$0 --from 4711 --seeds 1", "One history again")
  .strict()
  .parse();

const planted = bug !== undefined && isBug(bug) ? bug : null;
const startedMs = performance.now();
let toldMs = startedMs;
for (let n = 0; n < seeds; n++) {
  try {
    if (planted === null) runHistory(from + n, steps, STORM);
    else runHistory(from + n, steps, BUGS[planted].faults, planted, BUGS[planted].leaning);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.stderr.write(
      `Again: npm run simulate -- --from ${from + n} --seeds 1${planted === null ? "" : ` --bug ${planted}`}\n`,
    );
    process.exit(1);
  }
  if (performance.now() - toldMs > 5_000) {
    toldMs = performance.now();
    process.stdout.write(`${n + 1} of ${seeds} histories, ${perMinute(n + 1)} a minute\n`);
  }
}
process.stdout.write(`${seeds} histories held all invariants, ${perMinute(seeds)} a minute\n`);

function perMinute(histories: number): number {
  return Math.round(histories / ((performance.now() - startedMs) / 60_000));
}
