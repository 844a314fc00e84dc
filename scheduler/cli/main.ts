import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

// Compiled code is kept between calls, in the user's own folder: others must not be able to plant any.
enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "berth"));

const [{ runBerth }, { processTerminal }] = await Promise.all([import("./program.ts"), import("./terminal.ts")]);

// `berth … | head` closes the pipe early; that is no fault.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });

process.exitCode = await runBerth(process.argv.slice(2), processTerminal());
