import type { Bus, Served } from "#shared/bus.ts";
import { asBerthError, BerthError, fullMessage, isErrorCode } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import type { ForeignPage } from "#shared/model/foreign.ts";
import type { ListPage } from "#shared/model/listing.ts";
import type { Side } from "#shared/model/replication.ts";
import { subjects } from "#shared/protocol/subjects.ts";
import { foreignCall, listCall } from "#shared/protocol/zone.ts";
import type { Backends } from "./backends.ts";
import { Deadline, withinDeadline } from "./deadline.ts";
import { ALWAYS_HELD, type CallContext, type Driver, DriverError, NO_PROGRESS } from "./drivers/driver.ts";
import { foreignOf } from "./operations.ts";

export interface ListDeskOptions {
  readonly bus: Bus;
  readonly backends: Backends;
  readonly zone: string;
  readonly host: string;
  readonly timeoutMs: number;
  readonly log: Logger;
}

/** Tells the scheduler what stands on a backend, of ours and of others, page by page; any agent of the zone may tell the next one. */
export class ListDesk {
  readonly #options: ListDeskOptions;
  readonly #served: Served[] = [];

  constructor(options: ListDeskOptions) {
    this.#options = options;
  }

  start(): void {
    const { bus, zone, host } = this.#options;
    for (const subject of [subjects.list(zone, null), subjects.list(zone, host)])
      this.#served.push(
        bus.serve(
          subject,
          listCall,
          ({ backendId, after, side = null }) => this.#page(backendId, after, side),
          "agents",
        ),
      );
    for (const subject of [subjects.foreign(zone, null), subjects.foreign(zone, host)])
      this.#served.push(
        bus.serve(
          subject,
          foreignCall,
          ({ backendId, after, reference }) => this.#foreign(backendId, after, reference),
          "agents",
        ),
      );
  }

  async stop(): Promise<void> {
    await Promise.all(this.#served.map((served) => served.stop()));
  }

  #page(backendId: number, after: string | null, side: Side): Promise<ListPage> {
    return this.#ask(backendId, side, (driver, context) => driver.list(context, after));
  }

  #foreign(backendId: number, after: string | null, reference: string | null): Promise<ForeignPage> {
    return this.#ask(backendId, null, async (driver, context) => {
      const foreign = foreignOf(driver);
      if (reference === null) return await foreign.list(context, after);
      const found = await foreign.describe(context, reference);
      return { objects: found === null ? [] : [found], next: null };
    });
  }

  async #ask<T>(
    backendId: number,
    side: Side,
    question: (driver: Driver, context: CallContext) => Promise<T>,
  ): Promise<T> {
    const { backends, timeoutMs, log } = this.#options;
    const deadline = new Deadline(timeoutMs);
    try {
      const { driver } = await backends.onSide(backendId, side, deadline.signal);
      const context = { guard: ALWAYS_HELD, progress: NO_PROGRESS, signal: deadline.signal, log };
      return await withinDeadline(question(driver, context), deadline.signal);
    } catch (error) {
      log.warn({ err: error, backendId }, "a backend could not be listed");
      if (!(error instanceof DriverError)) throw asBerthError(error);
      const code = isErrorCode(error.code) ? error.code : "E_BACKEND_FAILED";
      throw new BerthError(code, fullMessage(error), { cause: error });
    } finally {
      deadline.end();
    }
  }
}
