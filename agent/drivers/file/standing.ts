import { errorCode, fileIsThere, linkDurable, removeNow } from "../../transport/files.ts";
import { type CallContext, DriverError } from "../driver.ts";
import type { ImagePaths } from "./mark.ts";

/*
 * How an image comes to stand under its name, and goes. The mark is there first and goes last. A create that came again when
 * it was over may run beside the deletion of its object, and neither has lost its lease; so each looks for what the other
 * did: who gives the name looks for the mark afterwards, who removes the mark looks for the image. Whatever comes between,
 * one of them sees the other, and no image is left that does not say whose it is.
 */

/** Gives what is whole its name, never over what stands there (EEXIST). */
export async function letStand(context: CallContext, from: string, { image, mark }: ImagePaths): Promise<void> {
  try {
    await linkDurable(context, from, image);
  } catch (error) {
    // Whoever has the object's next job removes what earlier tries left: then that one knows how it goes on.
    if (errorCode(error) === "ENOENT") throw overtaken(image, error);
    throw error;
  }
  if (fileIsThere(mark)) return;
  removeNow(context, image);
  throw new DriverError("not-done", `${image} was deleted while it was being made`);
}

/** Nothing is wrong, and the next try finds out. */
export function overtaken(path: string, cause: unknown): DriverError {
  return new DriverError("unknown", `another agent was at ${path} in the same moment`, { cause });
}

/** The end of an object whose image was removed. */
export function endMark(context: CallContext, { image, mark }: ImagePaths): void {
  removeNow(context, mark);
  if (fileIsThere(image)) removeNow(context, image);
}

/** The mark of what was not made; if it was, by another, the mark is that one's. */
export function takeBackMark(context: CallContext, { image, mark }: ImagePaths): void {
  if (!fileIsThere(image)) removeNow(context, mark);
}
