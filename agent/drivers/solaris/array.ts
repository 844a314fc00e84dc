import { DEFAULT_VOLUME_BASE, type SolarisParameters } from "#shared/drivers/solaris.ts";
import type { Measurement } from "#shared/model/capacity.ts";
import type { VolumeSpec } from "#shared/model/extra-specs.ts";
import type { ListPage } from "#shared/model/listing.ts";
import { type CallContext, DriverError } from "../driver.ts";
import type { ObjectMark, SanArray, SanExports, SanObject, SanRef, WantedObject } from "../san/array.ts";
import { sanShell } from "../san/connect.ts";
import { oursIn } from "../san/driver.ts";
import { chosenPortals } from "../san/iscsi.ts";
import { DoubtfulRefusal, NameTaken } from "../san/made-once.ts";
import type { DriverTools } from "../tools.ts";
import { SolarisExports } from "./exports.ts";
import { SolarisHost } from "./host.ts";
import { listPage } from "./listing.ts";
import { measure } from "./measure.ts";
import { isWhole, list, look, markSetting, ObjectNames, type Standing } from "./objects.ts";
import { explained, refusalOf, unless } from "./refusal.ts";
import { removeCloneOrigin, removeVolume } from "./removal.ts";
import { revert } from "./revert.ts";
import { checkSetUp } from "./set-up-check.ts";

const SSH_PORT = 22;

/** A volume or a snapshot; its provider id is what zfs calls it. */
export interface SolarisObject extends SanObject {
  readonly providerId: string;
  /** 0: it is thin. */
  readonly refreservationBytes: number;
  /** This try made it. */
  readonly isNew?: boolean;
}

/** ZFS volumes of a Solaris or illumos host, served by COMSTAR. Whatever stands there ZFS makes at once or not at all. */
export class SolarisArray implements SanArray<SolarisObject> {
  readonly namesAreUnique = true;
  readonly exports: SanExports;
  readonly #host: SolarisHost;
  readonly #names: ObjectNames;
  readonly #thin: boolean;
  readonly #served: SolarisExports;

  constructor(parameters: SolarisParameters, tools: DriverTools) {
    const { san_ip, san_iscsi_portals, iscsi_ip_prefix, san_tpgs = null } = parameters;
    this.#host = new SolarisHost(sanShell(parameters, tools, { defaultPort: SSH_PORT }));
    this.#names = new ObjectNames(parameters.san_zfs_volume_base ?? DEFAULT_VOLUME_BASE);
    this.#thin = parameters.san_thin_provision ?? true;
    const portals = chosenPortals(san_iscsi_portals?.split(",") ?? [san_ip], iscsi_ip_prefix);
    const served = new SolarisExports({ host: this.#host, names: this.#names, portals, portalGroups: san_tpgs });
    this.#served = served;
    this.exports = {
      ensure: async (context, volume, _chap, access) => {
        const found = oursIn(await this.find(context, volume), volume);
        if (found.unfinished === true) throw new DriverError("not-done", `${found.providerId} is not whole yet`);
        await served.ensure(context, volume.id, access);
      },
      remove: (context, { id }) => served.remove(context, id),
      letIn: (context, { id }, connector, _chap, access) => served.letIn(context, id, connector, access),
      shutOut: (context, { id }, connector) => served.shutOut(context, id, connector),
    };
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

  /** A snapshot that stands for its clones alone is gone. */
  async find(context: CallContext, ref: SanRef): Promise<SolarisObject | null> {
    const dataset = this.#dataset(ref);
    const found = await explained(`look at ${dataset}`, "unknown", () => look(context, this.#host, dataset));
    return found === null || found.deferred ? null : objectOf(ref, found);
  }

  async createVolume(context: CallContext, wanted: WantedObject): Promise<SolarisObject> {
    const { sizeBytes } = wanted;
    const sparse = this.#isThick(wanted.spec) ? [] : ["-s"];
    const args = ["create", ...sparse, "-V", String(sizeBytes), "-o", markSetting(wanted, wanted.mark)];
    return await this.#made(context, `create ${wanted.name}`, args, this.#new(wanted));
  }

  async createSnapshot(context: CallContext, wanted: WantedObject, volume: SanRef): Promise<SolarisObject> {
    const { sizeBytes } = oursIn(await this.find(context, volume), volume);
    const made = { ...this.#new(wanted), sizeBytes };
    const args = ["snapshot", "-o", markSetting(made, wanted.mark)];
    return await this.#made(context, `take the snapshot ${wanted.name}`, args, made);
  }

  async copySnapshot(context: CallContext, wanted: WantedObject, snapshot: SanRef): Promise<SolarisObject> {
    return await this.#clone(context, wanted, await this.#source(context, snapshot));
  }

  /** The snapshot between them goes with the clone: it is told to right away. */
  async copyVolume(context: CallContext, wanted: WantedObject, volume: SanRef): Promise<SolarisObject> {
    const from = await this.#source(context, volume);
    assertNotSmaller(wanted, from);
    const origin = this.#names.cloneOrigin(volume.id, wanted.id);
    await explained(`take a snapshot of ${from.providerId}`, "not-done", () =>
      unless(["exists"], () => this.#host.zfs(context, ["snapshot", origin])),
    );
    try {
      return await this.#clone(context, wanted, { ...from, providerId: origin });
    } finally {
      if (!context.signal.aborted)
        await explained(`let go of ${origin}`, "unknown", () => this.#letGoOf(context, origin));
    }
  }

  /** A copy that this try made, and that has no room to grow, goes again. */
  async finish(context: CallContext, begun: SolarisObject, { sizeBytes }: WantedObject): Promise<SolarisObject> {
    const { providerId: dataset, isNew = false } = begun;
    return await explained(`give ${dataset} its size`, isNew ? "not-done" : "unknown", async () => {
      try {
        await this.#grow(context, begun, sizeBytes);
      } catch (error) {
        if (isNew && refusalOf(error)?.kind === "no-space") await this.#host.zfs(context, ["destroy", dataset]);
        throw error;
      }
      return { ...begun, sizeBytes, unfinished: false };
    });
  }

  async extend(context: CallContext, volume: SolarisObject, sizeBytes: number): Promise<void> {
    await explained(`extend ${volume.providerId}`, "unknown", () => this.#grow(context, volume, sizeBytes));
  }

  /** Hosts see the volume's new size when its unit has it. */
  async tellSize(context: CallContext, { id }: SanRef, sizeBytes: number): Promise<void> {
    await this.#served.refreshSize(context, id, sizeBytes);
  }

  /** While clones stand upon a snapshot, it stays for them alone and is told no more. */
  async remove(context: CallContext, ref: SanRef, found: SolarisObject | null): Promise<void> {
    if (ref.kind === "volume") await this.#removeVolume(context, ref);
    else if (found !== null)
      await explained(`delete ${found.providerId}`, "unknown", () => this.#letGoOf(context, found.providerId));
  }

  async writeMark(context: CallContext, object: SolarisObject, mark: ObjectMark): Promise<void> {
    const setting = ["set", markSetting(object, mark), object.providerId];
    await explained(`mark ${object.providerId}`, "unknown", () => this.#host.zfs(context, setting));
  }

  async retype(context: CallContext, volume: SolarisObject, spec: VolumeSpec | undefined): Promise<void> {
    const provisioning = spec?.provisioning ?? null;
    await explained(`retype ${volume.providerId}`, "unknown", async () => {
      if (provisioning === "thick") await this.#reserve(context, volume, volume.sizeBytes);
      else if (provisioning === "thin" && volume.refreservationBytes > 0)
        await this.#host.zfs(context, ["set", "refreservation=none", volume.providerId]);
    });
  }

  async revert(context: CallContext, { id: volumeId }: SanRef, { id: snapshotId }: SanRef): Promise<void> {
    await this.#served.remove(context, volumeId);
    const reverting = { context, host: this.#host, names: this.#names, volumeId, snapshotId };
    await explained(`revert ${this.#names.volume(volumeId)}`, "unknown", () => revert(reverting));
  }

  /** ZFS holds on to what is exported, so the export is only looked for when it does. */
  async #removeVolume(context: CallContext, { id }: SanRef): Promise<void> {
    const name = this.#names.volume(id);
    await explained(`delete ${name}`, "unknown", async () => {
      const standing = await this.#withoutParts(context, id);
      if (standing === null) return await removeCloneOrigin(context, this.#host, this.#names, id);
      // What is somebody else's is left alone: ours is gone.
      if (standing.mark === null) return;
      try {
        await removeVolume(context, this.#host, this.#names, name);
      } catch (error) {
        if (refusalOf(error)?.kind !== "busy") throw error;
        await this.#served.remove(context, id);
        await removeVolume(context, this.#host, this.#names, name);
      }
    });
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

  /** Gone, it may have been copied before. */
  async #source(context: CallContext, ref: SanRef): Promise<SolarisObject> {
    const source = await this.find(context, ref);
    if (source?.mark != null) return source;
    throw new DoubtfulRefusal("not-done", `${this.#dataset(ref)} is not there, or not ours`);
  }

  async #clone(context: CallContext, wanted: WantedObject, from: SolarisObject): Promise<SolarisObject> {
    assertNotSmaller(wanted, from);
    const thick = this.#isThick(wanted.spec);
    const reserve = thick ? ["-o", `refreservation=${from.sizeBytes}`] : [];
    const args = ["clone", "-o", markSetting(wanted, wanted.mark), ...reserve, from.providerId];
    const { sizeBytes } = from;
    const made = {
      ...this.#new(wanted),
      sizeBytes,
      unfinished: sizeBytes < wanted.sizeBytes,
      refreservationBytes: thick ? sizeBytes : 0,
    };
    return await this.#made(context, `clone ${from.providerId}`, args, made);
  }

  /** Whose answer is lost is looked for and not made again. */
  async #made(context: CallContext, what: string, args: readonly string[], made: SolarisObject) {
    return await explained(what, "not-done", async () => {
      const answered = await unless(["exists"], async () => {
        await this.#host.zfs(context, [...args, made.providerId], true);
        return made;
      });
      if (answered === undefined) throw new NameTaken(made.providerId);
      return answered;
    });
  }

  async #grow(context: CallContext, volume: SolarisObject, sizeBytes: number): Promise<void> {
    if (sizeBytes > volume.sizeBytes) await this.#host.zfs(context, ["set", `volsize=${sizeBytes}`, volume.providerId]);
    if (volume.refreservationBytes > 0) await this.#reserve(context, volume, sizeBytes);
  }

  /** ZFS lets a reservation of its own making follow the size; one of ours it leaves. */
  async #reserve(context: CallContext, { providerId }: SolarisObject, sizeBytes: number): Promise<void> {
    const now = await look(context, this.#host, providerId);
    if (now === null || now.refreservationBytes >= sizeBytes) return;
    await this.#host.zfs(context, ["set", `refreservation=${sizeBytes}`, providerId]);
  }

  /** At once, or when the last clone goes. */
  async #letGoOf(context: CallContext, snapshot: string): Promise<void> {
    await unless(["missing"], () => this.#host.zfs(context, ["destroy", "-d", snapshot]));
  }

  #new(wanted: WantedObject): SolarisObject {
    const { kind, name, sizeBytes, mark } = wanted;
    return { kind, name, sizeBytes, providerId: this.#dataset(wanted), mark, refreservationBytes: 0, isNew: true };
  }

  #dataset({ kind, id, volumeId }: SanRef): string {
    return kind === "volume" ? this.#names.volume(id) : this.#names.snapshot(volumeId, id);
  }

  #isThick(spec: VolumeSpec | null): boolean {
    return (spec?.provisioning ?? (this.#thin ? "thin" : "thick")) === "thick";
  }
}

function objectOf({ kind, name }: SanRef, standing: Standing): SolarisObject {
  const { name: providerId, sizeBytes, mark, refreservationBytes } = standing;
  const unfinished = mark !== null && !isWhole(standing);
  return { kind, name, sizeBytes, providerId, mark, refreservationBytes, unfinished };
}

function assertNotSmaller({ sizeBytes }: SanRef, from: SolarisObject): void {
  if (sizeBytes < from.sizeBytes) throw new DriverError("not-done", "a copy cannot be smaller than its original");
}
