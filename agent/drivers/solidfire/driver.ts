import { hostname } from "node:os";
import type { SolidFireParameters } from "#shared/drivers/solidfire.ts";
import type { Access, ConnectionInfo, Connector } from "#shared/model/attachment.ts";
import type { Measurement } from "#shared/model/capacity.ts";
import type { ListPage } from "#shared/model/listing.ts";
import type { GroupMember, OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import {
  type CallContext,
  type ChapCredentials,
  type Driver,
  DriverError,
  type MemberUpdate,
  type ObjectUpdate,
} from "../driver.ts";
import { sanService } from "../san/connect.ts";
import { chosenPortals, iscsiConnection } from "../san/iscsi.ts";
import { foundOrDone } from "../san/made-once.ts";
import type { DriverSetting } from "../tools.ts";
import { Accounts } from "./accounts.ts";
import { answers, type ElementVolume } from "./answers.ts";
import { ElementClient } from "./client.ts";
import { type CopySource, type CopyWork, copyVolume } from "./copies.ts";
import { AccessGroupDoors, ChapDoors, closeAll, type Doors } from "./doors.ts";
import { SolidFireForeign } from "./foreign.ts";
import { GroupSnapshots } from "./group-snapshot.ts";
import { listPage } from "./listing.ts";
import { snapshotMarkOf } from "./mark.ts";
import { measure } from "./measure.ts";
import { isDeleted, Objects, type OurVolume } from "./objects.ts";
import { qosOf, sameQos } from "./qos.ts";
import { isRefusal } from "./refusal.ts";
import { Snapshots } from "./snapshots.ts";
import { capacityOf } from "./space.ts";
import { Volumes } from "./volumes.ts";

const HTTPS_PORT = 443;
/** As often as the field's driver asks again for what passes by itself. */
const DEFAULT_REFUSED_TRIES = 6;
const DEFAULT_LOOK_S = 30;
/** Each volume is a target of its own, and its disk the first. */
const LUN = 0;

interface Cluster {
  readonly uuid: string;
  readonly portals: readonly string[];
}

/**
 * A SolidFire cluster. A volume is known by the array's id and by our mark in its attributes, for names are not unique.
 * `providerId` is the array's id of a volume or snapshot.
 */
export class SolidFireDriver implements Driver {
  readonly #parameters: SolidFireParameters;
  readonly #client: ElementClient;
  readonly #objects: Objects;
  readonly #accounts: Accounts;
  readonly #volumes: Volumes;
  readonly #snapshots: Snapshots;
  readonly #groups: GroupSnapshots;
  readonly #doors: Doors;
  readonly #lookMs: number;
  readonly foreign: SolidFireForeign;
  #cluster: Cluster | null = null;

  constructor(parameters: SolidFireParameters, { backend, tools }: DriverSetting) {
    this.#parameters = parameters;
    const { num_shell_tries: tries = DEFAULT_REFUSED_TRIES, sf_emulate_512: emulate512 = true } = parameters;
    const https = sanService(parameters, tools, { defaultPort: HTTPS_PORT, login: "basic" });
    const prefix = parameters.sf_account_prefix ?? backend.host ?? hostname();
    this.#lookMs = (parameters.sf_volume_create_timeout ?? DEFAULT_LOOK_S) * 1000;
    this.#client = new ElementClient(https, tries);
    this.#objects = new Objects(this.#client);
    this.#accounts = new Accounts(this.#client, prefix, this.#lookMs);
    this.#volumes = new Volumes(this.#client, this.#objects, this.#accounts, emulate512);
    this.#snapshots = new Snapshots(this.#client, this.#objects, this.#lookMs);
    this.#groups = new GroupSnapshots(this.#client, this.#objects, this.#snapshots, this.#lookMs);
    this.#doors =
      parameters.sf_enable_vag === true
        ? new AccessGroupDoors(this.#client, this.#volumes, this.#lookMs)
        : new ChapDoors(this.#accounts, this.#volumes);
    this.foreign = new SolidFireForeign(this.#objects, this.#accounts, this.#volumes, this.#doors);
  }

  async open(context: CallContext): Promise<void> {
    const { clusterInfo } = await this.#setUp(context);
    const { sf_svip: svip = clusterInfo.svip, iscsi_ip_prefix: prefix } = this.#parameters;
    this.#cluster = { uuid: clusterInfo.uuid, portals: chosenPortals([svip], prefix) };
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async measure(context: CallContext): Promise<Measurement> {
    const { sf_provisioning_calc: calc = "maxProvisionedSpace" } = this.#parameters;
    const clusterUuid = this.#open().uuid;
    return await measure(context, {
      client: this.#client,
      objects: this.#objects,
      doors: this.#doors,
      clusterUuid,
      calc,
    });
  }

  async list(context: CallContext, after: string | null): Promise<ListPage> {
    const nowMs = Date.parse((await capacityOf(this.#client, context)).timestamp);
    return await listPage(context, { objects: this.#objects, doors: this.#doors, nowMs }, after);
  }

  async createVolume(context: CallContext, volume: VolumeRef, mark: OwnerMark): Promise<ObjectUpdate> {
    const qos = qosOf(volume.spec, volume.sizeBytes);
    const find = async (): Promise<number | null> => await this.#madeBefore(context, volume);
    const make = (): Promise<number> => this.#volumes.create(context, volume, mark, qos);
    return { providerId: String(await foundOrDone({ context, lookMs: this.#lookMs }, find, make)) };
  }

  async createVolumeFromSnapshot(
    context: CallContext,
    volume: VolumeRef,
    mark: OwnerMark,
    snapshot: SnapshotRef,
  ): Promise<ObjectUpdate> {
    const [found] = await this.#objects.snapshotsMarked(context, snapshot, null);
    if (found === undefined) throw new DriverError("not-done", `snapshot ${snapshot.id} is not on the array`);
    const { volumeID: volumeId, snapshotID: snapshotId, totalSize: sizeBytes } = found.snapshot;
    return await this.#copy(context, volume, mark, { volumeId, snapshotId, sizeBytes });
  }

  async cloneVolume(
    context: CallContext,
    volume: VolumeRef,
    mark: OwnerMark,
    source: VolumeRef,
  ): Promise<ObjectUpdate> {
    const { volume: found } = await this.#objects.requireVolume(context, source);
    const { volumeID: volumeId, totalSize: sizeBytes } = found;
    return await this.#copy(context, volume, mark, { volumeId, snapshotId: null, sizeBytes });
  }

  async deleteVolume(context: CallContext, volume: VolumeRef): Promise<void> {
    for (const found of await this.#objects.standing(context, volume)) {
      await this.#assertNoSnapshots(context, found);
      await this.#volumes.remove(context, found);
    }
  }

  async extendVolume(context: CallContext, volume: VolumeRef, newSizeBytes: number): Promise<ObjectUpdate> {
    const { volume: found } = await this.#objects.requireVolume(context, volume);
    if (newSizeBytes < found.totalSize) throw new DriverError("not-done", "the volume is larger than that already");
    const qos = qosOf(volume.spec, newSizeBytes);
    const newQos = qos === null || sameQos(qos, found.qos) ? {} : { qos };
    const newSize = newSizeBytes === found.totalSize ? {} : { totalSize: newSizeBytes };
    const change = { ...newSize, ...newQos };
    if (Object.keys(change).length > 0) await this.#volumes.modify(context, found, change);
    return {};
  }

  async retypeVolume(context: CallContext, volume: VolumeRef, owner: OwnerMark): Promise<ObjectUpdate> {
    const ours = await this.#objects.requireVolume(context, volume);
    const qos = qosOf(volume.spec, ours.volume.totalSize) ?? (await this.#volumes.defaultQos(context));
    await this.#volumes.remark(context, ours, { ...ours.mark, owner }, { qos });
    return {};
  }

  async createSnapshot(
    context: CallContext,
    snapshot: SnapshotRef,
    volume: VolumeRef,
    mark: OwnerMark | null,
  ): Promise<ObjectUpdate> {
    const ours = await this.#objects.requireVolume(context, volume);
    return await this.#snapshots.create(context, snapshot, ours, mark);
  }

  async deleteSnapshot(context: CallContext, snapshot: SnapshotRef, volume: VolumeRef): Promise<void> {
    await this.#snapshots.remove(context, snapshot, volume);
  }

  async revertVolume(context: CallContext, volume: VolumeRef, snapshot: SnapshotRef): Promise<ObjectUpdate> {
    const { volume: found } = await this.#objects.requireVolume(context, volume);
    const [taken] = await this.#objects.snapshotsOf(context, found, snapshot.id);
    if (taken === undefined) throw new DriverError("not-done", `snapshot ${snapshot.id} is not on the array`);
    const { snapshotID, totalSize } = taken.snapshot;
    if (totalSize !== found.totalSize) throw new DriverError("not-done", "the volume had another size then");
    await this.#client.call(context, {
      method: "RollbackToSnapshot",
      params: { volumeID: found.volumeID, snapshotID, saveCurrentState: false },
      answer: answers.nothing,
      does: "change",
    });
    return {};
  }

  async createGroupSnapshot(
    context: CallContext,
    groupSnapshotId: string,
    members: readonly GroupMember[],
  ): Promise<readonly MemberUpdate[]> {
    return await this.#groups.create(context, groupSnapshotId, members);
  }

  async deleteGroupSnapshot(
    context: CallContext,
    groupSnapshotId: string,
    members: readonly GroupMember[],
  ): Promise<void> {
    await this.#groups.remove(context, groupSnapshotId, members);
  }

  /** A volume at rest goes to the account of the project that it has now. */
  async writeMark(
    context: CallContext,
    { volume, snapshot }: { readonly volume: VolumeRef; readonly snapshot: SnapshotRef | null },
    owner: OwnerMark,
  ): Promise<void> {
    const ours = await this.#objects.requireVolume(context, volume);
    if (snapshot !== null) {
      await this.#snapshots.remark(context, snapshot, ours, owner);
      return;
    }
    const mark = { ...ours.mark, owner };
    const moves = ours.mark.owner.projectId !== owner.projectId && ours.mark.host === undefined;
    if (!moves) await this.#volumes.remark(context, ours, mark);
    else
      await this.#accounts.inProject(context, owner.projectId, (accountID) =>
        this.#volumes.remark(context, ours, mark, { accountID }),
      );
  }

  /** A volume is a target of its own from the first moment; it is for `initializeConnection` to let somebody in. */
  async ensureExport(context: CallContext, volume: VolumeRef): Promise<void> {
    await this.#objects.requireVolume(context, volume);
  }

  async removeExport(context: CallContext, volume: VolumeRef): Promise<void> {
    await closeAll(context, this.#objects, this.#doors, volume);
    await this.#accounts.removeDoors(context, volume.id);
  }

  async initializeConnection(
    context: CallContext,
    volume: VolumeRef,
    connector: Connector,
    chap: ChapCredentials,
    access: Access,
  ): Promise<ConnectionInfo> {
    const ours = await this.#objects.requireVolume(context, volume);
    const chapUser = await this.#doors.open(context, ours, connector, chap, access);
    const ways = this.#open().portals.map((portal) => ({ portal, iqn: ours.volume.iqn, lun: LUN }));
    return iscsiConnection({ ways, chapUser, access, multipath: connector.multipath });
  }

  async terminateConnection(context: CallContext, volume: VolumeRef, connector: Connector): Promise<void> {
    const [ours] = (await this.#objects.standing(context, volume)).filter((one) => !isDeleted(one.volume));
    if (ours !== undefined) await this.#doors.close(context, ours, connector);
  }

  /** Looks at one thing of each kind that the login must have the right to. */
  async #setUp(context: CallContext) {
    try {
      const info = await this.#client.call(context, {
        method: "GetClusterInfo",
        answer: answers.clusterInfo,
        does: "read",
      });
      await capacityOf(this.#client, context);
      await this.#objects.volumes(context, { limit: 1 });
      await this.#accounts.look(context);
      return info;
    } catch (cause) {
      if (!isRefusal(cause, "xPermissionDenied")) throw cause;
      const message = `${this.#parameters.san_login} lacks a right on the cluster: it needs read, reporting, volumes and accounts`;
      throw new DriverError("not-done", message, { cause, code: "E_BACKEND_NOT_OPEN" });
    }
  }

  /** The array would delete them with it. Those of others, of a schedule perhaps, go. */
  async #assertNoSnapshots(context: CallContext, { volume, mark }: OurVolume): Promise<void> {
    if (isDeleted(volume)) return;
    const snapshots = await this.#objects.snapshots(context, { volumeID: volume.volumeID });
    if (snapshots.some((one) => snapshotMarkOf(one)?.volumeId === mark.id))
      throw new DriverError("not-done", `volume ${mark.id} has snapshots, which would go with it`);
  }

  /** @throws DriverError `not-done` when it stands with another size */
  async #madeBefore(context: CallContext, volume: VolumeRef): Promise<number | null> {
    const found = await this.#objects.made(context, volume.id);
    return found === null ? null : sized(found, volume).volumeID;
  }

  async #copy(context: CallContext, volume: VolumeRef, mark: OwnerMark, source: CopySource): Promise<ObjectUpdate> {
    const work: CopyWork = {
      client: this.#client,
      objects: this.#objects,
      accounts: this.#accounts,
      volumes: this.#volumes,
      lookMs: this.#lookMs,
    };
    const made = await copyVolume(context, work, volume, mark, source);
    // A clone has the limits of what it was made from.
    const qos = qosOf(volume.spec, volume.sizeBytes) ?? (await this.#volumes.defaultQos(context));
    if (!sameQos(qos, made.qos)) await this.#volumes.modify(context, made, { qos });
    return { providerId: String(made.volumeID), dependsOnSource: false };
  }

  #open(): Cluster {
    if (this.#cluster !== null) return this.#cluster;
    throw new DriverError("not-done", "the backend is not open", { code: "E_BACKEND_NOT_OPEN" });
  }
}

function sized({ volume }: OurVolume, { id, sizeBytes }: VolumeRef): ElementVolume {
  if (volume.totalSize === sizeBytes) return volume;
  throw new DriverError("not-done", `volume ${id} is there already, with another size`);
}
