import type { Bus, Served } from "#shared/bus.ts";
import { asBerthError, BerthError, fullMessage, isErrorCode } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";
import type { ListPage } from "#shared/model/listing.ts";
import type { Side } from "#shared/model/replication.ts";
import { subjects } from "#shared/protocol/subjects.ts";
import { listCall } from "#shared/protocol/zone.ts";
import type { Backends } from "./backends.ts";
import { Deadline, withinDeadline } from "./deadline.ts";
import { ALWAYS_HELD, DriverError, NO_PROGRESS } from "./drivers/driver.ts";

export interface ListDeskOptions {
  readonly bus: Bus;
  readonly backends: Backends;
  readonly zone: string;
  readonly host: string;
  readonly timeoutMs: number;
  readonly log: Logger;
}

/** Tells the scheduler's audits what stands on a backend, page by page; any agent of the zone may tell the next one. */
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
  }

  async stop(): Promise<void> {
    await Promise.all(this.#served.map((served) => served.stop()));
  }

  async #page(backendId: number, after: string | null, side: Side): Promise<ListPage> {
    const { backends, timeoutMs, log } = this.#options;
    const deadline = new Deadline(timeoutMs);
    try {
      const { driver } = await backends.onSide(backendId, side, deadline.signal);
      const context = { guard: ALWAYS_HELD, progress: NO_PROGRESS, signal: deadline.signal, log };
      return await withinDeadline(driver.list(context, after), deadline.signal);
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
