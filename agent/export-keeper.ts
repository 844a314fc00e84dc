import type { Logger } from "#shared/log.ts";
import type { Backend } from "#shared/model/catalogue.ts";
import type { Side } from "#shared/model/replication.ts";
import type { ExpectedExport } from "#shared/protocol/zone.ts";
import type { Sealing } from "#shared/sealed.ts";
import type { Backends } from "./backends.ts";
import { Deadline } from "./deadline.ts";
import { ALWAYS_HELD, type CallContext, type Driver, NO_PROGRESS } from "./drivers/driver.ts";
import { opened, requireSnapshotExports } from "./operations.ts";

export interface ExportKeeperOptions {
  readonly backends: Backends;
  readonly expectedExports: (backendId: number, side: Side) => Promise<ExpectedExport[]>;
  readonly sealingKey: Sealing;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly log: Logger;
}

/**
 * A target in user space forgets everything when it dies, and a host when it boots. The ledger knows what must be
 * exported; this puts it back when a backend opens and looks again at an interval. Where all stands it changes nothing.
 */
export class ExportKeeper {
  readonly #options: ExportKeeperOptions;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ExportKeeperOptions) {
    this.#options = options;
  }

  /** Looks now, and from then on at the interval. */
  look(): void {
    if (this.#stopped) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#running = this.#running.then(() => this.#round());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
  }

  async #round(): Promise<void> {
    for (const backend of this.#options.backends.open()) {
      if (this.#stopped) return;
      await this.#keep(backend);
    }
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => this.look(), this.#options.intervalMs);
  }

  async #keep(backend: Backend): Promise<void> {
    const { backends, expectedExports, timeoutMs, log } = this.#options;
    const deadline = new Deadline(timeoutMs);
    const side = backends.side(backend.id);
    try {
      const expected = await expectedExports(backend.id, side);
      if (expected.length === 0) return;
      const { driver, gone } = await backends.onSide(backend.id, side, deadline.signal);
      // Only as long as this side is ours to work on.
      const signal = AbortSignal.any([deadline.signal, gone]);
      const context: CallContext = { guard: ALWAYS_HELD, progress: NO_PROGRESS, signal, log };
      for (const one of expected) await this.#ensure(driver, context, one);
      await this.#takeBack(driver, context, { backendId: backend.id, side }, expected);
    } catch (error) {
      log.warn({ err: error, backendId: backend.id }, "exports could not be looked after");
    } finally {
      deadline.end();
    }
  }

  async #ensure(driver: Driver, context: CallContext, one: ExpectedExport): Promise<void> {
    const { sealingKey, log } = this.#options;
    const { volume, snapshot, connector, access } = one;
    try {
      const chap = opened(one.chap, sealingKey);
      if (snapshot === null) {
        await driver.ensureExport(context, volume, chap, access);
        await driver.initializeConnection(context, volume, connector, chap, access);
      } else {
        const exports = requireSnapshotExports(driver);
        await exports.ensureExport(context, snapshot, chap);
        await exports.initializeConnection(context, snapshot, connector, chap);
      }
    } catch (error) {
      log.warn({ err: error, volumeId: volume.id, snapshotId: snapshot?.id }, "an export could not be put back");
    }
  }

  /** What was disconnected while we looked must not stay exported by us. */
  async #takeBack(
    driver: Driver,
    context: CallContext,
    { backendId, side }: { readonly backendId: number; readonly side: Side },
    ensured: readonly ExpectedExport[],
  ): Promise<void> {
    const now = await this.#options.expectedExports(backendId, side);
    const attachments = new Set(now.map((one) => one.attachmentId));
    const kept = new Set(now.map(({ volume, snapshot }) => (snapshot ?? volume).id));
    for (const { attachmentId, volume, snapshot, connector } of ensured) {
      if (attachments.has(attachmentId)) continue;
      if (snapshot === null) {
        await driver.terminateConnection(context, volume, connector);
        if (!kept.has(volume.id)) await driver.removeExport(context, volume);
      } else {
        const exports = requireSnapshotExports(driver);
        await exports.terminateConnection(context, snapshot, connector);
        if (!kept.has(snapshot.id)) await exports.removeExport(context, snapshot);
      }
    }
  }
}
