import { join } from "node:path";
import { crashPoint } from "#shared/crash-point.ts";
import type { FileParameters } from "#shared/drivers/file.ts";
import type { Access, ConnectionInfo, Connector } from "#shared/model/attachment.ts";
import type { BlockAddress } from "#shared/model/block-address.ts";
import type { Measurement } from "#shared/model/capacity.ts";
import type { ListPage } from "#shared/model/listing.ts";
import type { GroupMember, OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import { gibToBytes } from "#shared/units.ts";
import { makeFolder, statOrNull } from "../../transport/files.ts";
import { begun } from "../begun.ts";
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
import { createGroupSnapshot, deleteGroupSnapshot } from "./group-snapshot.ts";
import { Images } from "./images.ts";
import { Inventory } from "./inventory.ts";
import { listFolder, withExports } from "./listing.ts";
import { type ImageFormatName, type ImageMark, type ImagePaths, snapshotPaths, volumePaths } from "./mark.ts";
import { probeFolder } from "./probe.ts";
import { replaceImage } from "./revert.ts";
import { measureFolder, SpaceLimit } from "./space.ts";
import { removeTries, TRIES_FOLDER } from "./tries.ts";

/**
 * Image files in a folder of this host. Snapshots and clones are images in their own right (reflinked where the file
 * system can), so nothing ever depends on another file and a chain cannot grow.
 */
export class FileDriver implements Driver {
  readonly #folder: string;
  readonly #format: ImageFormatName;
  readonly #thick: boolean;
  readonly #limitBytes: number;
  readonly #tools: DriverTools;
  readonly #inventory: Inventory;
  readonly #images: Images;
  readonly snapshotExports: FileExports;
  readonly foreign: FileForeign;

  constructor(parameters: FileParameters, tools: DriverTools) {
    this.#folder = parameters.path;
    this.#format = parameters.format ?? "raw";
    this.#thick = parameters.allocation === "thick";
    this.#limitBytes = gibToBytes(parameters.capacity_gib);
    this.#tools = tools;
    this.#inventory = new Inventory(this.#folder);
    const space = new SpaceLimit(this.#inventory, this.#limitBytes);
    this.#images = new Images({
      folder: this.#folder,
      thick: this.#thick,
      command: tools.command,
      inventory: this.#inventory,
      space,
    });
    this.snapshotExports = new FileExports({
      folder: this.#folder,
      iscsi: tools.iscsi,
      ours: (paths) => this.#images.ours(paths),
      stands: async ({ image }) => (await statOrNull(image)) !== null,
      formatOf: (mark) => this.#images.formatOf(mark),
    });
    this.foreign = new FileForeign({
      folder: this.#folder,
      format: this.#format,
      space,
      iscsi: tools.iscsi,
      formatOf: (mark) => this.#images.formatOf(mark),
      look: (paths) => this.#images.look(paths),
      writeMark: (context, paths, mark) => this.#images.writeMark(context, paths, mark),
      removeMark: (context, paths) => this.#images.removeMark(context, paths),
      removeUnfinished: (context, paths) => this.#images.removeUnfinished(context, paths),
      closeExports: (context, volumeId) => this.snapshotExports.closeAll(context, "volume", volumeId),
      grow: (context, paths, mark, newSizeBytes) => this.#images.grow(context, paths, mark, newSizeBytes),
    });
  }

  async open(context: CallContext): Promise<void> {
    await explained(`open the folder ${this.#folder}`, "not-done", async () => {
      await makeFolder(context, join(this.#folder, TRIES_FOLDER));
      this.#images.reflinks = await probeFolder(context, this.#folder);
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
        reflinks: this.#images.reflinks,
        format: this.#format,
        connectable: this.#tools.iscsi !== null && this.#images.formatOf({ format: this.#format }).exportable,
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
    await this.#images.make(context, volumePaths(this.#folder, volume.id), made, async (path) => {
      await this.#images.formatOf(made).create(context, path, volume.sizeBytes);
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
    await this.#images.remove(context, paths);
  }

  async extendVolume(context: CallContext, volume: VolumeRef, newSizeBytes: number): Promise<ObjectUpdate> {
    const paths = volumePaths(this.#folder, volume.id);
    const mark = await this.#images.ours(paths);
    if (newSizeBytes < mark.sizeBytes) throw new DriverError("not-done", "the volume is larger than that already");
    await explained("extend the volume", "unknown", () => this.#images.grow(context, paths, mark, newSizeBytes));
    await begun(() => this.snapshotExports.refreshVolumeSize(context, volume.id));
    return {};
  }

  /** Nothing of it is the image's: only the mark says otherwise. */
  async retypeVolume(context: CallContext, volume: VolumeRef, owner: OwnerMark): Promise<ObjectUpdate> {
    const paths = volumePaths(this.#folder, volume.id);
    const mark = await this.#images.ours(paths);
    await explained("change the volume's mark", "unknown", async () => {
      await removeTries(context, paths);
      await this.#images.writeMark(context, paths, { ...mark, owner });
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
    const { format, owner, sizeBytes, thick = this.#thick } = await this.#images.ours(source);
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
    await this.#images.make(context, snapshotPaths(this.#folder, snapshot.id), made, async (path) => {
      await this.#images.formatOf(made).copy(context, source.image, path, sizeBytes);
    });
    return { providerId: snapshotName(snapshot.id) };
  }

  async deleteSnapshot(context: CallContext, snapshot: SnapshotRef): Promise<void> {
    await this.snapshotExports.closeAll(context, "snapshot", snapshot.id);
    await this.#images.remove(context, snapshotPaths(this.#folder, snapshot.id));
  }

  async writeMark(
    context: CallContext,
    { volume, snapshot }: { readonly volume: VolumeRef; readonly snapshot: SnapshotRef | null },
    owner: OwnerMark,
  ): Promise<void> {
    const paths = snapshot === null ? volumePaths(this.#folder, volume.id) : snapshotPaths(this.#folder, snapshot.id);
    const mark = await this.#images.ours(paths);
    await explained("write the mark anew", "unknown", async () => {
      await removeTries(context, paths);
      await this.#images.writeMark(context, paths, { ...mark, owner });
    });
    crashPoint("mark-renewed");
  }

  async revertVolume(context: CallContext, volume: VolumeRef, snapshot: SnapshotRef): Promise<ObjectUpdate> {
    const paths = volumePaths(this.#folder, volume.id);
    const from = snapshotPaths(this.#folder, snapshot.id);
    const [has, had] = [await this.#images.ours(paths), await this.#images.ours(from)];
    if (has.sizeBytes !== had.sizeBytes || has.format !== had.format || had.volumeId !== volume.id)
      throw new DriverError("not-done", "the volume had another size or format then, or the snapshot is of another");
    await this.snapshotExports.closeAll(context, "volume", volume.id);
    await explained("revert the volume", "not-done", () =>
      replaceImage(context, paths, (path) => this.#images.formatOf(has).copy(context, from.image, path, had.sizeBytes)),
    );
    return {};
  }

  async createGroupSnapshot(
    context: CallContext,
    groupSnapshotId: string,
    members: readonly GroupMember[],
  ): Promise<MemberUpdate[]> {
    return await createGroupSnapshot(context, this.#folder, groupSnapshotId, members, this.#images);
  }

  async deleteGroupSnapshot(
    context: CallContext,
    groupSnapshotId: string,
    members: readonly GroupMember[],
  ): Promise<void> {
    await deleteGroupSnapshot(context, this.#folder, groupSnapshotId, members, this.#images);
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
    const { format } = await this.#images.ours(paths);
    return { kind: "file", path: paths.image, format };
  }

  async #copyVolume(
    context: CallContext,
    volume: VolumeRef,
    owner: OwnerMark,
    from: ImagePaths,
  ): Promise<ObjectUpdate> {
    const source = await this.#images.ours(from);
    if (volume.sizeBytes < source.sizeBytes)
      throw new DriverError("not-done", "a copy cannot be smaller than its original");
    const made = volumeMark(volume, owner, source.format, this.#isThick(volume));
    // Shared blocks are nobody's own: the source may be the thick one.
    const thickSource = source.thick ?? this.#thick;
    await this.#images.make(context, volumePaths(this.#folder, volume.id), made, async (path) => {
      await this.#images.formatOf(made, !thickSource).copy(context, from.image, path, volume.sizeBytes);
    });
    return { providerId: volumeName(volume.id) };
  }

  /** What its flavor says, or else the backend. */
  #isThick({ spec }: VolumeRef): boolean {
    const provisioning = spec?.provisioning ?? null;
    return provisioning === null ? this.#thick : provisioning === "thick";
  }
}

function volumeMark(volume: VolumeRef, owner: OwnerMark, format: ImageFormatName, thick: boolean): ImageMark {
  const { id, sizeBytes } = volume;
  return { version: 1, kind: "volume", id, volumeId: id, sizeBytes, format, owner, thick };
}
