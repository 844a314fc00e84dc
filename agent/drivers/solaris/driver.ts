import { DEFAULT_VOLUME_BASE, type SolarisParameters } from "#shared/drivers/solaris.ts";
import type { Access, Connector } from "#shared/model/attachment.ts";
import type { Measurement } from "#shared/model/capacity.ts";
import type { ListPage } from "#shared/model/listing.ts";
import type { OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import {
  type CallContext,
  type ChapCredentials,
  type Driver,
  DriverError,
  type HostConnection,
  type ObjectUpdate,
} from "../driver.ts";
import { sanShell } from "../san/connect.ts";
import { chosenPortals } from "../san/iscsi.ts";
import type { DriverTools } from "../tools.ts";
import { SolarisExports } from "./exports.ts";
import { SolarisHost } from "./host.ts";
import { listPage } from "./listing.ts";
import { measure } from "./measure.ts";
import { isWhole, list, ObjectNames, type Standing } from "./objects.ts";
import { explained, refusalOf } from "./refusal.ts";
import { removeCloneOrigin, removeVolume } from "./removal.ts";
import { revert } from "./revert.ts";
import { checkSetUp } from "./set-up-check.ts";
import { Volumes } from "./volumes.ts";

const SSH_PORT = 22;

/** ZFS volumes of a Solaris or illumos host, served by COMSTAR. Whatever stands there ZFS makes at once or not at all. */
export class SolarisDriver implements Driver {
  readonly #host: SolarisHost;
  readonly #names: ObjectNames;
  readonly #thin: boolean;
  readonly #volumes: Volumes;
  readonly #exports: SolarisExports;

  constructor(parameters: SolarisParameters, tools: DriverTools) {
    const { san_ip, san_iscsi_portals, iscsi_ip_prefix, san_tpgs = null } = parameters;
    this.#host = new SolarisHost(sanShell(parameters, tools, { defaultPort: SSH_PORT }));
    this.#names = new ObjectNames(parameters.san_zfs_volume_base ?? DEFAULT_VOLUME_BASE);
    this.#thin = parameters.san_thin_provision ?? true;
    this.#volumes = new Volumes(this.#host, this.#names, this.#thin);
    const portals = chosenPortals(san_iscsi_portals?.split(",") ?? [san_ip], iscsi_ip_prefix);
    this.#exports = new SolarisExports({ host: this.#host, names: this.#names, portals, portalGroups: san_tpgs });
  }

  async open(context: CallContext): Promise<void> {
    await explained("open the host", "not-done", () => checkSetUp(context, this.#host, this.#names));
  }

  async close(): Promise<void> {
    this.#host.close();
  }

  async measure(context: CallContext): Promise<Measurement> {
    return await explained("measure the pool", "unknown", () => measure(context, this.#host, this.#names, this.#thin));
  }

  async list(context: CallContext, after: string | null): Promise<ListPage> {
    return await explained("list the volumes", "unknown", () => listPage(context, this.#host, this.#names, after));
  }

  async createVolume(context: CallContext, volume: VolumeRef, mark: OwnerMark): Promise<ObjectUpdate> {
    await this.#volumes.create(context, volume, mark);
    return this.#provided(volume);
  }

  async createVolumeFromSnapshot(
    context: CallContext,
    volume: VolumeRef,
    mark: OwnerMark,
    snapshot: SnapshotRef,
  ): Promise<ObjectUpdate> {
    await this.#volumes.createFromSnapshot(context, volume, mark, snapshot);
    return this.#provided(volume);
  }

  async cloneVolume(
    context: CallContext,
    volume: VolumeRef,
    mark: OwnerMark,
    source: VolumeRef,
  ): Promise<ObjectUpdate> {
    await this.#volumes.clone(context, volume, mark, source);
    return this.#provided(volume);
  }

  /** ZFS holds on to what is exported, so the export is only looked for when it does. */
  async deleteVolume(context: CallContext, volume: VolumeRef): Promise<void> {
    const name = this.#names.volume(volume.id);
    await explained(`delete ${name}`, "unknown", async () => {
      const standing = await this.#withoutParts(context, volume.id);
      if (standing === null) return await removeCloneOrigin(context, this.#host, this.#names, volume.id);
      // What is somebody else's is left alone: ours is gone.
      if (standing.mark === null) return;
      try {
        await removeVolume(context, this.#host, this.#names, name);
      } catch (error) {
        if (refusalOf(error)?.kind !== "busy") throw error;
        await this.#exports.remove(context, volume.id);
        await removeVolume(context, this.#host, this.#names, name);
      }
    });
  }

  async extendVolume(context: CallContext, volume: VolumeRef, newSizeBytes: number): Promise<ObjectUpdate> {
    await this.#volumes.extend(context, volume, newSizeBytes);
    await this.#exports.refreshSize(context, volume.id, newSizeBytes);
    return {};
  }

  async retypeVolume(context: CallContext, volume: VolumeRef, mark: OwnerMark): Promise<ObjectUpdate> {
    await this.#volumes.retype(context, volume, mark);
    return {};
  }

  async createSnapshot(
    context: CallContext,
    snapshot: SnapshotRef,
    volume: VolumeRef,
    mark: OwnerMark | null,
  ): Promise<ObjectUpdate> {
    await this.#volumes.snapshot(context, snapshot, volume, mark);
    return { providerId: this.#names.snapshot(volume.id, snapshot.id) };
  }

  async deleteSnapshot(context: CallContext, snapshot: SnapshotRef): Promise<void> {
    await this.#volumes.deleteSnapshot(context, snapshot);
  }

  async writeMark(
    context: CallContext,
    { volume, snapshot }: { readonly volume: VolumeRef; readonly snapshot: SnapshotRef | null },
    mark: OwnerMark,
  ): Promise<void> {
    const name = snapshot === null ? this.#names.volume(volume.id) : this.#names.snapshot(volume.id, snapshot.id);
    await this.#volumes.writeMark(context, name, mark);
  }

  async revertVolume(context: CallContext, volume: VolumeRef, snapshot: SnapshotRef): Promise<ObjectUpdate> {
    await this.#exports.remove(context, volume.id);
    const reverting = { context, host: this.#host, names: this.#names, volumeId: volume.id, snapshotId: snapshot.id };
    await explained(`revert ${this.#names.volume(volume.id)}`, "unknown", () => revert(reverting));
    return {};
  }

  async ensureExport(context: CallContext, volume: VolumeRef, _chap: ChapCredentials, access: Access): Promise<void> {
    const standing = await this.#volumes.ours(context, this.#names.volume(volume.id));
    if (!isWhole(standing)) throw new DriverError("not-done", `${standing.name} is not whole yet`);
    await this.#exports.ensure(context, volume.id, access);
  }

  async removeExport(context: CallContext, volume: VolumeRef): Promise<void> {
    await this.#exports.remove(context, volume.id);
  }

  async initializeConnection(
    context: CallContext,
    volume: VolumeRef,
    connector: Connector,
    _chap: ChapCredentials,
    access: Access,
  ): Promise<HostConnection> {
    return await this.#exports.letIn(context, volume.id, connector, access);
  }

  async terminateConnection(context: CallContext, volume: VolumeRef, connector: Connector): Promise<void> {
    await this.#exports.shutOut(context, volume.id, connector);
  }

  /** What a revert that was cut short left beside the volume goes first. Returns the volume; null: it is not there. */
  async #withoutParts(context: CallContext, volumeId: string): Promise<Standing | null> {
    const name = this.#names.volume(volumeId);
    const parts = [this.#names.retired(volumeId), this.#names.successor(volumeId)];
    const found = await list(context, this.#host, { names: [name, ...parts], partly: true });
    const standing = found.find((one) => one.name === name) ?? null;
    for (const part of parts.filter((one) => found.some((its) => its.name === one)))
      await removeVolume(context, this.#host, this.#names, part, { withSnapshots: true });
    return standing;
  }

  #provided({ id }: VolumeRef): ObjectUpdate {
    return { providerId: this.#names.volume(id) };
  }
}
