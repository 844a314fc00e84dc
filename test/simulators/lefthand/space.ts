import { BYTES_PER_GIB, BYTES_PER_MIB } from "#shared/units.ts";
import type { DataFiles } from "../kit/data-files.ts";
import { fileOf, type GroupState, isSnapshot, type Stored } from "./state.ts";

/** What a thin volume has of its own from the beginning. */
const THIN_QUOTA_BYTES = 512 * BYTES_PER_MIB;
export const MIN_VOLUME_BYTES = BYTES_PER_MIB;
export const BLOCK_BYTES = 1024;

/** Of one copy of it. A snapshot holds what was written, and gets no more. */
export function quotaBytes(stored: Stored): number {
  if (isSnapshot(stored)) return 0;
  return stored.thin ? Math.min(stored.sizeBytes, THIN_QUOTA_BYTES) : stored.sizeBytes;
}

/** What the cluster has, and what is promised to nobody yet: a full volume takes its size, a thin one its pages. */
export class Space {
  readonly totalBytes: number;
  readonly #state: GroupState;
  readonly #files: DataFiles;

  constructor(capacityGib: number, state: GroupState, files: DataFiles) {
    this.totalBytes = Math.round(capacityGib * BYTES_PER_GIB);
    this.#state = state;
    this.#files = files;
  }

  async writtenBytes(stored: Pick<Stored, "id">): Promise<number> {
    return await this.#files.usedBytes(fileOf(stored));
  }

  /** Less than nothing where more was promised to thin volumes than there is. */
  async freeBytes(): Promise<number> {
    const all = [...this.#state.volumes, ...this.#state.snapshots];
    const taken = await Promise.all(
      all.map(async (one) => one.replication * Math.max(quotaBytes(one), await this.writtenBytes(one))),
    );
    return this.totalBytes - taken.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** The largest volume with so many copies of each block. */
  maxVolumeBytes(replication: number): number {
    return Math.floor(this.totalBytes / replication / BYTES_PER_MIB) * BYTES_PER_MIB;
  }
}
