import { stat } from "node:fs/promises";
import type { DataFiles } from "../../kit/data-files.ts";
import { type Dataset, nextNumber, type Snapshot, type ZfsState } from "./state.ts";

/** The bytes of volumes and snapshots, as files; null instead of `DataFiles`: nobody can write any, so there are none. */
export class VolumeData {
  readonly #files: DataFiles | null;
  readonly #state: ZfsState;

  constructor(files: DataFiles | null, state: ZfsState) {
    this.#files = files;
    this.#state = state;
  }

  /** null: there is none. */
  pathOf(volume: Dataset): string | null {
    return this.#files?.path(volumeFile(volume)) ?? null;
  }

  async setSize(volume: Dataset, sizeBytes: number): Promise<void> {
    await this.#files?.setSize(volumeFile(volume), sizeBytes);
  }

  async keep(volume: Dataset, snapshot: Snapshot): Promise<void> {
    await this.#copy(volumeFile(volume), snapshotFile(snapshot), snapshot.volsizeBytes);
  }

  async fill(volume: Dataset, snapshot: Snapshot): Promise<void> {
    await this.#copy(snapshotFile(snapshot), volumeFile(volume), snapshot.volsizeBytes);
    volume.contentMtimeMs = await this.#mtimeMs(volume);
  }

  async removeVolume(volume: Dataset): Promise<void> {
    await this.#files?.remove(volumeFile(volume));
  }

  async removeSnapshot(snapshot: Snapshot): Promise<void> {
    await this.#files?.remove(snapshotFile(snapshot));
  }

  /** What was written to a volume since the last time is a content of its own. */
  async look(volume: Dataset): Promise<void> {
    const mtimeMs = await this.#mtimeMs(volume);
    if (mtimeMs === null || mtimeMs === volume.contentMtimeMs) return;
    const shared = Object.values(this.#state.datasets).some(
      (other) =>
        (other !== volume && other.content === volume.content) ||
        Object.values(other.snapshots).some(({ content }) => content === volume.content),
    );
    if (shared) volume.content = nextNumber(this.#state);
    volume.contentMtimeMs = mtimeMs;
    const usedBytes = (await this.#files?.usedBytes(volumeFile(volume))) ?? 0;
    if (usedBytes > 0) this.#state.contentBytes[volume.content] = usedBytes;
    else delete this.#state.contentBytes[volume.content];
  }

  async #copy(from: string, to: string, sizeBytes: number): Promise<void> {
    if (this.#files === null) return;
    if ((await this.#files.usedBytes(from)) > 0) return await this.#files.copy(from, to);
    await this.#files.remove(to);
    await this.#files.setSize(to, sizeBytes);
  }

  async #mtimeMs(volume: Dataset): Promise<number | null> {
    if (this.#files === null) return null;
    return await stat(this.#files.path(volumeFile(volume))).then(
      ({ mtimeMs }) => mtimeMs,
      () => null,
    );
  }
}

function volumeFile({ guid }: Dataset): string {
  return `volume-${guid}`;
}

function snapshotFile({ guid }: Snapshot): string {
  return `snapshot-${guid}`;
}
