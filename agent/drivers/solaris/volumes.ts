import type { OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import { type CallContext, DriverError } from "../driver.ts";
import { doneOrFound } from "../san/made-once.ts";
import type { SolarisHost } from "./host.ts";
import { look, markSetting, type ObjectNames, type Standing, volumeMark } from "./objects.ts";
import { explained, refusalOf, unless } from "./refusal.ts";

/** Volumes, snapshots and clones. What must be taken down before is the caller's. */
export class Volumes {
  readonly #host: SolarisHost;
  readonly #names: ObjectNames;
  readonly #thinByDefault: boolean;

  constructor(host: SolarisHost, names: ObjectNames, thinByDefault: boolean) {
    this.#host = host;
    this.#names = names;
    this.#thinByDefault = thinByDefault;
  }

  async create(context: CallContext, volume: VolumeRef, owner: OwnerMark): Promise<void> {
    const name = this.#names.volume(volume.id);
    const mark = markSetting(volumeMark(volume.id, volume.sizeBytes, owner));
    const sparse = this.#isThick(volume) ? [] : ["-s"];
    const args = ["create", ...sparse, "-V", String(volume.sizeBytes), "-o", mark, name];
    await explained(`create ${name}`, "not-done", async () => {
      if ((await this.#made(context, args, name)) === "stood") await this.#settle(context, volume);
    });
  }

  async createFromSnapshot(
    context: CallContext,
    volume: VolumeRef,
    owner: OwnerMark,
    snapshot: SnapshotRef,
  ): Promise<void> {
    const from = await this.#source(context, this.#names.snapshot(snapshot.volumeId, snapshot.id), volume);
    if (from !== null) await this.#clone(context, volume, owner, from);
  }

  /** The snapshot between them goes with the clone: it is told to right away. */
  async clone(context: CallContext, volume: VolumeRef, owner: OwnerMark, source: VolumeRef): Promise<void> {
    const from = await this.#source(context, this.#names.volume(source.id), volume);
    if (from === null) return;
    assertNotSmaller(volume, from);
    const origin = this.#names.cloneOrigin(source.id, volume.id);
    await explained(`take a snapshot of ${from.name}`, "not-done", () =>
      unless(["exists"], () => this.#host.zfs(context, ["snapshot", origin])),
    );
    try {
      await this.#clone(context, volume, owner, { ...from, name: origin });
    } finally {
      if (!context.signal.aborted)
        await explained(`let go of ${origin}`, "unknown", () => this.#letGoOf(context, origin));
    }
  }

  async extend(context: CallContext, volume: VolumeRef, newSizeBytes: number): Promise<void> {
    const standing = await this.ours(context, this.#names.volume(volume.id));
    if (newSizeBytes < standing.sizeBytes) throw new DriverError("not-done", "the volume is larger than that already");
    await explained(`extend ${standing.name}`, "unknown", () => this.#grow(context, standing, newSizeBytes));
  }

  async snapshot(
    context: CallContext,
    snapshot: SnapshotRef,
    volume: VolumeRef,
    owner: OwnerMark | null,
  ): Promise<void> {
    const { sizeBytes, mark } = await this.ours(context, this.#names.volume(volume.id));
    const setting = markSetting({
      ...{ kind: "snapshot", id: snapshot.id, volumeId: volume.id, sizeBytes, writtenAtMs: Date.now() },
      owner: owner ?? mark.owner,
    });
    const name = this.#names.snapshot(volume.id, snapshot.id);
    await explained(`take the snapshot ${name}`, "not-done", async () => {
      if ((await this.#made(context, ["snapshot", "-o", setting, name], name)) === "stood")
        await this.ours(context, name);
    });
  }

  /** While clones stand upon it, it stays for them alone and is told no more. */
  async deleteSnapshot(context: CallContext, snapshot: SnapshotRef): Promise<void> {
    const name = this.#names.snapshot(snapshot.volumeId, snapshot.id);
    const standing = await this.found(context, name);
    if (standing === null || standing.deferred || standing.mark === null) return;
    await explained(`delete ${name}`, "unknown", () => this.#letGoOf(context, name));
  }

  async retype(context: CallContext, volume: VolumeRef, owner: OwnerMark): Promise<void> {
    const standing = await this.ours(context, this.#names.volume(volume.id));
    await explained(`retype ${standing.name}`, "unknown", async () => {
      const provisioning = volume.spec?.provisioning ?? null;
      if (provisioning === "thick") await this.#reserve(context, standing, standing.sizeBytes);
      else if (provisioning === "thin" && standing.refreservationBytes > 0)
        await this.#host.zfs(context, ["set", "refreservation=none", standing.name]);
      await this.#mark(context, standing, owner);
    });
  }

  async writeMark(context: CallContext, name: string, owner: OwnerMark): Promise<void> {
    const standing = await this.ours(context, name);
    await explained(`mark ${name}`, "unknown", () => this.#mark(context, standing, owner));
  }

  /** @throws DriverError `not-done` when it is not there, or is not ours */
  async ours(context: CallContext, name: string): Promise<Standing & { readonly mark: NonNullable<Standing["mark"]> }> {
    const standing = await this.found(context, name);
    if (standing === null || standing.deferred) throw new DriverError("not-done", `${name} is not there`);
    const { mark } = standing;
    if (mark === null) throw notOurs(name);
    return { ...standing, mark };
  }

  async found(context: CallContext, name: string): Promise<Standing | null> {
    return await explained(`look at ${name}`, "unknown", () => look(context, this.#host, name));
  }

  /** null: it is gone, and the copy was made before. */
  async #source(context: CallContext, name: string, volume: VolumeRef): Promise<Standing | null> {
    const source = await this.found(context, name);
    if (source !== null && !source.deferred && source.mark !== null) return source;
    const copy = await this.found(context, this.#names.volume(volume.id));
    if (copy?.mark == null) throw new DriverError("not-done", `${name} is not there, or not ours`);
    await explained(`settle ${copy.name}`, "unknown", () => this.#settle(context, volume));
    return null;
  }

  async #clone(context: CallContext, volume: VolumeRef, owner: OwnerMark, from: Standing): Promise<void> {
    assertNotSmaller(volume, from);
    const name = this.#names.volume(volume.id);
    const mark = markSetting(volumeMark(volume.id, volume.sizeBytes, owner));
    const reserve = this.#isThick(volume) ? ["-o", `refreservation=${from.sizeBytes}`] : [];
    await explained(`clone ${from.name}`, "not-done", async () => {
      const args = ["clone", "-o", mark, ...reserve, from.name, name];
      const isNew = (await this.#made(context, args, name)) === "made";
      if (isNew && volume.sizeBytes === from.sizeBytes) return;
      await this.#settle(context, volume, isNew);
    });
  }

  /** It stands: is it what was asked for? A copy that has not its size yet gets it. */
  async #settle(context: CallContext, volume: VolumeRef, takesBack = false): Promise<void> {
    const standing = await this.ours(context, this.#names.volume(volume.id));
    if (standing.sizeBytes === volume.sizeBytes) return;
    if (standing.sizeBytes > volume.sizeBytes || standing.mark.sizeBytes !== volume.sizeBytes)
      throw new DriverError("not-done", `${standing.name} is there with another size`);
    try {
      await this.#grow(context, standing, volume.sizeBytes);
    } catch (error) {
      if (takesBack && refusalOf(error)?.kind === "no-space") await this.#host.zfs(context, ["destroy", standing.name]);
      throw error;
    }
  }

  async #grow(context: CallContext, standing: Standing, sizeBytes: number): Promise<void> {
    if (sizeBytes > standing.sizeBytes) await this.#host.zfs(context, ["set", `volsize=${sizeBytes}`, standing.name]);
    if (standing.refreservationBytes > 0) await this.#reserve(context, standing, sizeBytes);
  }

  /** ZFS lets a reservation of its own making follow the size; one of ours it leaves. */
  async #reserve(context: CallContext, standing: Standing, sizeBytes: number): Promise<void> {
    const now = await look(context, this.#host, standing.name);
    if (now === null || now.refreservationBytes >= sizeBytes) return;
    await this.#host.zfs(context, ["set", `refreservation=${sizeBytes}`, standing.name]);
  }

  async #mark(context: CallContext, { name, mark, sizeBytes }: Standing, owner: OwnerMark): Promise<void> {
    if (mark === null) throw notOurs(name);
    const anew = { ...mark, owner, sizeBytes: Math.min(mark.sizeBytes, sizeBytes), writtenAtMs: Date.now() };
    await this.#host.zfs(context, ["set", markSetting(anew), name]);
  }

  /** At once, or when the last clone goes. */
  async #letGoOf(context: CallContext, snapshot: string): Promise<void> {
    await unless(["missing"], () => this.#host.zfs(context, ["destroy", "-d", snapshot]));
  }

  /** Whose answer was lost is looked for and not made again. `stood`: by an earlier try, or it is somebody else's. */
  async #made(context: CallContext, args: readonly string[], name: string): Promise<"made" | "stood"> {
    return await doneOrFound(
      async () =>
        (await unless(["exists"], async () => {
          await this.#host.zfs(context, args, true);
          return "made" as const;
        })) ?? "stood",
      async () => ((await look(context, this.#host, name)) === null ? null : "stood"),
    );
  }

  #isThick({ spec }: VolumeRef): boolean {
    return (spec?.provisioning ?? (this.#thinByDefault ? "thin" : "thick")) === "thick";
  }
}

function assertNotSmaller(volume: VolumeRef, from: Standing): void {
  if (volume.sizeBytes < from.sizeBytes)
    throw new DriverError("not-done", "a copy cannot be smaller than its original");
}

function notOurs(name: string): DriverError {
  return new DriverError("not-done", `${name} is there and does not bear our mark`);
}
