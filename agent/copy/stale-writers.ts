import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type CallContext, DriverError } from "../drivers/driver.ts";
import { assertMayChange } from "../transport/changing.ts";

const LOOK_EVERY_MS = 10;
const LOOKS = 500;

export const READ_ONLY = "--read-only";
export const NAME_OPTION = "--export-name";

/** What a qemu-nbd of ours is known by, on this host: the image that it serves. */
export function exportNameOf(image: object): string {
  return `berth-${createHash("sha256").update(JSON.stringify(image)).digest("hex").slice(0, 32)}`;
}

/**
 * Ends whoever of this host still writes to an image that is ours to write now. An agent that was paused lost its lease,
 * and its qemu-nbd knows nothing of that: what is on the way to it could land late. qemu's own locks do not keep two apart.
 */
export async function endStaleWriters(context: CallContext, exportName: string): Promise<void> {
  const writers = await writersOf(exportName);
  if (writers.length === 0) return;
  assertMayChange(context);
  context.log.warn({ writers }, "ends what an earlier try of a copy left running");
  for (const pid of writers) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has just ended by itself.
    }
  }
  for (let look = 0; look < LOOKS; look++) {
    if ((await writersOf(exportName)).length === 0) return;
    await pause(LOOK_EVERY_MS);
  }
  throw new DriverError("unknown", "an earlier try of this copy does not end");
}

async function writersOf(exportName: string): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(entry)) continue;
    // Of a process that has ended and was not yet buried it is empty.
    const args = (await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => "")).split("\0");
    if (basename(args[0] ?? "") !== "qemu-nbd" || args.includes(READ_ONLY)) continue;
    if (args[args.indexOf(NAME_OPTION) + 1] === exportName) found.push(Number(entry));
  }
  return found;
}
