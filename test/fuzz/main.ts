import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { fuzzRoute, openFuzzed } from "./fuzz.ts";

const { requests, seed, only } = await yargs(hideBin(process.argv))
  .scriptName("npm run fuzz --")
  .usage("$0 [--requests N] [--only PATH]\n\nWrong requests on every route, made from the API's own document.")
  .option("requests", { type: "number", default: 10_000, describe: "How many on each route" })
  .option("seed", { type: "number", default: 1, describe: "Another seed, other requests" })
  .option("only", { type: "string", default: "", describe: "Routes with this in their method and path" })
  .strict()
  .parse();

const MIB = 1024 ** 2;
const heapMib = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / MIB;
};

let failed = 0;
let sent = 0;
let beforeMib = 0;
const { stand, routes: all } = await openFuzzed();
const routes = all.filter(({ method, path }) => `${method} ${path}`.includes(only));
for (const [n, route] of routes.entries()) {
  const done = await fuzzRoute(stand, route, requests, seed * 100_003 + n);
  sent += done.requests;
  failed += done.failures.length;
  const statuses = [...done.statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status} × ${count}`);
  process.stdout.write(`${done.route}: ${statuses.join(", ")}\n`);
  for (const failure of done.failures) process.stdout.write(`  FAILED ${failure}\n`);
  // What is compiled and cached once is there after the first routes.
  if (n === Math.min(9, routes.length - 1)) beforeMib = heapMib();
}
await stand.api.close();
const grownMib = heapMib() - beforeMib;
process.stdout.write(
  `${sent} requests on ${routes.length} routes, ${failed} failures; the heap grew by ${grownMib.toFixed(1)} MiB since the tenth route\n`,
);
if (failed > 0) process.exitCode = 1;
