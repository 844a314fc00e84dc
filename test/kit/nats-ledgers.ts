import { basename, join } from "node:path";
import { pino } from "pino";
import { JetStreamLedger, type JetStreamLedgerOptions } from "#scheduler/ledger/jetstream.ts";
import { Bus } from "#shared/bus.ts";
import { BerthError } from "#shared/errors.ts";
import { type NatsServer, startNatsServer } from "./nats-server.ts";

export const quietLog = pino({ level: "silent" });

/** Shared ledgers on one real nats-server, each under the name of the folder that its copies are in. */
export class NatsLedgers {
  #server: NatsServer | null = null;
  #bus: Bus | null = null;

  async begin(): Promise<void> {
    this.#server = await startNatsServer();
    this.#bus = await connectBus(this.#server.url);
  }

  async end(): Promise<void> {
    await this.#bus?.close();
    await this.#server?.[Symbol.asyncDispose]();
  }

  get bus(): Bus {
    if (this.#bus === null) throw new BerthError("E_UNAVAILABLE", "the nats-server for tests was not started");
    return this.#bus;
  }

  /** As one scheduler of several sees it: `who` has a copy of its own. */
  async open(place: string, who = "copy", options: Partial<JetStreamLedgerOptions> = {}): Promise<JetStreamLedger> {
    return await JetStreamLedger.open({
      bus: this.bus,
      copyPath: join(place, `${who}.sqlite`),
      schedulerId: who,
      log: quietLog,
      name: basename(place).replaceAll(/[^A-Za-z0-9]/g, ""),
      ...options,
    });
  }

  async openLeading(place: string, who?: string, options?: Partial<JetStreamLedgerOptions>): Promise<JetStreamLedger> {
    const ledger = await this.open(place, who, options);
    await ledger.lead();
    return ledger;
  }
}

export async function connectBus(url: string, replicas = 1): Promise<Bus> {
  return await Bus.connect({ url, name: "berth-test", log: quietLog, credentials: null, replicas });
}
