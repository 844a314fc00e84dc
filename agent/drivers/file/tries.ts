import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { discardFile, errorCode, makeFolder, removeFile, statOrNull } from "../../transport/files.ts";
import type { CallContext } from "../driver.ts";
import { objectOfName } from "../names.ts";
import type { ImagePaths } from "./mark.ts";

/** In the backend's folder, so on its file system; and small, so that looking through it costs nothing with 10,000 images. */
export const TRIES_FOLDER = ".new";
/** No try lasts so long: whoever made what is older is gone. */
const TRY_MAX_AGE_MS = 7 * 24 * 3_600_000;

/**
 * What is not whole is made under a name that one try of one job has for itself: `.new/volume-ID.TIME-RANDOM`. The next
 * job of the object removes what earlier tries left before it does anything else. That fences them off:
 *
 * An agent that was paused in its last call makes that one when it wakes, and loses its lease before the next.
 * Meanwhile another has been there. Whatever that one did (made the object, made it and a host wrote, extended it,
 * deleted it), the late call is one of these:
 *
 * - makes or writes a file of its own, or a child process goes on with one: nobody else's. It removes it itself, for
 *   which it needs no lease (`discardTry`); if it dies before, the object's next job does, or the sweep, which is told of
 *   it as of an object that is not whole, or whoever finds it after a week;
 * - renames its mark, or links its image: the other one has removed the file, and there is nothing to be put anywhere.
 *   If the other has not yet come to that, the image is whole and the other finds it standing;
 * - removes what an earlier try left: no name comes again;
 * - removes an image, in a deletion: no id comes again;
 * - removes a mark, or writes a footer: these do not wait in a queue, but are done in the same breath as the lease is
 *   asked for (`removeNow`, `appendNow`).
 */
export function tryPath(folder: string, object: string): string {
  return join(folder, TRIES_FOLDER, `${object}.${Date.now()}-${randomBytes(6).toString("hex")}`);
}

/** What earlier tries of the object left, and what is so old that nobody is at it. */
export async function removeTries(context: CallContext, { image }: ImagePaths): Promise<void> {
  await removeTriesOf(context, dirname(image), basename(image));
}

export async function removeTriesOf(context: CallContext, folder: string, object: string): Promise<void> {
  for (const name of await namesOfTries(context, folder)) {
    if (name.replace(TRY, "") === object || isOld(name)) await removeFile(context, join(folder, TRIES_FOLDER, name));
  }
}

/** The object of which a try made a file of this name; null: no try made it. */
export function objectOfTry(name: string): string | null {
  const object = name.replace(TRY, "");
  return object === name || objectOfName(object) === null ? null : object;
}

/** Of the try whose paths these are. No lease is needed: nobody else has these names. */
export async function discardTry(context: CallContext, { newImage, newMark }: ImagePaths): Promise<void> {
  for (const path of [newImage, newMark, footerScratch(newImage)]) {
    try {
      await discardFile(path);
    } catch (error) {
      context.log.warn({ err: error, path }, "what a try left could not be removed yet");
    }
  }
}

/** The scratch file from which an image's footer is taken; a crash may leave it. */
export function footerScratch(imagePath: string): string {
  return `${imagePath}.footer`;
}

const TRY = /\.(\d{1,15})-[0-9a-f]{12}(\.json|\.footer)?$/;

function isOld(name: string): boolean {
  const startedMs = Number(TRY.exec(name)?.[1] ?? Number.NaN);
  return Date.now() - startedMs > TRY_MAX_AGE_MS;
}

/** Opening makes that folder; somebody may have tidied it away. */
async function namesOfTries(context: CallContext, folder: string): Promise<string[]> {
  const tries = join(folder, TRIES_FOLDER);
  try {
    return await readdir(tries);
  } catch (error) {
    if (errorCode(error) !== "ENOENT" || (await statOrNull(folder)) === null) throw error;
    await makeFolder(context, tries);
    return [];
  }
}
