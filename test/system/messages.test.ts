import { describe, expect, it } from "vitest";
import { Bus } from "#shared/bus.ts";
import { createLog } from "#shared/log.ts";
import { resultCall } from "#shared/protocol/result.ts";
import { subjects } from "#shared/protocol/subjects.ts";
import { reportMessage } from "#shared/protocol/zone.ts";
import { untilBooksBalance } from "#test/kit/books.ts";
import { fake, file, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { Stream } from "#test/kit/stream.ts";
import { until } from "#test/kit/until.ts";

const TEST_BOUND_MS = 60_000;
const SETTLE_BOUND_MS = 30_000;
const USERS = 4;
const ANSWER_MS = 5_000;
/** A message comes again twice: within the time of a few others, and when what it tells of may be over. */
const SOON_MS = 50;
const LATE_MS = 1_500;

/** Sends each result and report that it hears twice more, late and in another order. */
class Echo implements AsyncDisposable {
  readonly #bus: Bus;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #asked: Promise<unknown>[] = [];
  results = 0;
  reports = 0;
  #stopped = false;

  constructor(bus: Bus, zone: string) {
    this.#bus = bus;
    const echoes = new Set<string>();
    // What it sends it hears as well: only what is new is sent again.
    const isNew = (body: unknown): boolean => {
      const text = JSON.stringify(body);
      if (echoes.has(text)) return false;
      echoes.add(text);
      return true;
    };
    bus.subscribe(subjects.result(zone), { name: "job result", body: resultCall.question }, (body, subject) => {
      if (!isNew(body)) return;
      this.#again(() => {
        this.results += 1;
        this.#asked.push(bus.request(subject, resultCall, body, ANSWER_MS).catch(() => undefined));
      });
    });
    bus.subscribe(subjects.report(zone), reportMessage, (body, subject) => {
      if (!isNew(body)) return;
      this.#again(() => {
        this.reports += 1;
        bus.publish(subject, reportMessage, body);
      });
    });
  }

  static async start({ nats }: Installation, zone: string): Promise<Echo> {
    const log = createLog("echo", "silent");
    return new Echo(await Bus.connect({ url: nats.url, name: "echo", log, credentials: null, replicas: 1 }), zone);
  }

  /** All that it will ever send is sent and answered. */
  async quiet(): Promise<void> {
    await until("all echoes are over", () => this.#timers.size === 0);
    await Promise.all(this.#asked);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#bus.close();
  }

  #again(send: () => void): void {
    for (const withinMs of [SOON_MS, LATE_MS]) {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        if (!this.#stopped) send();
      }, Math.random() * withinMs);
      this.#timers.add(timer);
    }
  }
}

describe.skipIf(natsServerMissing() !== null)("results and reports", { timeout: TEST_BOUND_MS }, () => {
  it("that come twice more, late and in another order, lose nothing, make nothing twice and leave nothing", async () => {
    await using berth = await startInstallation({
      catalogue: (folder) =>
        goldCatalogue(
          ["north"],
          file("images", folder, { capacity_gib: 10_000 }, { settings: { maxOverSubscriptionRatio: 1000 } }),
          fake("second", { capacity_gib: 10_000 }),
        ),
    });
    await using echo = await Echo.start(berth, "north");
    await using stream = new Stream(berth.client, USERS, ["north"]);
    await stream.goesOnBy(200);
    await until("reports and results came again by the hundred", () => echo.results > 200 && echo.reports > 10);
    const expected = await stream.end();
    await echo.quiet();
    await until(
      "all is settled, as it was asked for",
      async () => {
        const volumes = await berth.client.volumes();
        expect(volumes.filter(({ status }) => status !== "available")).toEqual([]);
        expect(volumes.map(({ id }) => id).sort()).toEqual(expected);
        return true;
      },
      SETTLE_BOUND_MS,
    );
    await untilBooksBalance(berth, SETTLE_BOUND_MS);
  });
});
