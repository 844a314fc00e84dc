import { mkdirSync } from "node:fs";
import { join } from "node:path";
import yargs from "yargs";
import { copyFigures } from "./copy.ts";
import { createFigures } from "./create.ts";
import { driverFigures } from "./drivers.ts";
import type { Figure } from "./figure.ts";
import { isolationFigures } from "./isolation.ts";
import { ledgerFigures } from "./ledgers.ts";
import { listFigures } from "./list.ts";
import { outageFigures } from "./outages.ts";
import { jsonLine, tableOf } from "./output.ts";
import { placementFigures } from "./placement.ts";
import { FULL, QUICK, type Run } from "./plan.ts";
import { References } from "./reference.ts";
import { requestFigures } from "./requests.ts";
import { openScratch } from "./scratch.ts";
import { stageFigures } from "./stages.ts";

type Group = (run: Run, references: References) => Promise<Figure[]>;

const GROUPS: Readonly<Record<string, Group>> = {
  placement: placementFigures,
  reference: (_run, references) => references.all(),
  create: createFigures,
  stages: stageFigures,
  list: listFigures,
  requests: requestFigures,
  isolation: isolationFigures,
  ledgers: ledgerFigures,
  outages: outageFigures,
  copy: copyFigures,
  drivers: driverFigures,
};
const NAMES = Object.keys(GROUPS);
/** Ten minutes of killing: only by its name. */
const BY_NAME_ONLY = "outages";

const {
  json,
  quick,
  _: named,
} = await yargs(process.argv.slice(2))
  .scriptName("npm run bench --")
  .usage(`$0 [groups..]\n\nMeasures Berth on this machine. Groups (all but ${BY_NAME_ONLY}): ${NAMES.join(", ")}.`)
  .option("json", { type: "boolean", default: false, describe: "one line of JSON a figure" })
  .option("quick", { type: "boolean", default: false, describe: "seconds in place of minutes, for a look" })
  .strictOptions()
  .check(({ _: wanted }) => {
    const unknown = wanted.map(String).filter((name) => !NAMES.includes(name));
    if (unknown.length > 0) throw new Error(`unknown: ${unknown.join(", ")}; groups are ${NAMES.join(", ")}`);
    return true;
  })
  .version(false)
  .alias("help", "h")
  .epilogue("What each figure means: test/bench/README.md")
  .wrap(120)
  .parseAsync();

const told = new Set<Figure>();
function tell(figure: Figure): void {
  if (told.has(figure)) return;
  if (figure.boundedBy !== undefined) tell(figure.boundedBy);
  told.add(figure);
  if (json) process.stdout.write(`${jsonLine(figure)}\n`);
}

async function measure(): Promise<void> {
  using scratch = openScratch();
  const say = (text: string): void => void process.stderr.write(json ? "" : `${text} …\n`);
  const folderOf = (name: string): string => {
    const folder = join(scratch.folder, name);
    mkdirSync(folder);
    return folder;
  };
  const plan = quick ? QUICK : FULL;
  await using references = new References({ plan, say, folder: folderOf("references") }, tell);
  for (const [name, group] of Object.entries(GROUPS)) {
    if (named.length === 0 ? name === BY_NAME_ONLY : !named.includes(name)) continue;
    say(`measuring ${name}`);
    for (const figure of await group({ plan, say, folder: folderOf(name) }, references)) tell(figure);
  }
}

try {
  await measure();
  if (!json) process.stdout.write(`${tableOf([...told])}\n`);
} catch (thrown) {
  process.stderr.write(`bench: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  process.exitCode = 1;
}
// A connection that is still open would keep the process.
process.exit();
