import type { LeftHandParameters } from "#shared/drivers/lefthand.ts";
import type { Capability, Costs, Measurement } from "#shared/model/capacity.ts";
import type { VolumeSpec } from "#shared/model/extra-specs.ts";
import type { ListPage } from "#shared/model/listing.ts";
import type { OwnerMark } from "#shared/model/operation.ts";
import type { SshRunner } from "../../transport/ssh/runner.ts";
import { type CallContext, DriverError } from "../driver.ts";
import type { ObjectMark, SanArray, SanExports, SanRef, WantedObject } from "../san/array.ts";
import { sanShell } from "../san/connect.ts";
import { KeptLook } from "../san/listing.ts";
import { doneOrStands } from "../san/made-once.ts";
import type { DriverTools } from "../tools.ts";
import type { CliqCluster } from "./answer.ts";
import { copiesOf, spaceOf } from "./capacity.ts";
import { Cliq, cliqQuoting } from "./cliq.ts";
import { Copies } from "./copies.ts";
import { ChapExports, connectionInfo, type LeftHandExports, removeExport, ServerExports } from "./exports.ts";
import { objectsIn, oursIn, promisedBytes, standingIn } from "./inventory.ts";
import { type Mark, printMark } from "./mark.ts";
import { isLeaving, type LeftHandObject, madeObject, objectOf, printedMark, serialOf, sizeWord } from "./objects.ts";

const CLIQ_PORT = 16_022;
/** As the management console asks for them. */
const DESCRIPTION_LIMIT = 127;

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

/** A cluster of a LeftHand management group. Names are unique in a group; marks stand in descriptions. */
export class LeftHandArray implements SanArray<LeftHandObject> {
  readonly namesAreUnique = true;
  readonly exports: SanExports;
  readonly #parameters: LeftHandParameters;
  readonly #ssh: SshRunner;
  readonly #cliq: Cliq;
  readonly #copies: Copies;
  readonly #usesChap: boolean;
  readonly #look = new KeptLook();
  /** As the cluster told them last. */
  #vips: readonly string[] = [];

  constructor(parameters: LeftHandParameters, tools: DriverTools) {
    this.#parameters = parameters;
    this.#ssh = sanShell(parameters, tools, { defaultPort: CLIQ_PORT, quoting: cliqQuoting });
    this.#cliq = new Cliq(this.#ssh);
    const find = (context: CallContext, ref: SanRef) => this.find(context, ref);
    this.#copies = new Copies({ cliq: this.#cliq, find, print: (mark) => this.#print(mark) });
    this.#usesChap = parameters.use_chap_auth ?? true;
    this.exports = this.#exportsBy(
      this.#usesChap ? new ChapExports(this.#cliq, find) : new ServerExports(this.#cliq, find),
    );
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
    return await this.#look.page(after, async () => objectsIn(standingIn(await this.#cluster(context, 3))));
  }

  async find(context: CallContext, { kind, name }: SanRef): Promise<LeftHandObject | null> {
    const told = await (kind === "volume" ? this.#cliq.volume(context, name) : this.#cliq.snapshot(context, name));
    return told === null || isLeaving(told) ? null : objectOf(kind, told);
  }

  async createVolume(context: CallContext, wanted: WantedObject): Promise<LeftHandObject> {
    const { san_clustername: clusterName, replication } = this.#parameters;
    const made = madeObject(wanted);
    await this.#cliq.change(context, "createVolume", {
      volumeName: wanted.name,
      clusterName,
      size: sizeWord(wanted.sizeBytes),
      thinProvision: this.#isThin(wanted.spec),
      ...(replication === undefined ? {} : { replication }),
      description: this.#print(printedMark(made)),
    });
    return made;
  }

  async createSnapshot(context: CallContext, wanted: WantedObject, volume: SanRef): Promise<LeftHandObject> {
    const made = madeObject(wanted);
    const make = { volumeName: volume.name, snapshotName: wanted.name, inheritAccess: false };
    await this.#cliq.change(context, "createSnapshot", { ...make, description: this.#print(printedMark(made)) });
    return made;
  }

  async copySnapshot(context: CallContext, wanted: WantedObject, snapshot: SanRef): Promise<LeftHandObject> {
    return await this.#copies.fromSnapshot(context, wanted, snapshot, !this.#isThin(wanted.spec));
  }

  async copyVolume(context: CallContext, wanted: WantedObject, volume: SanRef): Promise<LeftHandObject> {
    return await this.#copies.fromVolume(context, wanted, volume);
  }

  async finish(context: CallContext, begun: LeftHandObject, wanted: WantedObject): Promise<LeftHandObject> {
    return await this.#copies.finish(context, begun, wanted, !this.#isThin(wanted.spec));
  }

  async extend(context: CallContext, { name }: LeftHandObject, sizeBytes: number): Promise<void> {
    await this.#cliq.change(context, "modifyVolume", { volumeName: name, size: sizeWord(sizeBytes) });
  }

  async remove(context: CallContext, ref: SanRef, found: LeftHandObject | null): Promise<void> {
    const { kind, name } = ref;
    if (kind === "snapshot") {
      if (found !== null) await this.#cliq.change(context, "deleteSnapshot", { snapshotName: name, prompt: false });
      return;
    }
    if (found !== null) {
      await removeExport(this.#cliq, context, found, async () => await this.find(context, ref));
      await doneOrStands(
        () => this.#cliq.change(context, "deleteVolume", { volumeName: name, prompt: false }),
        async () => (await this.find(context, ref)) === null,
      );
    }
    if (found?.state === "whole") return;
    if (!(await this.#copies.removeSource(context, name)))
      throw new DriverError("not-done", `what ${name} was cloned from cannot be deleted`);
  }

  async writeMark(context: CallContext, object: LeftHandObject, mark: ObjectMark): Promise<void> {
    const { kind, name } = object;
    const description = this.#print(printedMark({ ...object, mark }));
    if (kind === "volume") await this.#cliq.change(context, "modifyVolume", { volumeName: name, description });
    else await this.#cliq.change(context, "modifySnapshot", { snapshotName: name, description });
  }

  /** Thin or full, where it stands. */
  async retype(
    context: CallContext,
    object: LeftHandObject,
    mark: ObjectMark & { readonly owner: OwnerMark },
    spec: VolumeSpec | undefined,
  ): Promise<void> {
    const provisioning = spec?.provisioning ?? null;
    await this.#cliq.change(context, "modifyVolume", {
      volumeName: object.name,
      description: this.#print(printedMark({ ...object, mark })),
      ...(provisioning === null ? {} : { thinProvision: provisioning === "thin" }),
    });
  }

  /** The array does it at one stroke, and takes away what is newer than the snapshot: not while there is any such. */
  async revert(context: CallContext, { name }: SanRef, { name: wanted }: SanRef): Promise<void> {
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
  }

  #exportsBy(exports: LeftHandExports): SanExports {
    return {
      ensure: (context, volume, chap, access) => exports.ensure(context, volume, chap, access),
      shutOut: (context, volume, connector) => exports.sendAway(context, volume, connector),
      remove: async (context, volume) => {
        const find = async () => await this.find(context, volume);
        const found = await find();
        if (found !== null && found.mark !== null) await removeExport(this.#cliq, context, found, find);
      },
      letIn: async (context, ref, connector, chap, access) =>
        connectionInfo(this.#parameters, {
          volume: await exports.letIn(context, ref, connector, chap, access),
          vips: this.#vips,
          access,
          chap: this.#usesChap ? chap : null,
          multipath: connector.multipath,
        }),
    };
  }

  async #cluster(context: CallContext, depth: 1 | 3): Promise<CliqCluster> {
    const cluster = await this.#cliq.cluster(context, this.#parameters.san_clustername, depth);
    this.#vips = (cluster.vip ?? []).map(({ ipAddress }) => ipAddress);
    return cluster;
  }

  /** null: as the backend has it. */
  #isThin(spec: VolumeSpec | null): boolean {
    const provisioning = spec?.provisioning ?? null;
    return provisioning === null ? (this.#parameters.san_thin_provision ?? true) : provisioning === "thin";
  }

  #print(mark: Mark): string {
    return printMark(mark, this.#parameters.description_limit ?? DESCRIPTION_LIMIT);
  }
}
