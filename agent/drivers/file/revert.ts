import { crashPoint } from "#shared/crash-point.ts";
import { renameDurable, settleFile } from "../../transport/files.ts";
import type { CallContext } from "../driver.ts";
import { explained } from "./failure.ts";
import type { ImagePaths } from "./mark.ts";
import { discardTry, removeTries } from "./tries.ts";

/**
 * Puts what `fill` writes in the place of an image, in one step: before the rename it has its old bytes, after it the
 * new ones. Each attempt has a name of its own and first removes those of others. So an agent that was paused in its
 * rename and wakes when another is through finds nothing to rename: what was written since stays.
 */
export async function replaceImage(
  context: CallContext,
  paths: ImagePaths,
  fill: (path: string) => Promise<void>,
): Promise<void> {
  await removeTries(context, paths);
  try {
    await fill(paths.newImage);
    await settleFile(context, paths.newImage);
    crashPoint("revert-filled");
    // Once it is renamed it is done, whatever else fails.
    await explained("put the image in its place", "unknown", () => renameDurable(context, paths.newImage, paths.image));
    crashPoint("revert-renamed");
  } catch (error) {
    await discardTry(context, paths);
    throw error;
  }
}
