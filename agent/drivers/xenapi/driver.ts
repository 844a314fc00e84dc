import type { SrKind } from "#shared/drivers/xenapi/declarations.ts";
import type { Access, ConnectionInfo, Connector } from "#shared/model/attachment.ts";
import type { Measurement } from "#shared/model/capacity.ts";
import type { ListPage } from "#shared/model/listing.ts";
import type { OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import type {
  CallContext,
  ChapCredentials,
  Driver,
  MigrationTarget,
  ObjectUpdate,
  SnapshotExports,
} from "../driver.ts";
import { type ListedName, pageAfter } from "../page.ts";
import type { DriverSetting } from "../tools.ts";
import { xensmInfo } from "./connection.ts";
import { refused } from "./failure.ts";
import { XenForeign } from "./foreign.ts";
import { listedNames } from "./listing.ts";
import { type Identity, snapshotOf, volumeOf } from "./marks.ts";
import { measurementOf } from "./measure.ts";
import { migrate } from "./migration.ts";
import { type Opened, OpenSr } from "./opened.ts";
import type { OwnVdi } from "./vdis.ts";
import { copyVolume, growVolume, makeVolume, remove, revertVolume, takeSnapshot } from "./volumes.ts";

const LIST_KEPT_MS = 60_000;

/** A storage repository of the zone's Xen pool. Volumes and snapshots are VDIs; a VDI's uuid is its provider id. */
export class XenDriver implements Driver {
  readonly #sr: OpenSr;
  readonly #setting: DriverSetting;
  #listed: { readonly names: readonly ListedName[]; readonly atMs: number } | null = null;
  /** VHDs that were grown could not be given back as they were; so only LUNs are taken over. */
  readonly foreign?: XenForeign;

  constructor(kind: SrKind, setting: DriverSetting) {
    this.#setting = setting;
    this.#sr = new OpenSr(kind, setting);
    if (kind.layout === "luns") this.foreign = new XenForeign((context, work) => this.#sr.do(context, work));
  }

  async open(context: CallContext): Promise<void> {
    await this.#sr.open(context);
  }

  async close(): Promise<void> {
    await this.#sr.close();
  }

  async measure(context: CallContext): Promise<Measurement> {
    return await this.#sr.do(context, async ({ kind, pool, sr, vdis, pluginCan, poolUuid }) => {
      await pool.call(context, "SR.scan", [sr.ref], { changes: false });
      return measurementOf({
        kind,
        thinWanted: this.#setting.backend.parameters.allocation === "thin",
        pluginCan,
        sr: await sr.record(context),
        vdis: await vdis.all(context),
        poolUuid,
      });
    });
  }

  /** The pages of one listing are of one look: all VDIs come in one answer. */
  async list(context: CallContext, after: string | null): Promise<ListPage> {
    return await this.#sr.do(context, async ({ vdis }) => {
      const nowMs = performance.now();
      const kept = after !== null && this.#listed !== null && nowMs - this.#listed.atMs < LIST_KEPT_MS;
      const names = kept && this.#listed !== null ? this.#listed.names : listedNames(vdis, await vdis.all(context));
      if (!kept) this.#listed = { names, atMs: nowMs };
      const page = pageAfter(names, after);
      if (page.next === null) this.#listed = null;
      return page;
    });
  }

  async createVolume(context: CallContext, volume: VolumeRef, owner: OwnerMark): Promise<ObjectUpdate> {
    return await this.#sr.do(context, (opened) => makeVolume(context, opened, volume, owner));
  }

  async createVolumeFromSnapshot(
    context: CallContext,
    volume: VolumeRef,
    owner: OwnerMark,
    snapshot: SnapshotRef,
  ): Promise<ObjectUpdate> {
    const source = ({ vdis }: Opened) => vdis.requireSnapshot(context, snapshot);
    return await this.#sr.do(context, (opened) => copyVolume(context, opened, volume, owner, source));
  }

  async cloneVolume(
    context: CallContext,
    volume: VolumeRef,
    owner: OwnerMark,
    original: VolumeRef,
  ): Promise<ObjectUpdate> {
    const source = ({ vdis }: Opened) => vdis.requireVolume(context, original);
    return await this.#sr.do(context, (opened) => copyVolume(context, opened, volume, owner, source));
  }

  async deleteVolume(context: CallContext, volume: VolumeRef): Promise<void> {
    await this.#sr.do(context, (opened) => remove(context, opened, volumeOf(volume), volume.providerId));
  }

  async extendVolume(context: CallContext, volume: VolumeRef, newSizeBytes: number): Promise<ObjectUpdate> {
    await this.#sr.do(context, (opened) => growVolume(context, opened, volume, newSizeBytes));
    return {};
  }

  async createSnapshot(
    context: CallContext,
    snapshot: SnapshotRef,
    volume: VolumeRef,
    owner: OwnerMark | null,
  ): Promise<ObjectUpdate> {
    return await this.#sr.do(context, (opened) => takeSnapshot(context, opened, snapshot, volume, owner));
  }

  async deleteSnapshot(context: CallContext, snapshot: SnapshotRef): Promise<void> {
    await this.#sr.do(context, (opened) => remove(context, opened, snapshotOf(snapshot), snapshot.providerId));
  }

  async revertVolume(context: CallContext, volume: VolumeRef, snapshot: SnapshotRef): Promise<ObjectUpdate> {
    return await this.#sr.do(context, (opened) => revertVolume(context, opened, volume, snapshot));
  }

  async writeMark(
    context: CallContext,
    { volume, snapshot }: { readonly volume: VolumeRef; readonly snapshot: SnapshotRef | null },
    owner: OwnerMark,
  ): Promise<void> {
    await this.#sr.do(context, async ({ vdis }) => {
      const found =
        snapshot === null ? await vdis.requireVolume(context, volume) : await vdis.requireSnapshot(context, snapshot);
      const mark = { ...found.mark, owner, writtenAtMs: Date.now() };
      await vdis.mark(context, { ref: found.ref, config: found.record.other_config }, mark);
    });
  }

  async retypeVolume(context: CallContext, volume: VolumeRef, owner: OwnerMark): Promise<ObjectUpdate> {
    await this.writeMark(context, { volume, snapshot: null }, owner);
    return {};
  }

  async migrateVolume(context: CallContext, volume: VolumeRef, to: MigrationTarget): Promise<ObjectUpdate> {
    const { driver } = to;
    if (!(driver instanceof XenDriver)) throw refused("the backend to move to is no SR of a Xen pool");
    return await this.#sr.do(context, (here) =>
      migrate(context, { here, there: driver.#sr.opened, volume, target: to.volume, owner: to.mark }),
    );
  }

  /** A VDI can be attached as it is. */
  async ensureExport(context: CallContext, volume: VolumeRef): Promise<void> {
    await this.#sr.do(context, ({ vdis }) => vdis.requireVolume(context, volume));
  }

  async removeExport(context: CallContext, volume: VolumeRef): Promise<void> {
    await this.#letGo(context, volumeOf(volume), volume.providerId, null);
  }

  async initializeConnection(
    context: CallContext,
    volume: VolumeRef,
    connector: Connector,
    _chap: ChapCredentials,
    access: Access,
  ): Promise<ConnectionInfo> {
    return await this.#letIn(context, ({ vdis }) => vdis.requireVolume(context, volume), connector, access);
  }

  async terminateConnection(context: CallContext, volume: VolumeRef, connector: Connector): Promise<void> {
    await this.#letGo(context, volumeOf(volume), volume.providerId, connector);
  }

  readonly snapshotExports: SnapshotExports = {
    ensureExport: async (context, snapshot) => {
      await this.#sr.do(context, ({ vdis }) => vdis.requireSnapshot(context, snapshot));
    },
    removeExport: async (context, snapshot) => {
      await this.#letGo(context, snapshotOf(snapshot), snapshot.providerId, null);
    },
    initializeConnection: async (context, snapshot, connector) =>
      await this.#letIn(context, ({ vdis }) => vdis.requireSnapshot(context, snapshot), connector, "ro"),
    terminateConnection: async (context, snapshot, connector) => {
      await this.#letGo(context, snapshotOf(snapshot), snapshot.providerId, connector);
    },
  };

  async #letIn(
    context: CallContext,
    find: (opened: Opened) => Promise<OwnVdi>,
    connector: Connector,
    access: Access,
  ): Promise<ConnectionInfo> {
    return await this.#sr.do(context, async (opened) => {
      const vdi = await find(opened);
      const machine = await opened.disks.machine(context, connector);
      const plugged = machine === null ? null : await opened.disks.plug(context, vdi, machine, access);
      const flavor = vdi.mark.owner?.flavorName ?? null;
      return xensmInfo(this.#setting.backend, { sr: opened.sr.uuid, vdi: vdi.record.uuid, flavor }, plugged);
    });
  }

  /** `connector` null: whoever is let in. */
  async #letGo(
    context: CallContext,
    identity: Identity,
    providerId: string | null,
    connector: Connector | null,
  ): Promise<void> {
    await this.#sr.do(context, async ({ vdis, disks }) => {
      const machine = connector === null ? null : await disks.machine(context, connector);
      if (connector !== null && machine === null) return;
      const vdi = await vdis.find(context, identity, providerId);
      if (vdi !== null) await disks.unplug(context, vdi, machine);
    });
  }
}
