import { stat } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import type { CommandRunner } from "../../transport/command.ts";
import { type CallContext, DriverError } from "../driver.ts";

/** File times step with the kernel's clock tick, 10 ms at most. */
const CLOCK_STEP_MS = 20;
const TRIES = 3;
/** A copy takes as long as the image is large: the job's own deadline ends it, this is only a last bound. */
export const COPY_TIMEOUT_MS = 24 * 3_600_000;

/**
 * Copies an image by reading it, which takes time, in which an initiator may write. tgt writes through this host's page
 * cache, so everything acknowledged is seen; but a copy of which one half is older than the other is no state the volume
 * ever had. So the copy counts only if the file's times did not move meanwhile; else it is made again, and a volume that
 * is written to without pause is refused. (Where the file system has reflinks this is not needed: they are one step.)
 */
export async function copyAtRest(
  context: CallContext,
  command: CommandRunner,
  from: string,
  to: string,
  convertArgs: readonly string[],
): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    const before = await stat(from, { bigint: true });
    // A write in the tick of the last one would not move the time.
    if (Date.now() - Number(before.mtimeMs) < CLOCK_STEP_MS) await wait(CLOCK_STEP_MS);
    const args = ["convert", ...convertArgs, from, to];
    await command.run(context, "qemu-img", args, { changes: true, timeoutMs: COPY_TIMEOUT_MS });
    const after = await stat(from, { bigint: true });
    if (after.mtimeNs === before.mtimeNs && after.ctimeNs === before.ctimeNs && after.size === before.size) return;
  }
  throw new DriverError(
    "not-done",
    "the volume was written to while it was copied, and this file system cannot copy in one step: pause the writing or disconnect it",
  );
}
