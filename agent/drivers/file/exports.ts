import type { Access, ConnectionInfo, Connector } from "#shared/model/attachment.ts";
import type { SnapshotRef } from "#shared/model/operation.ts";
import type { IscsiExport } from "../../export/iscsi-export.ts";
import { type CallContext, type ChapCredentials, DriverError, type SnapshotExports } from "../driver.ts";
import { type ExportName, exportOfSnapshot, exportOfVolume } from "../names.ts";
import { explained } from "./failure.ts";
import type { ImageFormat } from "./formats.ts";
import { type ImageMark, type ImagePaths, snapshotPaths, volumePaths } from "./mark.ts";

export interface FileExportsSetting {
  readonly folder: string;
  readonly iscsi: IscsiExport | null;
  /** The mark of an image that must stand; throws a DriverError where there is none or another's. */
  readonly ours: (paths: ImagePaths) => Promise<ImageMark>;
  readonly stands: (paths: ImagePaths) => Promise<boolean>;
  readonly formatOf: (mark: ImageMark) => ImageFormat;
}

const BOTH = ["rw", "ro"] as const satisfies readonly Access[];

/** Images of a folder, volumes and snapshots alike, as hosts reach them through this host's iSCSI target. */
export class FileExports implements SnapshotExports {
  readonly #setting: FileExportsSetting;

  constructor(setting: FileExportsSetting) {
    this.#setting = setting;
  }

  async ensureVolume(context: CallContext, id: string, chap: ChapCredentials, access: Access): Promise<void> {
    await this.#ensure(context, exportOfVolume(id, access), chap);
  }

  async letInToVolume(
    context: CallContext,
    id: string,
    connector: Connector,
    chap: ChapCredentials,
    access: Access,
  ): Promise<ConnectionInfo> {
    return await this.#letIn(context, exportOfVolume(id, access), connector, chap);
  }

  async shutOutOfVolume(context: CallContext, id: string, { initiator }: Connector): Promise<void> {
    for (const access of BOTH) await this.#setting.iscsi?.disallow(context, exportOfVolume(id, access), initiator);
  }

  async removeVolume(context: CallContext, id: string): Promise<void> {
    await this.#remove(
      context,
      BOTH.map((access) => exportOfVolume(id, access)),
    );
  }

  async ensureExport(context: CallContext, snapshot: SnapshotRef, chap: ChapCredentials): Promise<void> {
    await this.#ensure(context, exportOfSnapshot(snapshot.id), chap);
  }

  async removeExport(context: CallContext, snapshot: SnapshotRef): Promise<void> {
    await this.#remove(context, [exportOfSnapshot(snapshot.id)]);
  }

  async initializeConnection(
    context: CallContext,
    snapshot: SnapshotRef,
    connector: Connector,
    chap: ChapCredentials,
  ): Promise<ConnectionInfo> {
    return await this.#letIn(context, exportOfSnapshot(snapshot.id), connector, chap);
  }

  async terminateConnection(context: CallContext, snapshot: SnapshotRef, { initiator }: Connector): Promise<void> {
    await this.#setting.iscsi?.disallow(context, exportOfSnapshot(snapshot.id), initiator);
  }

  /** Before its image goes; an object of another folder of this host under the same id is left alone. */
  async closeAll(context: CallContext, kind: ExportName["kind"], id: string): Promise<void> {
    const { image } = this.#paths({ kind, id });
    const names = kind === "snapshot" ? [exportOfSnapshot(id)] : BOTH.map((access) => exportOfVolume(id, access));
    for (const name of names) await this.#setting.iscsi?.remove(context, name, image);
  }

  /** Whoever has it open sees the new size. */
  async refreshVolumeSize(context: CallContext, id: string): Promise<void> {
    for (const access of BOTH) {
      const name = exportOfVolume(id, access);
      await this.#setting.iscsi?.refreshSize(context, { ...name, path: this.#paths(name).image });
    }
  }

  async #ensure(context: CallContext, name: ExportName, chap: ChapCredentials): Promise<void> {
    const paths = this.#paths(name);
    const { iscsi, format } = this.#connectable(await this.#setting.ours(paths));
    await explained(`export the ${name.kind}`, "unknown", async () => {
      await format.beforeExport(context, paths.image);
      await iscsi.ensure(context, { ...name, path: paths.image }, chap);
    });
  }

  async #letIn(
    context: CallContext,
    name: ExportName,
    connector: Connector,
    chap: ChapCredentials,
  ): Promise<ConnectionInfo> {
    const { iscsi } = this.#connectable(await this.#setting.ours(this.#paths(name)));
    await iscsi.allow(context, name, connector.initiator);
    return iscsi.connectionInfo(name, chap, connector.multipath);
  }

  async #remove(context: CallContext, names: readonly ExportName[]): Promise<void> {
    const { iscsi, stands, ours, formatOf } = this.#setting;
    for (const name of names) await iscsi?.remove(context, name);
    const [first] = names;
    if (first === undefined) return;
    const paths = this.#paths(first);
    if (!(await stands(paths))) return;
    const mark = await ours(paths);
    await explained("put the image to rest", "unknown", () => formatOf(mark).afterExport(context, paths.image));
  }

  #connectable(mark: ImageMark): { iscsi: IscsiExport; format: ImageFormat } {
    const { iscsi, formatOf } = this.#setting;
    const format = formatOf(mark);
    if (iscsi === null)
      throw new DriverError("not-done", "this agent has no iSCSI target configured: volumes here cannot be connected");
    if (!format.exportable)
      throw new DriverError(
        "not-done",
        `volumes in the format ${mark.format} cannot be connected: the target serves raw and vhd only`,
      );
    return { iscsi, format };
  }

  #paths({ kind, id }: Pick<ExportName, "kind" | "id">): ImagePaths {
    return kind === "volume" ? volumePaths(this.#setting.folder, id) : snapshotPaths(this.#setting.folder, id);
  }
}
