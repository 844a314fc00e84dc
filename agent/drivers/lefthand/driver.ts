import type { LeftHandParameters } from "#shared/drivers/lefthand.ts";
import type { Access, ConnectionInfo, Connector } from "#shared/model/attachment.ts";
import type { Capability, Costs, Measurement } from "#shared/model/capacity.ts";
import type { ListPage } from "#shared/model/listing.ts";
import type { OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import type { SshRunner } from "../../transport/ssh/runner.ts";
import { type CallContext, type ChapCredentials, type Driver, DriverError, type ObjectUpdate } from "../driver.ts";
import { snapshotName, volumeName } from "../names.ts";
import type { ListedName } from "../page.ts";
import { sanShell } from "../san/connect.ts";
import type { DriverTools } from "../tools.ts";
import type { CliqCluster } from "./answer.ts";
import { copiesOf, spaceOf } from "./capacity.ts";
import { Cliq, cliqQuoting } from "./cliq.ts";
import { Copies } from "./copies.ts";
import { ChapExports, connectionInfo, type LeftHandExports, removeExport, ServerExports } from "./exports.ts";
import { lookAt, oursIn, pageAfter, promisedBytes, standingIn } from "./inventory.ts";
import { type Mark, printMark } from "./mark.ts";
import { findSnapshot, findVolume, serialOf, sizeWord, snapshotThere, unlessForeign, volumeThere } from "./objects.ts";
import { outOrStands } from "./stands.ts";

const CLIQ_PORT = 16_022;
/** As the management console asks for them. */
const DESCRIPTION_LIMIT = 127;
/** The pages of a listing are of one look, if they are read one soon after the other. */
const LOOK_KEPT_MS = 5 * 60_000;

const CAPABILITIES: readonly Capability[] = [
  "snapshot",
  "create-from-snapshot",
  "clone",
  "extend",
  "online-extend",
  "connect",
  "marks",
  "revert",
  "retype",
];
const THIN_COSTS: Costs = { volume: "none", snapshot: "none", clone: "none" };
/** A snapshot of a full volume keeps what is written, and the volume is promised its whole size anew. */
const THICK_COSTS: Costs = { volume: "full", snapshot: "full", clone: "full" };

/**
 * A cluster of a LeftHand management group. Names are unique in a group; marks stand in descriptions.
 *
 * Of the SAN base it takes parameters, connection and portals. Its marks want more room than a description is sure to
 * have, and its way to make things looks only after lost answers: here refusals are looked into as well, for few of them
 * have a number, and a copy is several commands, between which the mark says how far it is.
 */
export class LeftHandDriver implements Driver {
  readonly #parameters: LeftHandParameters;
  readonly #ssh: SshRunner;
  readonly #cliq: Cliq;
  readonly #copies: Copies;
  readonly #exports: LeftHandExports;
  readonly #usesChap: boolean;
  /** As the cluster told them last. */
  #vips: readonly string[] = [];
  #look: { readonly names: readonly ListedName[]; readonly atMs: number } | null = null;

  constructor(parameters: LeftHandParameters, tools: DriverTools) {
    this.#parameters = parameters;
    this.#ssh = sanShell(parameters, tools, { defaultPort: CLIQ_PORT, quoting: cliqQuoting });
    this.#cliq = new Cliq(this.#ssh);
    this.#copies = new Copies(this.#cliq, (mark) => this.#mark(mark));
    this.#usesChap = parameters.use_chap_auth ?? true;
    this.#exports = this.#usesChap ? new ChapExports(this.#cliq) : new ServerExports(this.#cliq);
  }

  async open(context: CallContext): Promise<void> {
    spaceOf(await this.#cluster(context, 1), this.#parameters, 1);
  }

  async close(): Promise<void> {
    this.#ssh.close();
  }

  async measure(context: CallContext): Promise<Measurement> {
    const cluster = await this.#cluster(context, 3);
    const standing = standingIn(cluster);
    const thin = this.#isThin(null);
    return {
      poolId: `lefthand:${this.#vips[0] ?? this.#parameters.san_ip}:${cluster.name}`.slice(0, 255),
      ...spaceOf(cluster, this.#parameters, copiesOf(cluster, this.#parameters)),
      provisioned: { scope: "backend", ...promisedBytes(standing) },
      backendLimitBytes: null,
      thin,
      costs: thin ? THIN_COSTS : THICK_COSTS,
      provisioning: { thin: THIN_COSTS, thick: THICK_COSTS },
      objectCount: oursIn(standing),
      maxObjects: null,
      capabilities: [...CAPABILITIES, this.#usesChap ? "chap-at-creation" : "multiattach"],
      ...(this.#usesChap ? {} : { connectorNeeds: ["initiator" as const] }),
      properties: { vendor_name: "Hewlett-Packard", storage_protocol: "iSCSI" },
    };
  }

  async list(context: CallContext, after: string | null): Promise<ListPage> {
    const kept = after !== null && this.#look !== null && performance.now() - this.#look.atMs < LOOK_KEPT_MS;
    if (!kept) {
      const atMs = performance.now();
      this.#look = { names: lookAt(await this.#cluster(context, 3), Date.now()), atMs };
    }
    return pageAfter(this.#look?.names ?? [], after);
  }

  async createVolume(context: CallContext, volume: VolumeRef, owner: OwnerMark): Promise<ObjectUpdate> {
    const name = volumeName(volume.id);
    const { san_clustername: clusterName, replication } = this.#parameters;
    const make = {
      volumeName: name,
      clusterName,
      size: sizeWord(volume.sizeBytes),
      thinProvision: this.#isThin(volume),
      ...(replication === undefined ? {} : { replication }),
      description: this.#mark({ state: "whole", aboutId: null, owner }),
    };
    await outOrStands(this.#cliq.change(context, "createVolume", make), async () => {
      const found = await findVolume(this.#cliq, context, name);
      if (found !== null && found.sizeBytes !== volume.sizeBytes)
        throw new DriverError("not-done", `${name} is there with ${found.sizeBytes} bytes`);
      return found !== null;
    });
    return { providerId: name };
  }

  async createVolumeFromSnapshot(
    context: CallContext,
    volume: VolumeRef,
    owner: OwnerMark,
    snapshot: SnapshotRef,
  ): Promise<ObjectUpdate> {
    assertFits(volume, snapshot);
    const wanted = { ...this.#wanted(volume, owner), parentId: snapshot.id };
    await this.#copies.fromSnapshot(context, snapshotName(snapshot.id), snapshot.sizeBytes, wanted);
    return { providerId: wanted.name, dependsOnSource: true };
  }

  async cloneVolume(
    context: CallContext,
    volume: VolumeRef,
    owner: OwnerMark,
    source: VolumeRef,
  ): Promise<ObjectUpdate> {
    assertFits(volume, source);
    const wanted = { ...this.#wanted(volume, owner), parentId: null };
    const how = await this.#copies.fromVolume(context, volumeName(source.id), wanted);
    return { providerId: wanted.name, dependsOnSource: how === "on-own-snapshot" };
  }

  async deleteVolume(context: CallContext, volume: VolumeRef): Promise<void> {
    const name = volumeName(volume.id);
    const found = await unlessForeign(findVolume(this.#cliq, context, name));
    if (found !== null) {
      await removeExport(this.#cliq, context, found.told);
      await outOrStands(
        this.#cliq.change(context, "deleteVolume", { volumeName: name, prompt: false }),
        async () => (await findVolume(this.#cliq, context, name)) === null,
      );
    }
    if (found?.mark.state === "whole") return;
    if (!(await this.#copies.removeSource(context, name)))
      throw new DriverError("not-done", `what ${name} was cloned from cannot be deleted`);
  }

  async extendVolume(context: CallContext, volume: VolumeRef, newSizeBytes: number): Promise<ObjectUpdate> {
    const name = volumeName(volume.id);
    const { sizeBytes } = await volumeThere(this.#cliq, context, name);
    if (newSizeBytes < sizeBytes) throw new DriverError("not-done", "the volume is larger than that already");
    if (newSizeBytes > sizeBytes)
      await outOrStands(
        this.#cliq.change(context, "modifyVolume", { volumeName: name, size: sizeWord(newSizeBytes) }),
        async () => (await findVolume(this.#cliq, context, name))?.sizeBytes === newSizeBytes,
      );
    return {};
  }

  async retypeVolume(context: CallContext, volume: VolumeRef, owner: OwnerMark): Promise<ObjectUpdate> {
    const name = volumeName(volume.id);
    const { mark } = await volumeThere(this.#cliq, context, name);
    const provisioning = volume.spec?.provisioning ?? null;
    await this.#cliq.change(context, "modifyVolume", {
      volumeName: name,
      description: this.#mark({ ...mark, owner }),
      ...(provisioning === null ? {} : { thinProvision: provisioning === "thin" }),
    });
    return {};
  }

  async createSnapshot(
    context: CallContext,
    snapshot: SnapshotRef,
    volume: VolumeRef,
    owner: OwnerMark | null,
  ): Promise<ObjectUpdate> {
    const name = snapshotName(snapshot.id);
    const make = {
      volumeName: volumeName(volume.id),
      snapshotName: name,
      inheritAccess: false,
      description: this.#mark({ state: "whole", aboutId: volume.id, owner }),
    };
    await outOrStands(
      this.#cliq.change(context, "createSnapshot", make),
      async () => (await findSnapshot(this.#cliq, context, name)) !== null,
    );
    return { providerId: name };
  }

  async deleteSnapshot(context: CallContext, snapshot: SnapshotRef): Promise<void> {
    const name = snapshotName(snapshot.id);
    if ((await unlessForeign(findSnapshot(this.#cliq, context, name))) === null) return;
    await outOrStands(
      this.#cliq.change(context, "deleteSnapshot", { snapshotName: name, prompt: false }),
      async () => (await findSnapshot(this.#cliq, context, name)) === null,
    );
  }

  /** The array does it at one stroke, and takes away what is newer than the snapshot: not while there is any such. */
  async revertVolume(context: CallContext, volume: VolumeRef, snapshot: SnapshotRef): Promise<ObjectUpdate> {
    const [name, wanted] = [volumeName(volume.id), snapshotName(snapshot.id)];
    const { volume: volumes = [] } = await this.#cluster(context, 3);
    const there = volumes.find((one) => one.name === name);
    const before = there?.snapshot?.find((one) => one.name === wanted);
    if (there === undefined || before === undefined)
      throw new DriverError("not-done", `${wanted} of ${name} is not there`);
    if (there.size !== before.size) throw new DriverError("not-done", "the volume had another size then");
    const age = serialOf(before);
    if (age === null) throw new DriverError("not-done", "the array does not tell which snapshot is the newest");
    const newer = (there.snapshot ?? []).filter((one) => (serialOf(one) ?? age) > age);
    if (newer.length > 0)
      throw new DriverError("not-done", `newer snapshots would be lost: ${newer.map((one) => one.name).join(", ")}`);
    await this.#cliq.change(context, "rollbackSnapshot", { snapshotName: wanted, prompt: false });
    return {};
  }

  async writeMark(
    context: CallContext,
    { volume, snapshot }: { readonly volume: VolumeRef; readonly snapshot: SnapshotRef | null },
    owner: OwnerMark,
  ): Promise<void> {
    if (snapshot === null) {
      const name = volumeName(volume.id);
      const { mark } = await volumeThere(this.#cliq, context, name);
      const change = { volumeName: name, description: this.#mark({ ...mark, owner }) };
      await this.#cliq.change(context, "modifyVolume", change);
    } else {
      const name = snapshotName(snapshot.id);
      const { mark } = await snapshotThere(this.#cliq, context, name);
      const change = { snapshotName: name, description: this.#mark({ ...mark, owner }) };
      await this.#cliq.change(context, "modifySnapshot", change);
    }
  }

  async ensureExport(context: CallContext, volume: VolumeRef, chap: ChapCredentials, access: Access): Promise<void> {
    await this.#exports.ensure(context, volumeName(volume.id), chap, access);
  }

  async removeExport(context: CallContext, volume: VolumeRef): Promise<void> {
    const found = await unlessForeign(findVolume(this.#cliq, context, volumeName(volume.id)));
    if (found !== null) await removeExport(this.#cliq, context, found.told);
  }

  async initializeConnection(
    context: CallContext,
    volume: VolumeRef,
    connector: Connector,
    chap: ChapCredentials,
    access: Access,
  ): Promise<ConnectionInfo> {
    const told = await this.#exports.letIn(context, volumeName(volume.id), connector, chap, access);
    return connectionInfo(this.#parameters, {
      volume: told,
      vips: this.#vips,
      access,
      chap: this.#usesChap ? chap : null,
      multipath: connector.multipath,
    });
  }

  async terminateConnection(context: CallContext, volume: VolumeRef, connector: Connector): Promise<void> {
    await this.#exports.sendAway(context, volumeName(volume.id), connector);
  }

  async #cluster(context: CallContext, depth: 1 | 3): Promise<CliqCluster> {
    const cluster = await this.#cliq.cluster(context, this.#parameters.san_clustername, depth);
    this.#vips = (cluster.vip ?? []).map(({ ipAddress }) => ipAddress);
    return cluster;
  }

  #wanted(volume: VolumeRef, owner: OwnerMark) {
    const { id, sizeBytes } = volume;
    return { name: volumeName(id), sizeBytes, thick: !this.#isThin(volume), owner };
  }

  /** null: as the backend has it. */
  #isThin(volume: VolumeRef | null): boolean {
    const provisioning = volume?.spec?.provisioning ?? null;
    return provisioning === null ? (this.#parameters.san_thin_provision ?? true) : provisioning === "thin";
  }

  #mark(mark: Omit<Mark, "writtenAtMs">): string {
    return printMark({ ...mark, writtenAtMs: Date.now() }, this.#parameters.description_limit ?? DESCRIPTION_LIMIT);
  }
}

function assertFits({ sizeBytes }: VolumeRef, source: VolumeRef | SnapshotRef): void {
  if (sizeBytes < source.sizeBytes)
    throw new DriverError("not-done", "a copy cannot be smaller than what it is made from");
}
