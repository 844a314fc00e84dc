import { join } from "node:path";
import { type FakeParameters, FakeTargetParameters } from "#shared/drivers/fake.ts";
import type { Access, ConnectionInfo, Connector } from "#shared/model/attachment.ts";
import type { BlockAddress } from "#shared/model/block-address.ts";
import type { Capability, Costs, Measurement } from "#shared/model/capacity.ts";
import type { ListPage } from "#shared/model/listing.ts";
import type { GroupMember, OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import { sideName } from "#shared/model/replication.ts";
import { parser } from "#shared/schema.ts";
import { gibToBytes } from "#shared/units.ts";
import { assertMayChange } from "../../transport/changing.ts";
import {
  type CallContext,
  type ChapCredentials,
  type Driver,
  DriverError,
  type MemberUpdate,
  type MigrationTarget,
  type ObjectUpdate,
  type Replication,
  type SnapshotExports,
} from "../driver.ts";
import { exportOfVolume, snapshotName, volumeName } from "../names.ts";
import type { DriverSetting } from "../tools.ts";
import { fakeConnection } from "./connection.ts";
import { FakeForeign } from "./foreign.ts";
import { FakeJournal } from "./journal.ts";
import { listJournal } from "./listing.ts";
import { type FakeMark, parseFakeMark, printFakeMark } from "./mark.ts";
import { Misbehaviour } from "./misbehaviour.ts";
import { FakeObjects } from "./objects.ts";
import { FakeReplica, type FakeTarget } from "./replica.ts";
import { fakeSnapshotExports } from "./snapshot-exports.ts";

const targetParameters = parser(FakeTargetParameters, "parameters of a replication target");

function isThick({ spec }: VolumeRef): boolean {
  return spec?.provisioning === "thick";
}

const CAPABILITIES: readonly Capability[] = [
  "snapshot",
  "create-from-snapshot",
  "clone",
  "extend",
  "online-extend",
  "connect",
  "multiattach",
  "attach-snapshot",
  "marks",
  "manage",
  "qos",
  "revert",
  "group-snapshot",
  "copy",
  "retype",
  "migrate",
];

/** A backend that moves no bytes: the arithmetic is real, the rest is as it was told. */
export class FakeDriver implements Driver {
  readonly #parameters: FakeParameters;
  readonly #setting: DriverSetting;
  readonly #backendId: number;
  readonly #poolId: string;
  readonly #journal: FakeJournal;
  readonly #misbehaviour: Misbehaviour;
  readonly #objects: FakeObjects;
  readonly foreign: FakeForeign;
  readonly snapshotExports: SnapshotExports;
  readonly #replica: FakeReplica;
  readonly #isMirrored: boolean;
  readonly replication: Replication = {
    takeOver: async (context, from) => {
      this.#log(context, "takeOver", { from });
      await this.#misbehaviour.around(context, "take over", sideName(this.#setting.side ?? null), () =>
        this.#replica.takeOver(),
      );
    },
  };

  constructor(own: FakeParameters, setting: DriverSetting) {
    const { backend, side = null, tools } = setting;
    const parameters = side === null ? own : { ...own, dead: false, hang: false, ...targetOf(setting, side) };
    this.#parameters = parameters;
    this.#setting = setting;
    this.#backendId = backend.id;
    const place = parameters.pool === undefined ? `backend-${backend.id}` : `pool-${backend.zone}-${parameters.pool}`;
    const poolId = parameters.pool === undefined ? `fake:${place}` : `fake:${backend.zone}:${parameters.pool}`;
    this.#poolId = side === null ? poolId : `${poolId}@${side}`;
    const pathOf = (statePath: string | undefined, file: string): string =>
      join(statePath ?? join(tools.stateFolder, "fake"), `${file}.journal`);
    const targets = (backend.replicationTargets ?? []).map(({ name, parameters: given }): FakeTarget => {
      const { state_path, link_broken = false, dead = false } = targetParameters.parse(given);
      const path = pathOf(state_path ?? own.state_path, `${place}-at-${name}`);
      return { name, path, journal: new FakeJournal(path), linkBroken: link_broken, dead };
    });
    const here = targets.find(({ name }) => name === side) ?? null;
    this.#journal = here?.journal ?? new FakeJournal(pathOf(parameters.state_path, place));
    this.#replica = new FakeReplica(backend.id, this.#journal, targets, here);
    this.#objects = new FakeObjects({
      backendId: backend.id,
      parameters,
      journal: this.#journal,
      replica: this.#replica,
    });
    this.#isMirrored = targets.length > 0;
    this.#misbehaviour = new Misbehaviour(parameters);
    this.snapshotExports = fakeSnapshotExports({
      objects: this.#objects,
      misbehaviour: this.#misbehaviour,
      log: (context, call, given) => this.#log(context, call, given),
    });
    this.foreign = new FakeForeign({
      backendId: this.#backendId,
      journal: this.#journal,
      misbehaviour: this.#misbehaviour,
      assertWithin: (sizeBytes) => this.#objects.assertWithin(sizeBytes),
      log: (context, call, given) => this.#log(context, call, given),
    });
  }

  async open(context: CallContext): Promise<void> {
    this.#log(context, "open", {});
    this.#assertAlive();
    const { password } = this.#parameters;
    if (password !== undefined) await this.#setting.tools.resolveSecret(password);
    assertMayChange(context);
    this.#journal.open();
  }

  async close(): Promise<void> {
    this.#journal.close();
    this.#replica.close();
  }

  async measure(context: CallContext): Promise<Measurement> {
    this.#log(context, "measure", {});
    this.#assertAlive();
    this.#journal.catchUp();
    const { pool, thin = false, max_objects, lie_free_gib, connector_needs } = this.#parameters;
    const { count, bytes, thickBytes } = this.#journal.totals(this.#backendId);
    const thinCosts: Costs = { volume: "none", snapshot: "none", clone: "none" };
    const thickCosts: Costs = { volume: "full", snapshot: "full", clone: "full" };
    return {
      poolId: this.#poolId,
      totalBytes: this.#objects.totalBytes(),
      freeBytes: lie_free_gib === undefined ? this.#objects.freeBytes() : gibToBytes(lie_free_gib),
      provisioned:
        pool === undefined
          ? { scope: "backend", bytes, allocatedBytes: thin ? thickBytes : bytes }
          : { scope: "pool", bytes: this.#journal.pool.bytes },
      backendLimitBytes: null,
      thin,
      costs: thin ? thinCosts : thickCosts,
      ...(thin ? { provisioning: { thin: thinCosts, thick: thickCosts } } : {}),
      objectCount: count,
      maxObjects: max_objects ?? null,
      capabilities: [...CAPABILITIES, ...(this.#isMirrored ? (["replication"] as const) : [])],
      arrayId: this.#poolId,
      properties: { vendor_name: "Berth", storage_protocol: "iSCSI", compression: true },
      ...(connector_needs === undefined ? {} : { connectorNeeds: connector_needs }),
    };
  }

  async list(context: CallContext, after: string | null): Promise<ListPage> {
    this.#log(context, "list", { after });
    this.#assertAlive();
    this.#journal.catchUp();
    return listJournal(this.#journal, this.#backendId, after);
  }

  async createVolume(context: CallContext, volume: VolumeRef, mark: OwnerMark): Promise<ObjectUpdate> {
    this.#log(context, "createVolume", { volume, mark });
    return await this.#misbehaviour.around(context, "create", volume.id, () =>
      this.#objects.add(volumeName(volume.id), volume.sizeBytes, this.#made(volume, mark), isThick(volume)),
    );
  }

  async createVolumeFromSnapshot(
    context: CallContext,
    volume: VolumeRef,
    mark: OwnerMark,
    snapshot: SnapshotRef,
  ): Promise<ObjectUpdate> {
    this.#log(context, "createVolumeFromSnapshot", { volume, mark, snapshot });
    return await this.#copy(context, volume, mark, snapshotName(snapshot.id));
  }

  async cloneVolume(
    context: CallContext,
    volume: VolumeRef,
    mark: OwnerMark,
    source: VolumeRef,
  ): Promise<ObjectUpdate> {
    this.#log(context, "cloneVolume", { volume, mark, source });
    return await this.#copy(context, volume, mark, volumeName(source.id));
  }

  async deleteVolume(context: CallContext, volume: VolumeRef): Promise<void> {
    this.#log(context, "deleteVolume", { volume });
    await this.#misbehaviour.around(context, "delete", volume.id, () => this.#objects.remove(volumeName(volume.id)));
  }

  async extendVolume(context: CallContext, volume: VolumeRef, newSizeBytes: number): Promise<ObjectUpdate> {
    this.#log(context, "extendVolume", { volume, newSizeBytes });
    return await this.#misbehaviour.around(context, "extend", volume.id, () => {
      this.#objects.grow(volumeName(volume.id), newSizeBytes, volume);
      return {};
    });
  }

  /** Between fakes of one pool. It stands there before it is gone here. */
  async migrateVolume(context: CallContext, volume: VolumeRef, to: MigrationTarget): Promise<ObjectUpdate> {
    this.#log(context, "migrateVolume", { volume, to: to.volume, mark: to.mark });
    const { driver } = to;
    if (!(driver instanceof FakeDriver) || driver.#poolId !== this.#poolId)
      throw new DriverError("not-done", "the backend to move to is of another storage system");
    return await this.#misbehaviour.around(context, "create", volume.id, () => {
      const [here, there] = [volumeName(volume.id), volumeName(to.volume.id)];
      this.#journal.catchUp();
      const sizeBytes = this.#journal.sizeOf(this.#backendId, here);
      if (sizeBytes === undefined) {
        driver.#objects.sizeOf(there);
        return { providerId: there };
      }
      const { mark: printed = null, thick = false } = this.#journal.madeAs(this.#backendId, here) ?? {};
      const made = { volumeId: to.volume.id, owner: to.mark, madeAtMs: Date.now() };
      const mark = printFakeMark({ ...(printed === null ? {} : parseFakeMark(printed)), ...made });
      driver.#journal.catchUp();
      if (driver.#journal.sizeOf(driver.#backendId, there) === undefined)
        driver.#journal.put(driver.#backendId, there, sizeBytes, { mark, thick });
      driver.#replica.mirror(there);
      this.#journal.remove(this.#backendId, here);
      this.#replica.mirror(here);
      return { providerId: there };
    });
  }

  async retypeVolume(context: CallContext, volume: VolumeRef, owner: OwnerMark): Promise<ObjectUpdate> {
    this.#log(context, "retypeVolume", { volume, mark: owner });
    return await this.#misbehaviour.around(context, "extend", volume.id, () => {
      const name = volumeName(volume.id);
      const sizeBytes = this.#objects.sizeOf(name);
      const mark = printFakeMark({ ...this.#made(volume, owner), madeAtMs: Date.now() });
      this.#journal.put(this.#backendId, name, sizeBytes, {
        mark,
        thick: this.#journal.madeAs(this.#backendId, name)?.thick ?? false,
      });
      return {};
    });
  }

  async createSnapshot(
    context: CallContext,
    snapshot: SnapshotRef,
    volume: VolumeRef,
    mark: OwnerMark | null,
  ): Promise<ObjectUpdate> {
    this.#log(context, "createSnapshot", { snapshot, volume, mark });
    return await this.#misbehaviour.around(context, "create", snapshot.id, () =>
      this.#objects.add(
        snapshotName(snapshot.id),
        this.#objects.sizeOf(volumeName(volume.id)),
        { volumeId: volume.id, owner: mark, ...this.#objects.mirroredWith(volumeName(volume.id)) },
        this.#objects.wasMadeThick(volumeName(volume.id)),
      ),
    );
  }

  async deleteSnapshot(context: CallContext, snapshot: SnapshotRef, volume: VolumeRef): Promise<void> {
    this.#log(context, "deleteSnapshot", { snapshot, volume });
    await this.#misbehaviour.around(context, "delete", snapshot.id, () =>
      this.#objects.remove(snapshotName(snapshot.id)),
    );
  }

  async revertVolume(context: CallContext, volume: VolumeRef, snapshot: SnapshotRef): Promise<ObjectUpdate> {
    this.#log(context, "revertVolume", { volume, snapshot });
    return await this.#misbehaviour.around(context, "revert", volume.id, () => {
      const [hasBytes, hadBytes] = [
        this.#objects.sizeOf(volumeName(volume.id)),
        this.#objects.sizeOf(snapshotName(snapshot.id)),
      ];
      if (hasBytes !== hadBytes) throw new DriverError("not-done", "the volume had another size then");
      return {};
    });
  }

  async createGroupSnapshot(
    context: CallContext,
    groupSnapshotId: string,
    members: readonly GroupMember[],
  ): Promise<MemberUpdate[]> {
    this.#log(context, "createGroupSnapshot", { groupSnapshotId, members });
    return await this.#misbehaviour.around(context, "create", groupSnapshotId, () => {
      const begun: string[] = [];
      try {
        return members.map(({ volume, snapshot, mark }) => {
          const name = snapshotName(snapshot.id);
          begun.push(name);
          const from = volumeName(volume.id);
          const made = { volumeId: volume.id, owner: mark };
          const update = this.#objects.add(name, this.#objects.sizeOf(from), made, this.#objects.wasMadeThick(from));
          return { ...update, snapshotId: snapshot.id };
        });
      } catch (error) {
        for (const name of begun) this.#objects.remove(name);
        throw error;
      }
    });
  }

  async ensureExport(context: CallContext, volume: VolumeRef, _chap: ChapCredentials, access: Access): Promise<void> {
    this.#log(context, "ensureExport", { volume, access });
    await this.#misbehaviour.around(context, "export", volume.id, () => this.#objects.sizeOf(volumeName(volume.id)));
  }

  async removeExport(context: CallContext, volume: VolumeRef): Promise<void> {
    this.#log(context, "removeExport", { volume });
    await this.#misbehaviour.around(context, "unexport", volume.id, () => {});
  }

  async initializeConnection(
    context: CallContext,
    volume: VolumeRef,
    connector: Connector,
    chap: ChapCredentials,
    access: Access,
  ): Promise<ConnectionInfo> {
    this.#log(context, "initializeConnection", { volume, connector, access });
    return await this.#misbehaviour.around(context, "connect", volume.id, () => {
      this.#objects.sizeOf(volumeName(volume.id));
      return fakeConnection(exportOfVolume(volume.id, access), connector, chap);
    });
  }

  async terminateConnection(context: CallContext, volume: VolumeRef, connector: Connector): Promise<void> {
    this.#log(context, "terminateConnection", { volume, connector });
    await this.#misbehaviour.around(context, "disconnect", volume.id, () => {});
  }

  async writeMark(
    context: CallContext,
    { volume, snapshot }: { readonly volume: VolumeRef; readonly snapshot: SnapshotRef | null },
    owner: OwnerMark,
  ): Promise<void> {
    this.#log(context, "writeMark", { volume, snapshot, owner });
    const name = snapshot === null ? volumeName(volume.id) : snapshotName(snapshot.id);
    await this.#misbehaviour.around(context, "extend", snapshot?.id ?? volume.id, () => {
      this.#journal.catchUp();
      this.#objects.rewriteMark(name, this.#objects.sizeOf(name), { owner });
      this.#replica.mirror(name);
    });
  }

  async blockAddress(context: CallContext, volume: VolumeRef): Promise<BlockAddress> {
    this.#log(context, "blockAddress", { volume });
    this.#objects.sizeOf(volumeName(volume.id));
    return { kind: "none" };
  }

  async #copy(context: CallContext, volume: VolumeRef, owner: OwnerMark, from: string): Promise<ObjectUpdate> {
    return await this.#misbehaviour.around(context, "create", volume.id, () => {
      if (volume.sizeBytes < this.#objects.sizeOf(from))
        throw new DriverError("not-done", "a copy cannot be smaller than its original");
      const dependsOnSource = this.#parameters.dependent_copies === true;
      const mark = { ...this.#made(volume, owner), ...(dependsOnSource ? { parent: from } : {}) };
      const thick = isThick(volume) || this.#objects.wasMadeThick(from);
      return { ...this.#objects.add(volumeName(volume.id), volume.sizeBytes, mark, thick), dependsOnSource };
    });
  }

  #made({ id, spec }: VolumeRef, owner: OwnerMark): Omit<FakeMark, "madeAtMs"> {
    const replicated = spec?.replication === true ? { replicated: true } : {};
    return { volumeId: id, owner, ...(spec === undefined ? {} : { spec }), ...replicated };
  }

  #assertAlive(): void {
    if (this.#parameters.dead === true)
      throw new DriverError("not-done", "this fake backend was told to be dead", { code: "E_BACKEND_NOT_OPEN" });
  }

  #log(context: CallContext, call: string, given: object): void {
    if (this.#parameters.log_calls === true)
      context.log.info({ backendId: this.#backendId, call, ...given }, `${call} called`);
  }
}

/** What is other there than on the own side. */
function targetOf({ backend }: DriverSetting, side: string): Partial<FakeParameters> {
  const target = backend.replicationTargets?.find(({ name }) => name === side);
  if (target === undefined)
    throw new DriverError("not-done", `the backend has no target ${side}`, { code: "E_BACKEND_NOT_OPEN" });
  const { link_broken: _, ...parameters } = targetParameters.parse(target.parameters);
  return parameters;
}
