import { type Static, Type } from "typebox";
import type { SrKind } from "#shared/drivers/xenapi/declarations.ts";
import { OwnParameters } from "#shared/drivers/xenapi/parameters.ts";
import type { Access, ConnectionInfo, Connector } from "#shared/model/attachment.ts";
import type { Measurement } from "#shared/model/capacity.ts";
import type { ListPage } from "#shared/model/listing.ts";
import type { OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import { parser } from "#shared/schema.ts";
import type {
  CallContext,
  ChapCredentials,
  Driver,
  MigrationTarget,
  ObjectUpdate,
  SnapshotExports,
} from "../driver.ts";
import { DriverError } from "../driver.ts";
import type { ListedName } from "../page.ts";
import type { DriverSetting } from "../tools.ts";
import { Disks, xensmInfo } from "./connection.ts";
import { asDriverError, isFailure, refused } from "./failure.ts";
import { XenForeign } from "./foreign.ts";
import { listedNames, pageAfter } from "./listing.ts";
import type { Identity } from "./marks.ts";
import { measurementOf } from "./measure.ts";
import { connectPool, deviceConfig, pluginCapabilities } from "./opening.ts";
import type { XenPool } from "./pool.ts";
import { parsed } from "./records.ts";
import { StorageRepository } from "./sr.ts";
import { type OwnVdi, type Vdi, Vdis } from "./vdis.ts";

const OwnSchema = Type.Object(OwnParameters);
const ownParameters = parser(OwnSchema, "parameters of the backend");

const CLOSE_WITHIN_MS = 2_000;
const LIST_KEPT_MS = 60_000;

function volumeOf({ id }: VolumeRef): Identity {
  return { kind: "volume", id };
}

function snapshotOf({ id }: SnapshotRef): Identity {
  return { kind: "snapshot", id };
}

/** A storage repository of the zone's Xen pool. Volumes and snapshots are VDIs; a VDI's uuid is its provider id. */
export class XenDriver implements Driver {
  readonly #kind: SrKind;
  readonly #setting: DriverSetting;
  readonly #own: Static<typeof OwnSchema>;
  #open: Opened | null = null;
  #listed: { readonly names: readonly ListedName[]; readonly atMs: number } | null = null;
  /** VHDs that were grown could not be given back as they were; so only LUNs are taken over. */
  readonly foreign?: XenForeign;

  constructor(kind: SrKind, setting: DriverSetting) {
    this.#kind = kind;
    this.#setting = setting;
    const { sr_uuid, host_uuid, max_concurrent_calls } = setting.backend.parameters;
    this.#own = ownParameters.parse(
      Object.fromEntries(
        Object.entries({ sr_uuid, host_uuid, max_concurrent_calls }).filter(([, value]) => value !== undefined),
      ),
    );
    if (kind.layout === "luns") this.foreign = new XenForeign((context, work) => this.#do(context, work));
  }

  async open(context: CallContext): Promise<void> {
    const pool = connectPool(this.#setting, this.#own.max_concurrent_calls);
    try {
      const { backend } = this.#setting;
      const pluginCan = await pluginCapabilities(context, pool, this.#kind);
      const sr = new StorageRepository(pool, {
        kind: this.#kind,
        key: `berth-${backend.zone}-${backend.id}`,
        name: backend.name,
        deviceConfig: await deviceConfig(this.#setting, this.#kind),
        srUuid: this.#own.sr_uuid ?? null,
        hostUuid: this.#own.host_uuid ?? null,
      });
      await sr.open(context);
      const pools = parsed.pools.parse(await pool.call(context, "pool.get_all_records", [], { changes: false }));
      const poolUuid = Object.values(pools)[0]?.uuid ?? "";
      const before = this.#open;
      this.#open = { pool, sr, vdis: new Vdis(pool, sr, this.#kind), disks: new Disks(pool), pluginCan, poolUuid };
      await before?.pool.close(closing(context));
    } catch (error) {
      await pool.close(closing(context));
      throw asDriverError(error);
    }
  }

  async close(): Promise<void> {
    const opened = this.#open;
    this.#open = null;
    const { log } = this.#setting.tools;
    await opened?.pool.close({
      guard: { assertHeld() {} },
      progress: { checkpointBytes: async () => 0, tell() {} },
      signal: AbortSignal.timeout(CLOSE_WITHIN_MS),
      log,
    });
  }

  async measure(context: CallContext): Promise<Measurement> {
    return await this.#do(context, async ({ pool, sr, vdis, pluginCan, poolUuid }) => {
      await pool.call(context, "SR.scan", [sr.ref], { changes: false });
      return measurementOf({
        kind: this.#kind,
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
    return await this.#do(context, async ({ vdis }) => {
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
    if (this.#kind.creation === "refused")
      throw refused(`${this.#kind.type} makes no volumes: its LUNs are taken over (berth volume manage)`);
    return await this.#do(context, async ({ vdis }) => {
      const found = await vdis.findOrFree(context, volumeOf(volume), volume.providerId);
      if (found !== null) return this.#asItShouldBe(vdis, found, volume.sizeBytes);
      const mark = vdis.markFor(volumeOf(volume), volume.id, volume.sizeBytes, owner);
      return { providerId: await vdis.uuid(context, await vdis.create(context, mark)) };
    });
  }

  async createVolumeFromSnapshot(
    context: CallContext,
    volume: VolumeRef,
    owner: OwnerMark,
    snapshot: SnapshotRef,
  ): Promise<ObjectUpdate> {
    return await this.#copy(context, volume, owner, ({ vdis }) => vdis.requireSnapshot(context, snapshot));
  }

  async cloneVolume(
    context: CallContext,
    volume: VolumeRef,
    owner: OwnerMark,
    source: VolumeRef,
  ): Promise<ObjectUpdate> {
    return await this.#copy(context, volume, owner, ({ vdis }) => vdis.requireVolume(context, source));
  }

  async deleteVolume(context: CallContext, volume: VolumeRef): Promise<void> {
    await this.#delete(context, volumeOf(volume), volume.providerId);
  }

  async extendVolume(context: CallContext, volume: VolumeRef, newSizeBytes: number): Promise<ObjectUpdate> {
    return await this.#do(context, async ({ vdis }) => {
      const found = await vdis.requireVolume(context, volume);
      const sizeBytes = vdis.sizeOf(found);
      if (sizeBytes > newSizeBytes) throw refused("the volume is larger than that already");
      if (sizeBytes === newSizeBytes) return {};
      if (this.#kind.layout === "luns") {
        if (found.record.virtual_size < newSizeBytes) throw refused("the LUN is not that large");
        const mark = { ...found.mark, sizeBytes: newSizeBytes };
        await vdis.mark(context, { ref: found.ref, config: found.record.other_config }, mark);
      } else await vdis.resize(context, found.ref, newSizeBytes);
      return {};
    });
  }

  async createSnapshot(
    context: CallContext,
    snapshot: SnapshotRef,
    volume: VolumeRef,
    owner: OwnerMark | null,
  ): Promise<ObjectUpdate> {
    return await this.#do(context, async ({ vdis }) => {
      const identity = snapshotOf(snapshot);
      const found = await vdis.findOrFree(context, identity, snapshot.providerId);
      if (found !== null) return { providerId: found.record.uuid };
      const source = await vdis.requireVolume(context, volume);
      const mark = vdis.markFor(identity, volume.id, vdis.sizeOf(source), owner ?? source.mark.owner);
      return { providerId: await vdis.uuid(context, await vdis.branch(context, source, mark)) };
    });
  }

  async deleteSnapshot(context: CallContext, snapshot: SnapshotRef): Promise<void> {
    await this.#delete(context, snapshotOf(snapshot), snapshot.providerId);
  }

  /**
   * A clone of the snapshot takes the volume's place: from the moment that it bears the volume's mark it is the volume, and
   * what it replaces goes.
   */
  async revertVolume(context: CallContext, volume: VolumeRef, snapshot: SnapshotRef): Promise<ObjectUpdate> {
    return await this.#do(context, async ({ vdis }) => {
      const source = await vdis.requireSnapshot(context, snapshot);
      const found = await vdis.requireVolume(context, volume);
      const sizeBytes = vdis.sizeOf(found);
      if (sizeBytes !== vdis.sizeOf(source)) throw refused("the volume had another size then");
      const { owner, volumeId } = found.mark;
      const anew = vdis.markFor(volumeOf(volume), volumeId, sizeBytes, owner);
      const mark = { ...anew, replaces: found.record.uuid };
      const made = await vdis.branch(context, source, mark);
      const uuid = await vdis.uuid(context, made);
      for (const one of await vdis.everythingOf(context, volumeOf(volume), null))
        if (one.record.uuid !== uuid) await vdis.destroy(context, one.ref);
      return { providerId: uuid };
    });
  }

  async writeMark(
    context: CallContext,
    { volume, snapshot }: { readonly volume: VolumeRef; readonly snapshot: SnapshotRef | null },
    owner: OwnerMark,
  ): Promise<void> {
    await this.#do(context, async ({ vdis }) => {
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

  /** The pool copies it to the SR of the other backend; it is here until all of it is there. */
  async migrateVolume(context: CallContext, volume: VolumeRef, to: MigrationTarget): Promise<ObjectUpdate> {
    const { driver } = to;
    if (!(driver instanceof XenDriver)) throw refused("the backend to move to is no SR of a Xen pool");
    return await this.#do(context, async ({ vdis, disks, poolUuid }) => {
      const there = driver.#opened();
      if (there.poolUuid !== poolUuid) throw refused("the backend to move to is of another pool");
      const source = await vdis.findVolume(context, volume);
      const whole = await there.vdis.findVolume(context, to.volume);
      if (whole !== null && whole.mark.filling !== true) {
        if (source !== null) await this.#removeVdi(context, disks, vdis, source);
        return { providerId: whole.record.uuid };
      }
      if (source === null) throw refused("the volume is neither here nor there");
      const sizeBytes = vdis.sizeOf(source);
      const mark = there.vdis.markFor(volumeOf(to.volume), to.volume.id, sizeBytes, to.mark);
      const filling = { ...mark, filling: true };
      const target = whole?.ref ?? (await there.vdis.create(context, filling));
      await there.vdis.fill(context, source, target, filling);
      await this.#removeVdi(context, disks, vdis, source);
      return { providerId: await there.vdis.uuid(context, target) };
    });
  }

  /** A VDI can be attached as it is. */
  async ensureExport(context: CallContext, volume: VolumeRef): Promise<void> {
    await this.#do(context, ({ vdis }) => vdis.requireVolume(context, volume));
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
      await this.#do(context, ({ vdis }) => vdis.requireSnapshot(context, snapshot));
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

  async #copy(
    context: CallContext,
    volume: VolumeRef,
    owner: OwnerMark,
    sourceOf: (opened: Opened) => Promise<OwnVdi>,
  ): Promise<ObjectUpdate> {
    return await this.#do(context, async (opened) => {
      const { vdis } = opened;
      const found = await vdis.findOrFree(context, volumeOf(volume), volume.providerId);
      if (found !== null && found.mark.filling !== true) return this.#asItShouldBe(vdis, found, volume.sizeBytes);
      const source = await sourceOf(opened);
      if (vdis.sizeOf(source) > volume.sizeBytes) throw refused("a copy cannot be smaller than its original");
      const mark = vdis.markFor(volumeOf(volume), volume.id, volume.sizeBytes, owner);
      const made = await this.#branchedOrFilled(context, vdis, source, mark, found?.ref ?? null);
      return { providerId: await vdis.uuid(context, made) };
    });
  }

  /** Where no copy on write can be made any more (its chain is too long), all bytes are copied. */
  async #branchedOrFilled(
    context: CallContext,
    vdis: Vdis,
    source: OwnVdi,
    mark: OwnVdi["mark"],
    begun: string | null,
  ): Promise<string> {
    if (begun === null) {
      try {
        return await vdis.branch(context, source, mark);
      } catch (error) {
        if (!isFailure(error, "SR_BACKEND_FAILURE_109", "SR_OPERATION_NOT_SUPPORTED")) throw error;
      }
    }
    const filling = { ...mark, filling: true };
    const target = begun ?? (await vdis.create(context, filling));
    await vdis.fill(context, source, target, filling);
    return target;
  }

  #asItShouldBe(vdis: Vdis, found: OwnVdi, sizeBytes: number): ObjectUpdate {
    if (found.mark.filling === true) throw refused("it is a copy that is not whole");
    if (vdis.sizeOf(found) !== sizeBytes) throw refused("it is there with another size");
    return { providerId: found.record.uuid };
  }

  async #delete(context: CallContext, identity: Identity, providerId: string | null): Promise<void> {
    await this.#do(context, async ({ vdis, disks }) => {
      for (const vdi of await vdis.everythingOf(context, identity, providerId))
        await this.#removeVdi(context, disks, vdis, vdi);
    });
  }

  async #removeVdi(context: CallContext, disks: Disks, vdis: Vdis, vdi: Vdi): Promise<void> {
    await disks.unplug(context, vdi, null);
    // A LUN stays, and its next owner shall not find our mark.
    if (this.#kind.layout === "luns") await vdis.unmark(context, vdi);
    await vdis.destroy(context, vdi.ref);
  }

  async #letIn(
    context: CallContext,
    find: (opened: Opened) => Promise<OwnVdi>,
    connector: Connector,
    access: Access,
  ): Promise<ConnectionInfo> {
    return await this.#do(context, async (opened) => {
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
    await this.#do(context, async ({ vdis, disks }) => {
      const machine = connector === null ? null : await disks.machine(context, connector);
      if (connector !== null && machine === null) return;
      const vdi = await vdis.find(context, identity, providerId);
      if (vdi !== null) await disks.unplug(context, vdi, machine);
    });
  }

  /**
   * Work on the pool. If it turns out that the SR is no longer attached or known, or that references are of a master
   * before, it is set right and the work, which can be repeated, is done once more.
   */
  async #do<T>(context: CallContext, work: (opened: Opened) => Promise<T>): Promise<T> {
    const opened = this.#opened();
    try {
      return await work(opened);
    } catch (error) {
      if (!isFailure(error, "SR_HAS_NO_PBDS", "SR_NOT_ATTACHED", "HANDLE_INVALID")) throw asDriverError(error);
      context.log.info({ err: error, sr: opened.sr.uuid }, "the SR is not as it was; it is looked for anew");
    }
    try {
      await opened.sr.recover(context);
      return await work(opened);
    } catch (error) {
      throw asDriverError(error);
    }
  }

  #opened(): Opened {
    if (this.#open === null) throw new DriverError("not-done", "the backend is closed", { code: "E_BACKEND_NOT_OPEN" });
    return this.#open;
  }
}

export interface Opened {
  readonly pool: XenPool;
  readonly sr: StorageRepository;
  readonly vdis: Vdis;
  readonly disks: Disks;
  readonly pluginCan: ReadonlySet<string>;
  readonly poolUuid: string;
}

function closing(context: CallContext): CallContext {
  return { ...context, signal: AbortSignal.timeout(CLOSE_WITHIN_MS) };
}
