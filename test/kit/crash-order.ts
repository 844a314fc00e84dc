import { randomUUID } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { type CrashOrder, crashReachedFile, printCrashOrder } from "#shared/crash-point.ts";

/** Lays it where processes with `BERTH_CRASH_ORDER` set to this file look; gives its id. */
export async function layCrashOrder(file: string, order: Omit<CrashOrder, "id">): Promise<string> {
  const id = randomUUID();
  await rm(crashReachedFile(file), { force: true });
  // A process that looks in between must not see half of it.
  await writeFile(`${file}.new`, printCrashOrder({ id, ...order }));
  await rename(`${file}.new`, file);
  return id;
}

export async function withdrawCrashOrder(file: string): Promise<void> {
  for (const path of [file, crashReachedFile(file)]) await rm(path, { force: true });
}
