import { resolve } from "node:path";
import { asBerthError } from "#shared/errors.ts";
import { parseArguments } from "./arguments.ts";
import { runUntilEnded } from "./launcher.ts";
import { readSettings } from "./settings.ts";

const startedMs = performance.now();
const root = resolve(import.meta.dirname, "../..");
const { fake, with: simulators } = await parseArguments(process.argv.slice(2));

// A terminal that is gone must not end the launcher before it has ended the programs.
process.stdout.on("error", () => undefined);
process.stderr.on("error", () => undefined);

try {
  process.exitCode = await runUntilEnded(readSettings(process.env, root, fake, simulators), startedMs);
} catch (thrown) {
  const error = asBerthError(thrown);
  process.stderr.write(`berth: ${error.message}\n`);
  if (error.code === "E_INTERNAL" && thrown instanceof Error) process.stderr.write(`${thrown.stack ?? ""}\n`);
  process.exitCode = 1;
}
// Idle connections to the API would keep the process for seconds.
process.exit();
