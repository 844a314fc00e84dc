import { readFile, stat, statfs } from "node:fs/promises";
import type { Capability, Costs, Measurement } from "#shared/model/capacity.ts";
import { formatGib } from "#shared/units.ts";
import { DriverError } from "../driver.ts";
import type { Inventory } from "./inventory.ts";

/**
 * Keeps a backend to its `capacity_gib`. The scheduler already does; this is the second line, for what it could not
 * know. One at a time within this process; two agents of a host that reserve in the same instant see each other's marks,
 * and at worst both refuse.
 */
export class SpaceLimit {
  readonly #inventory: Inventory;
  readonly #limitBytes: number;
  #last: Promise<unknown> = Promise.resolve();
  #growingBytes = 0;

  constructor(inventory: Inventory, limitBytes: number) {
    this.#inventory = inventory;
    this.#limitBytes = limitBytes;
  }

  /** `mark` writes the reservation down and gives back how to take it back, which is done when it is too much. */
  async reserve(mark: () => Promise<() => Promise<void>>): Promise<void> {
    await this.#alone(async () => {
      const undo = await mark();
      const promisedBytes = (await this.#inventory.promisedBytes()) + this.#growingBytes;
      if (promisedBytes <= this.#limitBytes) return;
      await undo();
      throw this.#exceeded(promisedBytes);
    });
  }

  /** While `work` makes an object larger by `differenceBytes`, nobody else gets that space. */
  async whileGrowing<T>(differenceBytes: number, work: () => Promise<T>): Promise<T> {
    await this.#alone(async () => {
      const promisedBytes = (await this.#inventory.promisedBytes()) + this.#growingBytes + differenceBytes;
      if (promisedBytes > this.#limitBytes) throw this.#exceeded(promisedBytes);
      this.#growingBytes += differenceBytes;
    });
    try {
      return await work();
    } finally {
      this.#growingBytes -= differenceBytes;
    }
  }

  #exceeded(promisedBytes: number): DriverError {
    return new DriverError(
      "no-space",
      `this would promise ${formatGib(promisedBytes)} of the ${formatGib(this.#limitBytes)} that the backend may`,
    );
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => {});
    return await mine;
  }
}

export interface MeasuredFolder {
  readonly folder: string;
  readonly inventory: Inventory;
  readonly limitBytes: number;
  readonly thick: boolean;
  readonly reflinks: boolean;
  readonly format: string;
  readonly connectable: boolean;
}

export async function measureFolder(measured: MeasuredFolder): Promise<Measurement> {
  const { thick, reflinks, connectable } = measured;
  const standing = await measured.inventory.standing();
  const { blocks, bavail, bsize } = await statfs(measured.folder);
  // What a thick volume has is not shared, so on a backend of thick ones copies are whole.
  const copy = reflinks && !thick ? "none" : "full";
  const provisioning: Record<"thin" | "thick", Costs> = {
    thin: { volume: "none", snapshot: copy, clone: copy },
    thick: { volume: "full", snapshot: "full", clone: "full" },
  };
  const offered: Capability[] = [
    "snapshot",
    "create-from-snapshot",
    "clone",
    "extend",
    "marks",
    "revert",
    "group-snapshot",
  ];
  return {
    poolId: await fileSystemId(measured.folder),
    totalBytes: blocks * bsize,
    freeBytes: bavail * bsize,
    provisioned: { scope: "backend", bytes: standing.virtualBytes, allocatedBytes: standing.allocatedBytes },
    backendLimitBytes: measured.limitBytes,
    thin: !thick,
    costs: thick ? provisioning.thick : provisioning.thin,
    provisioning,
    objectCount: standing.count,
    maxObjects: null,
    capabilities: connectable ? [...offered, "online-extend", "connect", "multiattach", "attach-snapshot"] : offered,
    properties: { vendor_name: "Berth", storage_protocol: "iSCSI", image_format: measured.format },
  };
}

/**
 * One file system, one id, for all agents on one kernel, whatever container they are in: the number of the device, and
 * the kernel's own id of its start, since devices are numbered anew at each. It need not last longer than reports do.
 */
async function fileSystemId(folder: string): Promise<string> {
  const bootId = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
  return `fs:${bootId.trim()}:${(await stat(folder)).dev}`;
}
