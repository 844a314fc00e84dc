import { randomUUID } from "node:crypto";
import type { Logger } from "#shared/log.ts";
import type { Exposed, Orphan } from "../core/audit.ts";
import type { Engine } from "../engine.ts";
import type { Auditor } from "./auditor.ts";

export interface SweeperOptions {
  readonly engine: Engine;
  readonly auditor: Pick<Auditor, "audit">;
  /** From the end of one sweep to the beginning of the next. */
  readonly intervalMs: number;
  readonly log: Logger;
  /** For tests. */
  readonly nowMs?: () => number;
}

/**
 * A paused agent sends the call it was in when it wakes, however late: a create may land when its volume is long
 * deleted, a connect when its host was sent away. So backends are looked at again and again for what bears the id of a
 * tombstone and for who is let in without an attachment, one backend after another, and only those where something was
 * deleted or disconnected lately. What is found goes by a leftover's job, or by a disconnect.
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

  /** Once over all backends where something may come late. One that cannot be asked is left to the next time. */
  async sweep(): Promise<void> {
    const { engine, log } = this.#options;
    for (const backendId of this.#backendIds()) {
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

  #backendIds(): ReadonlySet<number> {
    const { state } = this.#options.engine;
    const { nowMs = Date.now } = this.#options;
    const since = nowMs() - state.settings.tombstoneTtlMs;
    const backendIds = new Set<number>();
    for (const { backendId } of state.table("tombstone").values()) if (backendId !== null) backendIds.add(backendId);
    const exported = [...state.table("volume").values(), ...state.table("snapshot").values()];
    for (const { backendId, exportsClosedAtMs } of exported)
      if (backendId !== null && exportsClosedAtMs !== undefined && exportsClosedAtMs > since) backendIds.add(backendId);
    return backendIds;
  }

  async #run(): Promise<void> {
    await this.sweep();
    this.start();
  }

  async #sweepOne(backendId: number): Promise<void> {
    const { orphans, exposed } = await this.#options.auditor.audit(backendId);
    if (this.#stopped) return;
    await this.#remove(backendId, orphans);
    await this.#close(backendId, exposed);
  }

  async #remove(backendId: number, orphans: readonly Orphan[]): Promise<void> {
    const { engine, log } = this.#options;
    const objects = orphans.filter(({ origin }) => origin === "deleted").map(({ object }) => object);
    if (objects.length === 0) return;
    const reason = "it stands again after it was deleted";
    const requestId = `req-${randomUUID()}`;
    const { done } = await engine.submit("audit.remove", { backendId, objects, reason, requestId });
    if (done.length > 0) log.warn({ backendId, objects: done }, "found what was deleted, and removes it again");
  }

  async #close(backendId: number, exposed: readonly Exposed[]): Promise<void> {
    const { engine, log } = this.#options;
    // One at a time for each volume: its next is found by the next sweep.
    const hosts = exposed.map(({ recorded, letIn: [initiator = null] }) => {
      return { objectId: recorded.record.id, initiator, attachmentId: randomUUID() };
    });
    if (hosts.length === 0) return;
    const { done } = await engine.submit("audit.close", { backendId, hosts, requestId: `req-${randomUUID()}` });
    if (done.length > 0)
      log.warn({ backendId, objects: done }, "found hosts let in that were sent away, and shuts them out");
  }
}
