import type { SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import { type CallContext, DriverError } from "../driver.ts";
import { volumeName } from "../names.ts";
import { answers, type ElementSnapshot, type ElementVolume } from "./answers.ts";
import type { ElementClient } from "./client.ts";
import { type ElementMark, snapshotMarkOf, volumeMarkOf } from "./mark.ts";
import { isRefusal } from "./refusal.ts";

/** A volume that bears our mark. */
export interface OurVolume {
  readonly volume: ElementVolume;
  readonly mark: ElementMark;
}

export interface OurSnapshot {
  readonly snapshot: ElementSnapshot;
  readonly mark: ElementMark;
}

/** Active, being made, or deleted and not purged yet. */
export function isDeleted({ status }: ElementVolume): boolean {
  return status === "deleted";
}

/** Finds what is ours: by the array's id where it is known, else by its name; and always by our mark. */
export class Objects {
  readonly #client: ElementClient;

  constructor(client: ElementClient) {
    this.#client = client;
  }

  async volumes(context: CallContext, params: object = {}): Promise<ElementVolume[]> {
    const call = { method: "ListVolumes", params, answer: answers.volumes } as const;
    return (await this.#client.call(context, { ...call, does: "read" })).volumes;
  }

  /** null: there is none of that id; a list that begins with it may begin with another. */
  async volumeById(context: CallContext, volumeId: number): Promise<ElementVolume | null> {
    const listed = await this.volumes(context, { startVolumeID: volumeId, limit: 1 });
    return listed.find(({ volumeID }) => volumeID === volumeId) ?? null;
  }

  async snapshots(context: CallContext, params: object = {}): Promise<ElementSnapshot[]> {
    const call = { method: "ListSnapshots", params, answer: answers.snapshots } as const;
    return (await this.#client.call(context, { ...call, does: "read" })).snapshots;
  }

  /** @throws DriverError `not-done` when it does not stand */
  async requireVolume(context: CallContext, ref: Pick<VolumeRef, "id" | "providerId">): Promise<OurVolume> {
    const found = (await this.standing(context, ref)).find(({ volume }) => !isDeleted(volume));
    if (found === undefined) throw new DriverError("not-done", `volume ${ref.id} is not on the array`);
    return found;
  }

  /**
   * Every volume that bears the mark, deleted ones too, the oldest first. One that was taken over has the name that
   * somebody gave it; so if nothing has ours, all are looked at.
   */
  async standing(context: CallContext, { id, providerId }: Pick<VolumeRef, "id" | "providerId">): Promise<OurVolume[]> {
    const known = idOf(providerId);
    const byId = known === null ? null : await this.volumeById(context, known);
    const first = oursAmong(byId === null ? [] : [byId], id);
    if (first.length > 0) return first;
    const named = await this.named(context, id);
    return named.length > 0 ? named : oursAmong(await this.volumes(context), id);
  }

  /** By the name that we give to what we make. */
  async named(context: CallContext, id: string): Promise<OurVolume[]> {
    const name = volumeName(id);
    const listed = (await this.volumes(context, { volumeName: name })).filter((one) => one.name === name);
    return oursAmong(listed, id);
  }

  /** What we made or are making. @throws DriverError `not-done` when something else has its name */
  async made(context: CallContext, id: string): Promise<OurVolume | null> {
    const name = volumeName(id);
    const listed = (await this.volumes(context, { volumeName: name })).filter(
      (one) => one.name === name && !isDeleted(one),
    );
    const [found] = oursAmong(listed, id);
    if (found === undefined && listed.length > 0)
      throw new DriverError("not-done", `a volume ${name} is there already, and does not bear our mark`);
    return found ?? null;
  }

  /** Every snapshot that bears the mark, the oldest first; none if its volume is not there. */
  async snapshotsMarked(
    context: CallContext,
    ref: Pick<SnapshotRef, "id" | "providerId" | "volumeId">,
    volume: Pick<VolumeRef, "id" | "providerId"> | null,
  ): Promise<OurSnapshot[]> {
    const known = idOf(ref.providerId);
    const byId = known === null ? [] : ourSnapshotsAmong(await this.#snapshotById(context, known), ref.id);
    if (byId.length > 0) return byId;
    const parent = volume ?? { id: ref.volumeId, providerId: null };
    const [standing] = (await this.standing(context, parent)).filter((one) => !isDeleted(one.volume));
    return standing === undefined ? [] : await this.snapshotsOf(context, standing.volume, ref.id);
  }

  async snapshotsOf(context: CallContext, { volumeID }: ElementVolume, id: string): Promise<OurSnapshot[]> {
    return ourSnapshotsAmong(await this.snapshots(context, { volumeID }), id);
  }

  async #snapshotById(context: CallContext, snapshotID: number): Promise<ElementSnapshot[]> {
    try {
      return (await this.snapshots(context, { snapshotID })).filter((one) => one.snapshotID === snapshotID);
    } catch (error) {
      if (isRefusal(error, "xSnapshotIDDoesNotExist")) return [];
      throw error;
    }
  }
}

/** The oldest first. */
function oursAmong(volumes: readonly ElementVolume[], id: string): OurVolume[] {
  return volumes
    .flatMap((volume) => {
      const mark = volumeMarkOf(volume);
      return mark?.id === id ? [{ volume, mark }] : [];
    })
    .sort((one, other) => one.volume.volumeID - other.volume.volumeID);
}

function ourSnapshotsAmong(snapshots: readonly ElementSnapshot[], id: string): OurSnapshot[] {
  return snapshots
    .flatMap((snapshot) => {
      const mark = snapshotMarkOf(snapshot);
      return mark?.id === id ? [{ snapshot, mark }] : [];
    })
    .sort((one, other) => one.snapshot.snapshotID - other.snapshot.snapshotID);
}

/** What we gave back as a provider id is the array's number. */
function idOf(providerId: string | null): number | null {
  return providerId !== null && /^[1-9]\d{0,14}$/.test(providerId) ? Number(providerId) : null;
}
