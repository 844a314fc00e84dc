import { execFile } from "node:child_process";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The bytes of a simulator's volumes and snapshots: sparse files, by names that the simulator gives. */
export class DataFiles {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(dataFolder: string): Promise<DataFiles> {
    const folder = join(dataFolder, "data");
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new DataFiles(folder);
  }

  /** Names are the simulator's own (`vol-17`), never a client's. */
  path(name: string): string {
    if (!/^[A-Za-z0-9._-]+$/.test(name)) throw new Error(`${JSON.stringify(name)} is no name for a file`);
    return join(this.#folder, name);
  }

  /** Of zeros; or, if it is there, it gets this size. */
  async setSize(name: string, sizeBytes: number): Promise<void> {
    await using file = await open(this.path(name), "a", 0o600);
    await file.truncate(sizeBytes);
  }

  /** Shares blocks where the file system can, and keeps holes. Whole under its name, or not there. */
  async copy(from: string, to: string): Promise<void> {
    const draft = `${this.path(to)}.copying`;
    await run("cp", ["--reflink=auto", "--sparse=always", "--", this.path(from), draft]);
    await rename(draft, this.path(to));
  }

  /** Gone already is gone. */
  async remove(name: string): Promise<void> {
    await rm(this.path(name), { force: true });
  }

  /** What it takes on the disk; 0 when it is not there. */
  async usedBytes(name: string): Promise<number> {
    return await stat(this.path(name)).then(
      ({ blocks }) => blocks * 512,
      () => 0,
    );
  }
}
