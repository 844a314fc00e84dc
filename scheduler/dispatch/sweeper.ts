import { randomUUID } from "node:crypto";
import type { Logger } from "#shared/log.ts";
import type { Engine } from "../engine.ts";
import type { Auditor } from "./auditor.ts";

export interface SweeperOptions {
  readonly engine: Engine;
  readonly auditor: Pick<Auditor, "audit">;
  /** From the end of one sweep to the beginning of the next. */
  readonly intervalMs: number;
  readonly log: Logger;
}

/**
 * A paused agent sends the call it was in when it wakes, however late: a create may land when its volume is long
 * deleted. So backends are looked at again and again for what bears the id of a tombstone, one backend after another,
 * and only those where something was deleted lately. What is found goes by a leftover's job.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#run(), this.#options.intervalMs);
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** Once over all backends where something was deleted lately. One that cannot be asked is left to the next time. */
  async sweep(): Promise<void> {
    const { engine, log } = this.#options;
    const backendIds = new Set<number>();
    for (const { backendId } of engine.state.table("tombstone").values()) backendIds.add(backendId);
    for (const backendId of backendIds) {
      if (this.#stopped) return;
      const backend = engine.state.backend(backendId);
      if (backend === undefined || !engine.state.fleet.serves(backend)) continue;
      try {
        await this.#sweepOne(backendId);
      } catch (error) {
        log.debug({ err: error, backendId }, "a backend could not be swept");
      }
    }
  }

  async #run(): Promise<void> {
    await this.sweep();
    this.start();
  }

  async #sweepOne(backendId: number): Promise<void> {
    const { engine, auditor, log } = this.#options;
    const { orphans } = await auditor.audit(backendId);
    const objects = orphans.filter(({ origin }) => origin === "deleted").map(({ object }) => object);
    if (objects.length === 0 || this.#stopped) return;
    const reason = "it stands again after it was deleted";
    const { done } = await engine.submit("audit.remove", {
      backendId,
      objects,
      reason,
      requestId: `req-${randomUUID()}`,
    });
    if (done.length > 0) log.warn({ backendId, objects: done }, "found what was deleted, and removes it again");
  }
}
