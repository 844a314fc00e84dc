import { BerthError, fullMessage } from "./errors.ts";
import type { Logger } from "./log.ts";

/**
 * Runs `stop` at the first SIGTERM, SIGINT or SIGHUP and exits 0 when it is through; a second signal, or `limitMs`,
 * ends the process at once with 1. Nothing is lost by that: what was accepted is in the ledger.
 */
export function stopOnSignals(log: Logger, limitMs: number, stop: () => Promise<void>): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) {
      log.warn({ signal }, "stopping at once");
      process.exit(1);
    }
    stopping = true;
    log.info({ signal }, "stopping");
    setTimeout(() => {
      log.error({ limitMs }, "did not stop in time");
      process.exit(1);
    }, limitMs).unref();
    stop().then(
      () => process.exit(0),
      (error) => {
        log.error({ err: error }, "did not stop cleanly");
        process.exit(1);
      },
    );
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, onSignal);
}

/** Runs a program's `main`; what stops it from starting is told in a sentence with what to do about it, and exit code 1. */
export async function runMain(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (thrown) {
    const next = thrown instanceof BerthError ? `\nNext: ${thrown.next}` : "";
    process.stderr.write(`${fullMessage(thrown)}${next}\n`);
    process.exit(1);
  }
}
