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
 * ever had. (Where the file system has reflinks this is not needed: they are one step.)
 */
export async function copyAtRest(
  context: CallContext,
  command: CommandRunner,
  from: string,
  to: string,
  convertArgs: readonly string[],
): Promise<void> {
  await whileUnwritten([from], async () => {
    const args = ["convert", ...convertArgs, from, to];
    await command.run(context, "qemu-img", args, { changes: true, timeoutMs: COPY_TIMEOUT_MS });
  });
}

/**
 * What `copy` makes counts only if the times of no image moved meanwhile: then it is a state that all of them had at
 * every instant of it. Else it is made again, and what is written to without pause is refused.
 */
export async function whileUnwritten(images: readonly string[], copy: () => Promise<void>): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    const before = await timesOf(images);
    // A write in the tick of the last one would not move the time.
    if (before.some(({ mtimeMs }) => Date.now() - Number(mtimeMs) < CLOCK_STEP_MS)) await wait(CLOCK_STEP_MS);
    await copy();
    const after = await timesOf(images);
    const unwritten = after.every(({ mtimeNs, ctimeNs, size }, n) => {
      const was = before[n];
      return mtimeNs === was?.mtimeNs && ctimeNs === was.ctimeNs && size === was.size;
    });
    if (unwritten) return;
  }
  throw new DriverError(
    "not-done",
    images.length === 1
      ? "the volume was written to while it was copied, and this file system cannot copy in one step: pause the writing or disconnect it"
      : "volumes of the group were written to while they were copied one after another: pause the writing or disconnect them",
  );
}

async function timesOf(images: readonly string[]) {
  return await Promise.all(images.map((path) => stat(path, { bigint: true })));
}
