import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { crashPoint } from "#shared/crash-point.ts";
import { FOREIGN_PER_PAGE, type ForeignObject, type ForeignPage } from "#shared/model/foreign.ts";
import type { OwnerMark, VolumeRef } from "#shared/model/operation.ts";
import { inParallel } from "#shared/parallel.ts";
import type { IscsiExport } from "../../export/iscsi-export.ts";
import { userOf } from "../../transport/file-users.ts";
import {
  errorCode,
  fileIsThere,
  linkDurable,
  linkStatOrNull,
  readTextOrNull,
  removeSecondNameNow,
  renameDurable,
  setMode,
  settleFile,
  statOrNull,
  syncFolder,
} from "../../transport/files.ts";
import {
  type CallContext,
  DriverError,
  type ForeignObjects,
  type ObjectUpdate,
  type WantedForeign,
} from "../driver.ts";
import { objectOfName, volumeName } from "../names.ts";
import { explained } from "./failure.ts";
import { readForeignImage } from "./foreign-image.ts";
import type { ImageFormat } from "./formats.ts";
import { isBond } from "./group-snapshot.ts";
import { isProbe, nameOfPart } from "./listing.ts";
import { type ImageFormatName, type ImageMark, type ImagePaths, parseMark, volumePaths } from "./mark.ts";
import type { SpaceLimit } from "./space.ts";
import { removeTries, TRIES_FOLDER } from "./tries.ts";

const PARALLEL = 16;
const OUR_MODE = 0o600;

/** What the driver does with its own images, and lends here. */
export interface FileHouse {
  readonly folder: string;
  readonly format: ImageFormatName;
  readonly space: SpaceLimit;
  readonly iscsi: IscsiExport | null;
  formatOf(mark: Pick<ImageMark, "format" | "thick">): ImageFormat;
  look(paths: ImagePaths): Promise<{ readonly image: boolean; readonly mark: ImageMark | null }>;
  writeMark(context: CallContext, paths: ImagePaths, mark: ImageMark): Promise<void>;
  removeMark(context: CallContext, paths: ImagePaths): void;
  removeUnfinished(context: CallContext, paths: ImagePaths): Promise<void>;
  /** All ways in to a volume. */
  closeExports(context: CallContext, volumeId: string): Promise<void>;
  grow(context: CallContext, paths: ImagePaths, mark: ImageMark, newSizeBytes: number): Promise<void>;
}

/**
 * Other people's images in a backend's folder. Taking one over is our mark (the reservation, which tells its name and
 * size), our name, the end of its old one, and growing it to whole GiB; letting go is a second name, the end of ours, and
 * of the mark. No name is given by a rename that could take another's place, and none is removed that another agent, who
 * was quicker, could have made the only one: what a paused agent does late moves a name at worst.
 */
export class FileForeign implements ForeignObjects {
  readonly #house: FileHouse;

  constructor(house: FileHouse) {
    this.#house = house;
  }

  async list(_context: CallContext, after: string | null): Promise<ForeignPage> {
    return await explained("list what others have in the folder", "unknown", async () => {
      const names = (await readdir(this.#house.folder)).filter(
        (name) =>
          isPlainName(name) &&
          name !== TRIES_FOLDER &&
          !isProbe(name) &&
          !isBond(name) &&
          nameOfPart(name) === null &&
          (after === null || name > after),
      );
      const wanted = names.sort();
      const page = wanted.slice(0, FOREIGN_PER_PAGE);
      const found = new Map<string, ForeignObject>();
      await inParallel(page, PARALLEL, async (name) => {
        const object = (await this.#isMarked(name)) ? null : await this.#inspect(name);
        if (object !== null) found.set(name, object);
      });
      const objects = page.flatMap((name) => found.get(name) ?? []);
      return { objects, next: wanted.length > page.length ? (page.at(-1) ?? null) : null };
    });
  }

  async describe(context: CallContext, reference: string): Promise<ForeignObject | null> {
    if (!isPlainName(reference)) return null;
    return await explained(`look at ${reference}`, "unknown", async () => {
      const object = await this.#inspect(reference);
      if (object === null || object.whyNot !== null) return object;
      return { ...object, whyNot: await this.#whoUses(context, reference) };
    });
  }

  async takeOver(
    context: CallContext,
    volume: VolumeRef,
    owner: OwnerMark,
    wanted: WantedForeign,
  ): Promise<ObjectUpdate> {
    const paths = volumePaths(this.#house.folder, volume.id);
    const before = await this.#house.look(paths);
    if (!before.image) await this.#take(context, paths, volume, owner, wanted);
    const { mark } = await this.#house.look(paths);
    if (mark?.taken?.name !== wanted.reference)
      throw new DriverError("not-done", `${paths.image} is there already, and was not taken over from that name`);
    await explained(`take over ${wanted.reference}`, "unknown", async () => {
      await this.#endOldName(context, paths, wanted.reference);
      await settleFile(context, paths.image);
      if (mark.sizeBytes < volume.sizeBytes) await this.#house.grow(context, paths, mark, volume.sizeBytes);
    });
    return { providerId: volumeName(volume.id) };
  }

  async letGo(context: CallContext, volume: VolumeRef, reference: string): Promise<void> {
    if (!isPlainName(reference)) throw notAName(reference);
    const { folder, closeExports, formatOf, look } = this.#house;
    const paths = volumePaths(folder, volume.id);
    const { image, mark } = await look(paths);
    if (mark === null) return await this.#bringBack(context, paths, reference);
    if (image) {
      await closeExports(context, volume.id);
      await explained(`let go of ${paths.image}`, "unknown", async () => {
        if (mark.taken !== undefined) await this.#endOldName(context, paths, mark.taken.name);
        await formatOf(mark).afterExport(context, paths.image);
        if (mark.taken?.name === reference) await this.#makeAsItWas(context, paths, mark, mark.taken);
        await this.#link(context, paths.image, reference);
        crashPoint("image-linked");
        // Not if it became the only one: a take-over that came again may be at it, and moves the old name away.
        if (!removeSecondNameNow(context, paths.image))
          throw new DriverError("unknown", `${reference} was taken over in the same moment`);
        await syncFolder(folder);
      });
    }
    crashPoint("image-let-go");
    await explained(`remove the mark of ${paths.image}`, "unknown", async () => {
      await this.#house.removeUnfinished(context, paths);
      this.#house.removeMark(context, paths);
      removeSecondNameNow(context, paths.image);
      await syncFolder(folder);
    });
  }

  async #take(
    context: CallContext,
    paths: ImagePaths,
    volume: VolumeRef,
    owner: OwnerMark,
    { reference, identity, foundBytes }: WantedForeign,
  ): Promise<void> {
    const found = await this.describe(context, reference);
    if (found === null) throw new DriverError("not-done", `there is no ${JSON.stringify(reference)}`);
    if (found.whyNot !== null) throw new DriverError("not-done", `${reference} cannot be taken over: ${found.whyNot}`);
    if (found.identity !== identity || found.sizeBytes !== foundBytes)
      throw new DriverError("not-done", `${reference} is not what it was when it was looked at`);
    const { folder, format, space } = this.#house;
    await explained(`take over ${reference}`, "unknown", async () => {
      const from = join(folder, reference);
      const mode = (await statOrNull(from))?.mode ?? OUR_MODE;
      const taken = { name: reference, sizeBytes: foundBytes, mode: mode & 0o777 };
      const mark: ImageMark = {
        version: 1,
        kind: "volume",
        id: volume.id,
        volumeId: volume.id,
        sizeBytes: foundBytes,
        format,
        owner,
        taken,
      };
      await removeTries(context, paths);
      await space.reserve(async () => {
        await this.#house.writeMark(context, paths, mark);
        return async () => this.#house.removeMark(context, paths);
      });
      crashPoint("image-claimed");
      await linkDurable(context, from, paths.image);
      // As in `standing.ts`: it may have been let go of meanwhile.
      if (!fileIsThere(paths.mark)) {
        removeSecondNameNow(context, paths.image);
        throw new DriverError("not-done", `${reference} was given back while it was taken over`);
      }
      crashPoint("image-taken-over");
    });
  }

  /**
   * The old name is moved aside and removed there: removed where it stands, a late removal could be that of another file,
   * or of the same one given back. What is found aside and is not the same file is told as foreign like any other.
   */
  async #endOldName(context: CallContext, { image }: ImagePaths, reference: string): Promise<void> {
    const { folder } = this.#house;
    const [from, aside] = [join(folder, reference), `${image}.taken`];
    if (await sameFile(image, from)) await renameDurable(context, from, aside);
    if (!(await sameFile(image, aside))) return;
    removeSecondNameNow(context, aside);
    await syncFolder(folder);
  }

  /** What a take-over that came again moved aside when it had been let go of already gets its name again. */
  async #bringBack(context: CallContext, { image }: ImagePaths, reference: string): Promise<void> {
    const aside = `${image}.taken`;
    if ((await statOrNull(aside)) === null || (await statOrNull(image)) !== null) return;
    await explained(`bring ${reference} back`, "unknown", async () => {
      await this.#link(context, aside, reference);
      removeSecondNameNow(context, aside);
      await syncFolder(this.#house.folder);
    });
  }

  /** Nobody had it while it was ours: what was added to its end is empty. */
  async #makeAsItWas(
    context: CallContext,
    { image }: ImagePaths,
    mark: ImageMark,
    { sizeBytes, mode }: NonNullable<ImageMark["taken"]>,
  ): Promise<void> {
    await this.#house.formatOf(mark).shrink(context, image, sizeBytes);
    await setMode(context, image, mode);
  }

  /** A second name, for a rename would take the place of whatever has it by then. */
  async #link(context: CallContext, image: string, reference: string): Promise<void> {
    const target = join(this.#house.folder, reference);
    try {
      await linkDurable(context, image, target);
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
      if (await sameFile(image, target)) return;
      throw new DriverError("not-done", `the name ${reference} is taken: move away what has it`);
    }
  }

  /** null: it is gone. */
  async #inspect(name: string): Promise<ForeignObject | null> {
    const path = join(this.#house.folder, name);
    const stats = await linkStatOrNull(path);
    if (stats === null) return null;
    const identity = `${stats.ino}-${Math.trunc(stats.birthtimeMs)}`;
    const told = (sizeBytes: number | null, whyNot: string | null): ForeignObject => ({
      reference: name,
      sizeBytes,
      countedBytes: Math.min(stats.blocks * 512, stats.size),
      identity,
      whyNot,
    });
    if (stats.isSymbolicLink()) return told(null, "it is a symbolic link");
    if (stats.isDirectory()) return told(null, "it is a folder");
    if (!stats.isFile()) return told(null, "it is no file");
    if (nameOfPart(name) !== null) return told(null, "it is a part of an object of ours");
    if (await this.#isMarked(name)) return told(null, "it bears our mark");
    if (name.startsWith(".")) return told(null, "it is hidden by its name");
    if (stats.nlink > 1) return told(null, "it has more names than this one (hard links)");
    try {
      const { sizeBytes, whyNot } = await readForeignImage(path, this.#house.format, stats);
      return told(sizeBytes, whyNot);
    } catch (error) {
      return told(null, `it could not be read (${errorCode(error) ?? "no code"})`);
    }
  }

  async #isMarked(name: string): Promise<boolean> {
    if (objectOfName(name) === null) return false;
    const text = await readTextOrNull(join(this.#house.folder, `${name}.json`));
    return text !== null && parseMark(text) !== null;
  }

  async #whoUses(context: CallContext, reference: string): Promise<string | null> {
    const path = join(this.#house.folder, reference);
    const exports = (await this.#house.iscsi?.exported(context)) ?? [];
    return exports.some((standing) => standing.path === path) ? "it is exported" : await userOf(path);
  }
}

async function sameFile(one: string, other: string): Promise<boolean> {
  const [first, second] = [await linkStatOrNull(one), await linkStatOrNull(other)];
  return first !== null && first.ino === second?.ino && first.dev === second.dev;
}

/** A name in the folder and nothing else: no path, nothing that a terminal or a log would stumble over. */
function isPlainName(name: string): boolean {
  return (
    name !== "." &&
    name !== ".." &&
    name.isWellFormed() &&
    !/[/\p{Cc}\ufffd]/u.test(name) &&
    name.length > 0 &&
    Buffer.byteLength(name) <= 255
  );
}

function notAName(reference: string): DriverError {
  return new DriverError("not-done", `${JSON.stringify(reference.slice(0, 80))} is no name of a file in the folder`);
}
