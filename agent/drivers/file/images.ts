import { crashPoint } from "#shared/crash-point.ts";
import type { CommandRunner } from "../../transport/command.ts";
import {
  discardFile,
  errorCode,
  readTextOrNull,
  removeFile,
  removeNow,
  replaceText,
  settleFile,
  statOrNull,
  syncFolder,
} from "../../transport/files.ts";
import { type CallContext, DriverError } from "../driver.ts";
import { explained } from "./failure.ts";
import { type ImageFormat, imageFormat } from "./formats.ts";
import type { ImageSteps } from "./group-snapshot.ts";
import type { Inventory } from "./inventory.ts";
import { type ImageMark, type ImagePaths, parseMark, printMark } from "./mark.ts";
import type { SpaceLimit } from "./space.ts";
import { endMark, letStand, overtaken, takeBackMark } from "./standing.ts";
import { discardTry, footerScratch, removeTries } from "./tries.ts";

export interface ImagesOptions {
  readonly folder: string;
  /** Of what was made before marks said so themselves. */
  readonly thick: boolean;
  readonly command: CommandRunner;
  readonly inventory: Inventory;
  readonly space: SpaceLimit;
}

/**
 * Images with their marks, made, looked at, grown and removed. An object is made in three steps, each of which can be the
 * last before a crash: its mark (the reservation), the image under a name of this try's own (`tries.ts`), and the link that
 * makes it stand.
 */
export class Images implements ImageSteps {
  /** Can files share blocks here? Known once the folder is opened. */
  reflinks = false;
  readonly #folder: string;
  readonly #thick: boolean;
  readonly #command: CommandRunner;
  readonly #inventory: Inventory;
  readonly #space: SpaceLimit;

  constructor({ folder, thick, command, inventory, space }: ImagesOptions) {
    this.#folder = folder;
    this.#thick = thick;
    this.#command = command;
    this.#inventory = inventory;
    this.#space = space;
  }

  /** The mark, if what it takes is to be had. Throws what `space` throws. */
  async reserve(context: CallContext, paths: ImagePaths, mark: ImageMark): Promise<void> {
    await this.#space.reserve(async () => {
      await this.writeMark(context, paths, mark);
      return async () => this.removeMark(context, paths);
    });
  }

  async copy(context: CallContext, mark: ImageMark, from: string, to: string): Promise<void> {
    await this.formatOf(mark).copy(context, from, to, mark.sizeBytes);
  }

  async grow(context: CallContext, paths: ImagePaths, mark: ImageMark, newSizeBytes: number): Promise<void> {
    await removeTries(context, paths);
    await this.#space.whileGrowing(newSizeBytes - mark.sizeBytes, async () => {
      await this.formatOf(mark).grow(context, paths.image, newSizeBytes);
      crashPoint("image-grown");
      await this.writeMark(context, paths, { ...mark, sizeBytes: newSizeBytes });
    });
  }

  /** Makes an object stand, or finds that it does. On failure nothing is left, unless the lease or the time is gone. */
  async make(
    context: CallContext,
    paths: ImagePaths,
    mark: ImageMark,
    fill: (path: string) => Promise<void>,
  ): Promise<void> {
    const { image, mark: standing } = await this.look(paths);
    if (image && standing === null) throw notOurs(paths);
    if (image && standing !== null) {
      expectSame(paths, standing, mark);
      return await explained("end what made it stand", "unknown", () => removeTries(context, paths));
    }
    await explained(`make ${paths.image}`, "not-done", async () => {
      await this.removeUnfinished(context, paths);
      await this.reserve(context, paths, mark);
      crashPoint("mark-written");
      try {
        await fill(paths.newImage);
        await settleFile(context, paths.newImage);
        crashPoint("image-filled");
        await this.#makeStand(context, paths, mark);
      } catch (error) {
        await this.takeBack(context, paths);
        throw error;
      }
    });
  }

  /** Never in the place of what stands: that may have been written to since. What stands was whole when it came there. */
  async #makeStand(context: CallContext, paths: ImagePaths, mark: ImageMark): Promise<void> {
    try {
      await letStand(context, paths.newImage, paths);
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
      expectSame(paths, await this.ours(paths), mark);
    }
    crashPoint("image-renamed");
    await discardTry(context, paths);
  }

  /** After a failure; when even that is not allowed or fails, deletion or the next try does it. */
  async takeBack(context: CallContext, paths: ImagePaths): Promise<void> {
    await discardTry(context, paths);
    try {
      takeBackMark(context, paths);
      this.#inventory.forgetMark(paths.mark);
    } catch (error) {
      context.log.warn({ err: error, image: paths.image }, "a failed creation could not be taken back yet");
    }
  }

  /** The image before its mark: as long as anything of ours is there, the mark says so. */
  async remove(context: CallContext, paths: ImagePaths): Promise<void> {
    const { image, mark } = await this.look(paths);
    if (image && mark === null) throw notOurs(paths);
    await explained(`delete ${paths.image}`, "unknown", async () => {
      await this.removeUnfinished(context, paths);
      await removeFile(context, paths.image);
      crashPoint("image-removed");
      endMark(context, paths);
      this.#inventory.forgetMark(paths.mark);
      crashPoint("mark-removed");
      await syncFolder(this.#folder);
    });
  }

  async removeUnfinished(context: CallContext, paths: ImagePaths): Promise<void> {
    await removeTries(context, paths);
    removeNow(context, footerScratch(paths.image));
  }

  async writeMark(context: CallContext, paths: ImagePaths, mark: ImageMark): Promise<void> {
    this.#inventory.forgetMark(paths.mark);
    try {
      await replaceText(context, paths.mark, paths.newMark, printMark(mark));
    } catch (error) {
      await discardFile(paths.newMark).catch(() => {});
      throw errorCode(error) === "ENOENT" && (await statOrNull(this.#folder)) !== null
        ? overtaken(paths.mark, error)
        : error;
    }
    this.#inventory.forgetMark(paths.mark);
  }

  removeMark(context: CallContext, paths: ImagePaths): void {
    removeNow(context, paths.mark);
    this.#inventory.forgetMark(paths.mark);
  }

  async look(paths: ImagePaths): Promise<{ image: boolean; mark: ImageMark | null }> {
    return await explained(`look at ${paths.image}`, "unknown", async () => {
      const text = await readTextOrNull(paths.mark);
      return { image: (await statOrNull(paths.image)) !== null, mark: text === null ? null : parseMark(text) };
    });
  }

  /** The mark of an object that must stand. */
  async ours(paths: ImagePaths): Promise<ImageMark> {
    const { image, mark } = await this.look(paths);
    if (!image) throw new DriverError("not-done", `${paths.image} is not there`);
    if (mark === null) throw notOurs(paths);
    return mark;
  }

  formatOf({ format, thick = this.#thick }: Pick<ImageMark, "format" | "thick">, mayShare = true): ImageFormat {
    return imageFormat(format, { command: this.#command, thick, reflinks: this.reflinks && mayShare });
  }
}

function expectSame(paths: ImagePaths, standing: ImageMark, wanted: ImageMark): void {
  if (standing.sizeBytes !== wanted.sizeBytes || standing.kind !== wanted.kind)
    throw new DriverError("not-done", `${paths.image} is there already, with another size`);
}

function notOurs(paths: ImagePaths): DriverError {
  return new DriverError("not-done", `${paths.image} is there and does not carry our mark: it is left alone`);
}
