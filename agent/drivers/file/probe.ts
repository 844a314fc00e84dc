import { randomUUID } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { createSparse, linkDurable, reflink, removeFile, statOrNull } from "../../transport/files.ts";
import type { CallContext } from "../driver.ts";

const PROBE_PREFIX = ".probe-";
/** A probe takes milliseconds. */
const PROBE_MAX_AGE_MS = 60_000;

/** Can files be made in the folder, and have two names (throws if not), and can they share blocks? */
export async function probeFolder(context: CallContext, folder: string): Promise<boolean> {
  await removeOldProbes(context, folder);
  const one = join(folder, `${PROBE_PREFIX}${randomUUID()}`);
  const other = `${one}-copy`;
  const linked = `${one}-link`;
  await createSparse(context, one, 4096);
  try {
    await linkDurable(context, one, linked);
    return await reflink(context, one, other).then(
      () => true,
      () => false,
    );
  } finally {
    for (const path of [one, linked, other]) await removeFile(context, path);
  }
}

/** What crashes left of earlier ones. A young one may be a neighbour's, who is at it now. */
async function removeOldProbes(context: CallContext, folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(PROBE_PREFIX));
  for (const path of names.map((name) => join(folder, name))) {
    const found = await statOrNull(path);
    if (found !== null && Date.now() - found.mtimeMs > PROBE_MAX_AGE_MS) await removeFile(context, path);
  }
}
