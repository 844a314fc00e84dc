import { fileIsThere, linkDurable, removeNow } from "../../transport/files.ts";
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
  await linkDurable(context, from, image);
  if (fileIsThere(mark)) return;
  removeNow(context, image);
  throw new DriverError("not-done", `${image} was deleted while it was being made`);
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
