import { randomUUID } from "node:crypto";
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { crashPoint } from "#shared/crash-point.ts";
import { removeFile, renameDurable, settleFile } from "../../transport/files.ts";
import type { CallContext } from "../driver.ts";
import { explained } from "./failure.ts";

/**
 * Puts what `fill` writes in the place of an image, in one step: before the rename it has its old bytes, after it the
 * new ones. Each attempt has a name of its own and first removes those of others. So an agent that was paused in its
 * rename and wakes when another is through finds nothing to rename: what was written since stays.
 */
export async function replaceImage(
  context: CallContext,
  image: string,
  fill: (path: string) => Promise<void>,
): Promise<void> {
  await removeReplacements(context, image);
  const replacement = `${prefixOf(image)}${randomUUID()}`;
  try {
    await fill(replacement);
    await settleFile(context, replacement);
    crashPoint("revert-filled");
    // Once it is renamed it is done, whatever else fails.
    await explained("put the image in its place", "unknown", () => renameDurable(context, replacement, image));
    crashPoint("revert-renamed");
  } catch (error) {
    await removeReplacements(context, image).catch((left) =>
      context.log.warn({ err: left, image }, "a failed revert could not be taken back yet"),
    );
    throw error;
  }
}

/** What attempts that were cut short left. */
export async function removeReplacements(context: CallContext, image: string): Promise<void> {
  const folder = dirname(image);
  const prefix = basename(prefixOf(image));
  for (const name of await readdir(folder)) if (name.startsWith(prefix)) await removeFile(context, join(folder, name));
}

function prefixOf(image: string): string {
  return `${image}.revert-`;
}
