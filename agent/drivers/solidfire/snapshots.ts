import type { OwnerMark, SnapshotRef, VolumeRef } from "#shared/model/operation.ts";
import type { CallContext, ObjectUpdate } from "../driver.ts";
import { snapshotName } from "../names.ts";
import { answers } from "./answers.ts";
import type { ElementClient } from "./client.ts";
import { foundOrMade } from "./found-or-made.ts";
import { withMark } from "./mark.ts";
import type { Objects, OurVolume } from "./objects.ts";
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
    { volume, mark }: OurVolume,
    owner: OwnerMark | null,
    fromSnapshotId: number | null = null,
  ): Promise<ObjectUpdate> {
    const find = async (): Promise<number | null> =>
      (await this.#objects.snapshotsOf(context, volume, snapshot.id))[0]?.snapshot.snapshotID ?? null;
    const make = async (): Promise<number> => {
      const made = await explainedSpace(this.#client, context, 0, () =>
        this.#client.call(context, {
          method: "CreateSnapshot",
          params: {
            volumeID: volume.volumeID,
            ...(fromSnapshotId === null ? {} : { snapshotID: fromSnapshotId }),
            name: snapshotName(snapshot.id),
            attributes: withMark(null, { id: snapshot.id, owner: owner ?? mark.owner, volumeId: mark.id }),
          },
          answer: answers.createdSnapshot,
          does: "make",
        }),
      );
      return made.snapshotID;
    };
    return { providerId: String(await foundOrMade(context, this.#lookMs, find, make)) };
  }

  /** Every one that bears the mark. */
  async remove(context: CallContext, snapshot: SnapshotRef, volume: VolumeRef): Promise<void> {
    for (const { snapshot: found } of await this.#objects.snapshotsMarked(context, snapshot, volume)) {
      const params = { snapshotID: found.snapshotID };
      await this.gone(
        this.#client.call(context, { method: "DeleteSnapshot", params, answer: answers.nothing, does: "change" }),
      );
    }
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
