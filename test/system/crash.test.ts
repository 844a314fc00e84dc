import { rm } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { untilBooksBalance } from "#test/kit/books.ts";
import { fake, file, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { Stream } from "#test/kit/stream.ts";
import { until } from "#test/kit/until.ts";
import { Random } from "#test/simulation/random.ts";

const SETTLE_BOUND_MS = 30_000;
const TEST_BOUND_MS = 60_000;
const CRASHES = 2;
const USERS = 4;

/** Image files in north; in south a fake that takes its time, so that crashes find jobs in hand. */
async function twoZones(): Promise<Installation> {
  return await startInstallation({
    catalogue: (folder) =>
      goldCatalogue(
        ["north", "south"],
        file("images", folder, { capacity_gib: 10_000 }, { settings: { maxOverSubscriptionRatio: 1000 } }),
        fake("slow", { slow_ms: 40, capacity_gib: 10_000 }, { zone: "south" }),
      ),
  });
}

/** Waits until all is settled, and then nothing may be lost, doubled, stuck or left behind. */
async function expectNothingLost(berth: Installation, expected: readonly string[]): Promise<void> {
  await until(
    "every accepted volume is available, every deleted one gone",
    async () => {
      const volumes = await berth.client.volumes();
      const unsettled = volumes.filter(({ status }) => status !== "available");
      expect(unsettled.map(({ id, status }) => `${id} ${status}`)).toEqual([]);
      expect(volumes.map(({ id }) => id).sort()).toEqual(expected);
      return true;
    },
    SETTLE_BOUND_MS,
  );
  await untilBooksBalance(berth, SETTLE_BOUND_MS);
  const names = (await berth.client.volumes()).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
}

/** Crashes things at random moments of a stream of creates and deletes; in the end the books must balance. */
async function crashRepeatedly(
  berth: Installation,
  crash: (random: Random, stream: Stream) => Promise<void>,
): Promise<void> {
  const seed = Date.now() % 1_000_000;
  console.info(`the moments of the crashes come from seed ${seed}`);
  const random = new Random(seed);
  await using stream = new Stream(berth.client, USERS, ["north", "south"]);
  for (let crashes = 0; crashes < CRASHES; crashes++) {
    await stream.goesOnBy(random.between(1, 25));
    await crash(random, stream);
  }
  await stream.goesOnBy(10);
  await expectNothingLost(berth, await stream.end());
}

describe.skipIf(natsServerMissing() !== null)(
  "kill -9 in the midst of creates and deletes",
  { timeout: TEST_BOUND_MS },
  () => {
    it("of the scheduler loses no accepted volume and makes none twice", async () => {
      await using berth = await twoZones();
      await crashRepeatedly(berth, async () => {
        await berth.scheduler.restart("SIGKILL");
      });
    });

    it("of agents hands their jobs to others", async () => {
      await using berth = await twoZones();
      await crashRepeatedly(berth, async (random, stream) => {
        const agent = berth.agent(random.pick([...berth.agents.keys()]) ?? "");
        await agent.kill("SIGKILL");
        await stream.goesOnBy(random.between(1, 10));
        agent.start();
      });
    });

    it("of nats-server stops work, and no request", async () => {
      await using berth = await twoZones();
      await crashRepeatedly(berth, async (random, stream) => {
        await berth.nats.kill("SIGKILL");
        // What is asked for meanwhile is in the ledger, and is done afterwards.
        await stream.goesOnBy(random.between(1, 10));
        await berth.nats.restart();
      });
    });

    it("of nats-server with the loss of all its data loses nothing that was accepted", async () => {
      await using berth = await twoZones();
      await crashRepeatedly(berth, async (random, stream) => {
        await berth.nats.kill("SIGKILL");
        await rm(berth.nats.storeDir, { recursive: true, force: true });
        await stream.goesOnBy(random.between(1, 10));
        await berth.nats.restart();
      });
    });

    it("of everything at once, as when the power fails", async () => {
      await using berth = await twoZones();
      await crashRepeatedly(berth, async () => {
        const programs = [berth.scheduler, ...berth.agents.values()];
        await Promise.all([berth.nats.kill("SIGKILL"), ...programs.map((program) => program.kill("SIGKILL"))]);
        await berth.nats.restart();
        for (const program of programs) program.start();
      });
    });
  },
);
