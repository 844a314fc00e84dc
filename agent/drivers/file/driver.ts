import { randomUUID } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { crashPoint } from "#shared/crash-point.ts";
import type { FileParameters } from "#shared/drivers/file.ts";
import type { Access, ConnectionInfo, Connector } from "#shared/model/attachment.ts";
import type { BlockAddress } from "#shared/model/block-address.ts";
import type { Measurement } from "#shared/model/capacity.ts";
import type { ListPage } from "#shared/model/listing.ts";
import type { GroupMember, OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import { gibToBytes } from "#shared/units.ts";
import {
  createSparse,
  discardFile,
  errorCode,
  linkDurable,
  makeFolder,
  readTextOrNull,
  reflink,
  removeFile,
  removeNow,
  replaceText,
  settleFile,
  statOrNull,
  syncFolder,
} from "../../transport/files.ts";
import {
  type CallContext,
  type ChapCredentials,
  type Driver,
  DriverError,
  type MemberUpdate,
  type ObjectUpdate,
} from "../driver.ts";
import { snapshotName, volumeName } from "../names.ts";
import type { DriverTools } from "../tools.ts";
import { FileExports } from "./exports.ts";
import { explained } from "./failure.ts";
import { FileForeign } from "./foreign.ts";
import { type ImageFormat, imageFormat } from "./formats.ts";
import { createGroupSnapshot, deleteGroupSnapshot, type ImageSteps } from "./group-snapshot.ts";
import { Inventory } from "./inventory.ts";
import { listFolder, withExports } from "./listing.ts";
import {
  type ImageFormatName,
  type ImageMark,
  type ImagePaths,
  parseMark,
  printMark,
  snapshotPaths,
  volumePaths,
} from "./mark.ts";
import { replaceImage } from "./revert.ts";
import { measureFolder, SpaceLimit } from "./space.ts";
import { endMark, letStand, overtaken, takeBackMark } from "./standing.ts";
import { discardTry, footerScratch, removeTries, TRIES_FOLDER } from "./tries.ts";

const PROBE_PREFIX = ".probe-";
/** A probe takes milliseconds. */
const PROBE_MAX_AGE_MS = 60_000;

/**
 * Image files in a folder of this host. Snapshots and clones are images in their own right (reflinked where the file
 * system can), so nothing ever depends on another file and a chain cannot grow.
 *
 * An object is made in three steps, each of which can be the last before a crash: its mark (the reservation), the image
 * under a name of this try's own (`tries.ts`), and the link that makes it stand.
 */
export class FileDriver implements Driver {
  readonly #folder: string;
  readonly #format: ImageFormatName;
  readonly #thick: boolean;
  readonly #limitBytes: number;
  readonly #tools: DriverTools;
  readonly #inventory: Inventory;
  readonly #space: SpaceLimit;
  readonly snapshotExports: FileExports;
  readonly foreign: FileForeign;
  #reflinks = false;

  constructor(parameters: FileParameters, tools: DriverTools) {
    this.#folder = parameters.path;
    this.#format = parameters.format ?? "raw";
    this.#thick = parameters.allocation === "thick";
    this.#limitBytes = gibToBytes(parameters.capacity_gib);
    this.#tools = tools;
    this.#inventory = new Inventory(this.#folder);
    this.#space = new SpaceLimit(this.#inventory, this.#limitBytes);
    this.snapshotExports = new FileExports({
      folder: this.#folder,
      iscsi: tools.iscsi,
      ours: (paths) => this.#ours(paths),
      stands: async ({ image }) => (await statOrNull(image)) !== null,
      formatOf: (mark) => this.#formatOf(mark),
    });
    this.foreign = new FileForeign({
      folder: this.#folder,
      format: this.#format,
      space: this.#space,
      iscsi: tools.iscsi,
      formatOf: (mark) => this.#formatOf(mark),
      look: (paths) => this.#look(paths),
      writeMark: (context, paths, mark) => this.#writeMark(context, paths, mark),
      removeMark: (context, paths) => this.#removeMark(context, paths),
      removeUnfinished: (context, paths) => this.#removeUnfinished(context, paths),
      closeExports: (context, volumeId) => this.snapshotExports.closeAll(context, "volume", volumeId),
      grow: (context, paths, mark, newSizeBytes) => this.#grow(context, paths, mark, newSizeBytes),
    });
  }

  async open(context: CallContext): Promise<void> {
    await explained(`open the folder ${this.#folder}`, "not-done", async () => {
      await makeFolder(context, join(this.#folder, TRIES_FOLDER));
      this.#reflinks = await this.#probe(context);
      await this.#tools.command.run(context, "qemu-img", ["--version"], { changes: false });
    });
  }

  async close(): Promise<void> {}

  async measure(): Promise<Measurement> {
    return await explained("measure the folder", "unknown", () =>
      measureFolder({
        folder: this.#folder,
        inventory: this.#inventory,
        limitBytes: this.#limitBytes,
        thick: this.#thick,
        reflinks: this.#reflinks,
        format: this.#format,
        connectable: this.#tools.iscsi !== null && this.#formatOf({ format: this.#format }).exportable,
      }),
    );
  }

  async list(context: CallContext, after: string | null): Promise<ListPage> {
    const page = await explained("list the folder", "unknown", () => listFolder(this.#folder, after));
    const exports = (await this.#tools.iscsi?.exported(context)) ?? [];
    return { ...page, objects: withExports(page.objects, this.#folder, exports) };
  }

  async createVolume(context: CallContext, volume: VolumeRef, mark: OwnerMark): Promise<ObjectUpdate> {
    const made = volumeMark(volume, mark, this.#format, this.#isThick(volume));
    await this.#make(context, volumePaths(this.#folder, volume.id), made, async (path) => {
      await this.#formatOf(made).create(context, path, volume.sizeBytes);
    });
    return { providerId: volumeName(volume.id) };
  }

  async createVolumeFromSnapshot(
    context: CallContext,
    volume: VolumeRef,
    mark: OwnerMark,
    snapshot: SnapshotRef,
  ): Promise<ObjectUpdate> {
    return await this.#copyVolume(context, volume, mark, snapshotPaths(this.#folder, snapshot.id));
  }

  async cloneVolume(
    context: CallContext,
    volume: VolumeRef,
    mark: OwnerMark,
    source: VolumeRef,
  ): Promise<ObjectUpdate> {
    return await this.#copyVolume(context, volume, mark, volumePaths(this.#folder, source.id));
  }

  async deleteVolume(context: CallContext, volume: VolumeRef): Promise<void> {
    const paths = volumePaths(this.#folder, volume.id);
    await this.snapshotExports.closeAll(context, "volume", volume.id);
    await this.#remove(context, paths);
  }

  async extendVolume(context: CallContext, volume: VolumeRef, newSizeBytes: number): Promise<ObjectUpdate> {
    const paths = volumePaths(this.#folder, volume.id);
    const mark = await this.#ours(paths);
    if (newSizeBytes < mark.sizeBytes) throw new DriverError("not-done", "the volume is larger than that already");
    await explained("extend the volume", "unknown", () => this.#grow(context, paths, mark, newSizeBytes));
    await this.snapshotExports.refreshVolumeSize(context, volume.id);
    return {};
  }

  /** Nothing of it is the image's: only the mark says otherwise. */
  async retypeVolume(context: CallContext, volume: VolumeRef, owner: OwnerMark): Promise<ObjectUpdate> {
    const paths = volumePaths(this.#folder, volume.id);
    const mark = await this.#ours(paths);
    await explained("change the volume's mark", "unknown", async () => {
      await removeTries(context, paths);
      await this.#writeMark(context, paths, { ...mark, owner });
    });
    return {};
  }

  async createSnapshot(
    context: CallContext,
    snapshot: SnapshotRef,
    volume: VolumeRef,
    mark: OwnerMark | null,
  ): Promise<ObjectUpdate> {
    const source = volumePaths(this.#folder, volume.id);
    const { format, owner, sizeBytes, thick = this.#thick } = await this.#ours(source);
    const made: ImageMark = {
      version: 1,
      kind: "snapshot",
      id: snapshot.id,
      volumeId: volume.id,
      sizeBytes,
      format,
      owner: mark ?? owner,
      thick,
    };
    await this.#make(context, snapshotPaths(this.#folder, snapshot.id), made, async (path) => {
      await this.#formatOf(made).copy(context, source.image, path, sizeBytes);
    });
    return { providerId: snapshotName(snapshot.id) };
  }

  async deleteSnapshot(context: CallContext, snapshot: SnapshotRef): Promise<void> {
    await this.snapshotExports.closeAll(context, "snapshot", snapshot.id);
    await this.#remove(context, snapshotPaths(this.#folder, snapshot.id));
  }

  async writeMark(
    context: CallContext,
    { volume, snapshot }: { readonly volume: VolumeRef; readonly snapshot: SnapshotRef | null },
    owner: OwnerMark,
  ): Promise<void> {
    const paths = snapshot === null ? volumePaths(this.#folder, volume.id) : snapshotPaths(this.#folder, snapshot.id);
    const mark = await this.#ours(paths);
    await explained("write the mark anew", "unknown", async () => {
      await removeTries(context, paths);
      await this.#writeMark(context, paths, { ...mark, owner });
    });
    crashPoint("mark-renewed");
  }

  async revertVolume(context: CallContext, volume: VolumeRef, snapshot: SnapshotRef): Promise<ObjectUpdate> {
    const paths = volumePaths(this.#folder, volume.id);
    const from = snapshotPaths(this.#folder, snapshot.id);
    const [has, had] = [await this.#ours(paths), await this.#ours(from)];
    if (has.sizeBytes !== had.sizeBytes || has.format !== had.format || had.volumeId !== volume.id)
      throw new DriverError("not-done", "the volume had another size or format then, or the snapshot is of another");
    await this.snapshotExports.closeAll(context, "volume", volume.id);
    await explained("revert the volume", "not-done", () =>
      replaceImage(context, paths, (path) => this.#formatOf(has).copy(context, from.image, path, had.sizeBytes)),
    );
    return {};
  }

  async createGroupSnapshot(
    context: CallContext,
    groupSnapshotId: string,
    members: readonly GroupMember[],
  ): Promise<MemberUpdate[]> {
    return await createGroupSnapshot(context, this.#folder, groupSnapshotId, members, this.#steps());
  }

  async deleteGroupSnapshot(
    context: CallContext,
    groupSnapshotId: string,
    members: readonly GroupMember[],
  ): Promise<void> {
    await deleteGroupSnapshot(context, this.#folder, groupSnapshotId, members, this.#steps());
  }

  #steps(): ImageSteps {
    return {
      look: (paths) => this.#look(paths),
      ours: (paths) => this.#ours(paths),
      reserve: (context, paths, mark) =>
        this.#space.reserve(async () => {
          await this.#writeMark(context, paths, mark);
          return async () => this.#removeMark(context, paths);
        }),
      copy: (context, mark, from, to) => this.#formatOf(mark).copy(context, from, to, mark.sizeBytes),
      removeUnfinished: (context, paths) => this.#removeUnfinished(context, paths),
      takeBack: (context, paths) => this.#takeBack(context, paths),
      remove: (context, paths) => this.#remove(context, paths),
    };
  }

  async ensureExport(context: CallContext, volume: VolumeRef, chap: ChapCredentials, access: Access): Promise<void> {
    await this.snapshotExports.ensureVolume(context, volume.id, chap, access);
  }

  async removeExport(context: CallContext, volume: VolumeRef): Promise<void> {
    await this.snapshotExports.removeVolume(context, volume.id);
  }

  async initializeConnection(
    context: CallContext,
    volume: VolumeRef,
    connector: Connector,
    chap: ChapCredentials,
    access: Access,
  ): Promise<ConnectionInfo> {
    return await this.snapshotExports.letInToVolume(context, volume.id, connector, chap, access);
  }

  async terminateConnection(context: CallContext, volume: VolumeRef, connector: Connector): Promise<void> {
    await this.snapshotExports.shutOutOfVolume(context, volume.id, connector);
  }

  async blockAddress(_context: CallContext, volume: VolumeRef): Promise<BlockAddress> {
    const paths = volumePaths(this.#folder, volume.id);
    const { format } = await this.#ours(paths);
    return { kind: "file", path: paths.image, format };
  }

  async #copyVolume(
    context: CallContext,
    volume: VolumeRef,
    owner: OwnerMark,
    from: ImagePaths,
  ): Promise<ObjectUpdate> {
    const source = await this.#ours(from);
    if (volume.sizeBytes < source.sizeBytes)
      throw new DriverError("not-done", "a copy cannot be smaller than its original");
    const made = volumeMark(volume, owner, source.format, this.#isThick(volume));
    // Shared blocks are nobody's own: the source may be the thick one.
    const thickSource = source.thick ?? this.#thick;
    await this.#make(context, volumePaths(this.#folder, volume.id), made, async (path) => {
      await this.#formatOf(made, !thickSource).copy(context, from.image, path, volume.sizeBytes);
    });
    return { providerId: volumeName(volume.id) };
  }

  async #grow(context: CallContext, paths: ImagePaths, mark: ImageMark, newSizeBytes: number): Promise<void> {
    await removeTries(context, paths);
    await this.#space.whileGrowing(newSizeBytes - mark.sizeBytes, async () => {
      await this.#formatOf(mark).grow(context, paths.image, newSizeBytes);
      crashPoint("image-grown");
      await this.#writeMark(context, paths, { ...mark, sizeBytes: newSizeBytes });
    });
  }

  /** Makes an object stand, or finds that it does. On failure nothing is left, unless the lease or the time is gone. */
  async #make(
    context: CallContext,
    paths: ImagePaths,
    mark: ImageMark,
    fill: (path: string) => Promise<void>,
  ): Promise<void> {
    const { image, mark: standing } = await this.#look(paths);
    if (image && standing === null) throw notOurs(paths);
    if (image && standing !== null) {
      expectSame(paths, standing, mark);
      return await explained("end what made it stand", "unknown", () => removeTries(context, paths));
    }
    await explained(`make ${paths.image}`, "not-done", async () => {
      await this.#removeUnfinished(context, paths);
      await this.#space.reserve(async () => {
        await this.#writeMark(context, paths, mark);
        return async () => this.#removeMark(context, paths);
      });
      crashPoint("mark-written");
      try {
        await fill(paths.newImage);
        await settleFile(context, paths.newImage);
        crashPoint("image-filled");
        await this.#makeStand(context, paths, mark);
      } catch (error) {
        await this.#takeBack(context, paths);
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
      expectSame(paths, await this.#ours(paths), mark);
    }
    crashPoint("image-renamed");
    await discardTry(context, paths);
  }

  /** After a failure; when even that is not allowed or fails, deletion or the next try does it. */
  async #takeBack(context: CallContext, paths: ImagePaths): Promise<void> {
    await discardTry(context, paths);
    try {
      takeBackMark(context, paths);
      this.#inventory.forgetMark(paths.mark);
    } catch (error) {
      context.log.warn({ err: error, image: paths.image }, "a failed creation could not be taken back yet");
    }
  }

  /** The image before its mark: as long as anything of ours is there, the mark says so. */
  async #remove(context: CallContext, paths: ImagePaths): Promise<void> {
    const { image, mark } = await this.#look(paths);
    if (image && mark === null) throw notOurs(paths);
    await explained(`delete ${paths.image}`, "unknown", async () => {
      await this.#removeUnfinished(context, paths);
      await removeFile(context, paths.image);
      crashPoint("image-removed");
      endMark(context, paths);
      this.#inventory.forgetMark(paths.mark);
      crashPoint("mark-removed");
      await syncFolder(this.#folder);
    });
  }

  async #removeUnfinished(context: CallContext, paths: ImagePaths): Promise<void> {
    await removeTries(context, paths);
    removeNow(context, footerScratch(paths.image));
  }

  async #writeMark(context: CallContext, paths: ImagePaths, mark: ImageMark): Promise<void> {
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

  #removeMark(context: CallContext, paths: ImagePaths): void {
    removeNow(context, paths.mark);
    this.#inventory.forgetMark(paths.mark);
  }

  async #look(paths: ImagePaths): Promise<{ image: boolean; mark: ImageMark | null }> {
    return await explained(`look at ${paths.image}`, "unknown", async () => {
      const text = await readTextOrNull(paths.mark);
      return { image: (await statOrNull(paths.image)) !== null, mark: text === null ? null : parseMark(text) };
    });
  }

  /** The mark of an object that must stand. */
  async #ours(paths: ImagePaths): Promise<ImageMark> {
    const { image, mark } = await this.#look(paths);
    if (!image) throw new DriverError("not-done", `${paths.image} is not there`);
    if (mark === null) throw notOurs(paths);
    return mark;
  }

  #formatOf({ format, thick = this.#thick }: Pick<ImageMark, "format" | "thick">, mayShare = true): ImageFormat {
    return imageFormat(format, { command: this.#tools.command, thick, reflinks: this.#reflinks && mayShare });
  }

  /** What its flavor says, or else the backend. */
  #isThick({ spec }: VolumeRef): boolean {
    const provisioning = spec?.provisioning ?? null;
    return provisioning === null ? this.#thick : provisioning === "thick";
  }

  /** Can files be made here, and have two names, and can they share blocks? */
  async #probe(context: CallContext): Promise<boolean> {
    await this.#removeOldProbes(context);
    const one = join(this.#folder, `${PROBE_PREFIX}${randomUUID()}`);
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
  async #removeOldProbes(context: CallContext): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => name.startsWith(PROBE_PREFIX));
    for (const path of names.map((name) => join(this.#folder, name))) {
      const found = await statOrNull(path);
      if (found !== null && Date.now() - found.mtimeMs > PROBE_MAX_AGE_MS) await removeFile(context, path);
    }
  }
}

function expectSame(paths: ImagePaths, standing: ImageMark, wanted: ImageMark): void {
  if (standing.sizeBytes !== wanted.sizeBytes || standing.kind !== wanted.kind)
    throw new DriverError("not-done", `${paths.image} is there already, with another size`);
}

function volumeMark(volume: VolumeRef, owner: OwnerMark, format: ImageFormatName, thick: boolean): ImageMark {
  const { id, sizeBytes } = volume;
  return { version: 1, kind: "volume", id, volumeId: id, sizeBytes, format, owner, thick };
}

function notOurs(paths: ImagePaths): DriverError {
  return new DriverError("not-done", `${paths.image} is there and does not carry our mark: it is left alone`);
}
