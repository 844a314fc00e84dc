import type { OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import { type CallContext, DriverError, type ObjectUpdate } from "../driver.ts";
import { snapshotName } from "../names.ts";
import { foundOrDone } from "../san/made-once.ts";
import { answers } from "./answers.ts";
import type { ElementClient } from "./client.ts";
import { samePrint, withMark } from "./mark.ts";
import type { Objects, OurSnapshot, OurVolume } from "./objects.ts";
import { isRefusal } from "./refusal.ts";
import { explainedSpace } from "./space.ts";

/** Snapshots of single volumes. */
export class Snapshots {
  readonly #client: ElementClient;
  readonly #objects: Objects;
  readonly #lookMs: number;

  constructor(client: ElementClient, objects: Objects, lookMs: number) {
    this.#client = client;
    this.#objects = objects;
    this.#lookMs = lookMs;
  }

  /** `fromSnapshotId`: a copy of another snapshot of the volume, not of the volume as it is. */
  async create(
    context: CallContext,
    snapshot: SnapshotRef,
    ours: OurVolume,
    owner: OwnerMark | null,
    fromSnapshotId: number | null = null,
  ): Promise<ObjectUpdate> {
    const find = async (): Promise<number | null> =>
      (await this.#objects.snapshotsOf(context, ours.volume, snapshot.id))[0]?.snapshot.snapshotID ?? null;
    const make = () => this.#take(context, snapshot.id, ours, owner ?? ours.mark.owner, fromSnapshotId);
    return { providerId: String(await foundOrDone({ context, lookMs: this.#lookMs }, find, make)) };
  }

  /**
   * The attributes of a snapshot cannot be changed: it is copied to one with the new mark, and goes. Whoever dies in
   * between, one stands, and the next try keeps the newest.
   */
  async remark(context: CallContext, snapshot: SnapshotRef, ours: OurVolume, owner: OwnerMark): Promise<void> {
    const find = () => this.#objects.snapshotsOf(context, ours.volume, snapshot.id);
    const before = await find();
    const newest = before.at(-1);
    if (newest === undefined) throw new DriverError("not-done", `snapshot ${snapshot.id} is not on the array`);
    const isAsWanted = ({ mark }: OurSnapshot): boolean => samePrint(mark, { ...mark, owner });
    const findWanted = async () => (await find()).findLast(isAsWanted)?.snapshot.snapshotID ?? null;
    const make = () => this.#take(context, snapshot.id, ours, owner, newest.snapshot.snapshotID);
    const kept = isAsWanted(newest)
      ? newest.snapshot.snapshotID
      : await foundOrDone({ context, lookMs: this.#lookMs }, findWanted, make);
    for (const { snapshot: old } of before) if (old.snapshotID !== kept) await this.#delete(context, old.snapshotID);
  }

  /** Every one that bears the mark. */
  async remove(context: CallContext, snapshot: SnapshotRef, volume: VolumeRef): Promise<void> {
    for (const { snapshot: found } of await this.#objects.snapshotsMarked(context, snapshot, volume))
      await this.#delete(context, found.snapshotID);
  }

  async #take(
    context: CallContext,
    id: string,
    { volume, mark }: OurVolume,
    owner: OwnerMark,
    fromSnapshotId: number | null,
  ): Promise<number> {
    const { snapshotID } = await explainedSpace(this.#client, context, 0, () =>
      this.#client.call(context, {
        method: "CreateSnapshot",
        params: {
          volumeID: volume.volumeID,
          ...(fromSnapshotId === null ? {} : { snapshotID: fromSnapshotId }),
          name: snapshotName(id),
          attributes: withMark(null, { id, owner, volumeId: mark.id }),
        },
        answer: answers.createdSnapshot,
        does: "make",
      }),
    );
    return snapshotID;
  }

  async #delete(context: CallContext, snapshotID: number): Promise<void> {
    const call = { method: "DeleteSnapshot", params: { snapshotID }, answer: answers.nothing } as const;
    await this.gone(this.#client.call(context, { ...call, does: "change" }));
  }

  /** Gone already is gone. */
  async gone(call: Promise<unknown>): Promise<void> {
    try {
      await call;
    } catch (error) {
      if (!isRefusal(error, "xSnapshotIDDoesNotExist", "xGroupSnapshotIDDoesNotExist")) throw error;
    }
  }
}
