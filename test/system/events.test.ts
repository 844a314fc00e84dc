import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SentEventReader } from "#scheduler/cli/sent-events.ts";
import { BerthEvent } from "#shared/events/event.ts";
import { events as names } from "#shared/protocol/subjects.ts";
import { parser } from "#shared/schema.ts";
import { berthCommand } from "#test/kit/berth-command.ts";
import { layCrashOrder } from "#test/kit/crash-order.ts";
import { EventSubscriber } from "#test/kit/event-subscriber.ts";
import { fake, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { connectBus } from "#test/kit/nats-ledgers.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { until } from "#test/kit/until.ts";
import { untilGone, untilStatus } from "#test/kit/volumes.ts";

const TEST_BOUND_MS = 60_000;
const events = parser(BerthEvent, "event");

async function oneFake(settings: Readonly<Record<string, string>> = {}): Promise<Installation> {
  return await startInstallation({
    catalogue: () => goldCatalogue(["north"], fake("store", { capacity_gib: 10_000 })),
    agentsPerZone: 1,
    settings,
  });
}

/** All that stands in the stream. */
async function streamed({ nats }: Installation): Promise<BerthEvent[]> {
  const bus = await connectBus(nats.url);
  try {
    const stream = bus.appendLog({ stream: names.stream, subject: names.all });
    const { first, last } = await stream.ends();
    const found: BerthEvent[] = [];
    for (let at = first; at <= last; at++) {
      const message = await stream.at(at);
      if (message !== null) found.push(events.parse(JSON.parse(Buffer.from(message.body).toString("utf8"))));
    }
    return found;
  } finally {
    await bus.close();
  }
}

const LIFE = [
  "volume.create.start",
  "volume.create.end",
  "volume.resize.start",
  "volume.resize.end",
  "volume.delete.start",
  "volume.delete.end",
];

async function live({ client }: Installation, name: string): Promise<string> {
  const { id } = await client.createVolume({ name, availability_zone: "north" });
  await untilStatus(client, id, "available");
  await client.extendVolume(id, 2);
  await untilStatus(client, id, "available");
  await client.deleteVolume(id);
  await untilGone(client, "volume");
  return id;
}

const of = (id: string, told: readonly BerthEvent[]): string[] =>
  told.filter(({ object }) => object.id === id).map(({ type }) => type);

describe.skipIf(natsServerMissing() !== null)("events", { timeout: TEST_BOUND_MS }, () => {
  it("tell the life of a volume, on NATS, over HTTP and to a person", async () => {
    await using berth = await oneFake();
    const { client } = berth;
    await using all = await EventSubscriber.start(berth.nats.url, `berth.event.${client.project}.volume.>`);
    await using others = await EventSubscriber.start(berth.nats.url, "berth.event.acme.>");
    const id = await live(berth, "data");
    await until("the last is heard", () => of(id, all.heard).length >= LIFE.length);
    expect(of(id, all.heard)).toEqual(LIFE);
    expect(all.heard.map(({ n }) => n)).toEqual([...new Set(all.heard.map(({ n }) => n))].sort((a, b) => a - b));
    expect(others.heard).toEqual([]);

    const watched = await berthCommand(
      berth,
      "watch",
      "--since",
      "first",
      "--type",
      "volume.*",
      "--count",
      "6",
      "--json",
    );
    expect(watched.exitCode).toBe(0);
    const lines = watched.out
      .trimEnd()
      .split("\n")
      .map((line) => events.parse(JSON.parse(line)));
    expect(lines).toEqual(all.heard);
    const line = await berthCommand(berth, "watch", "--since", "1h", "--type", "volume.create.end", "--count", "1");
    expect(line.out).toContain(`volume data (${id})  available, 1 GiB, north`);
  });

  it("are told after a kill between commit and telling, each once and none left out", async () => {
    const orders = join(temporaryFolder(), "crash-order");
    await using berth = await oneFake({ BERTH_CRASH_ORDER: orders });
    await using all = await EventSubscriber.start(berth.nats.url, names.all);
    const first = await live(berth, "before");
    await until("it is told", () => of(first, all.heard).length === LIFE.length);
    // The commit that takes the request in is durable, and nothing has left: no answer, no job, no event.
    await layCrashOrder(orders, { point: "committed", passing: 1, how: "kill" });
    const asked = berth.client.createVolume({ name: "after", availability_zone: "north" }).catch(() => null);
    await berth.scheduler.ended();
    await asked;
    berth.scheduler.start();
    await berth.ready();
    // It was accepted, and nobody was told.
    const { id: second } = await until("the accepted volume is there", async () => {
      const [volume] = await berth.client.volumes();
      return volume?.name === "after" && volume.status === "available" ? volume : null;
    });
    await berth.client.deleteVolume(second);
    await until("its end is told", () => of(second, all.heard).includes("volume.delete.end"));
    const told = await streamed(berth);
    expect(told.map(({ n }) => n)).toEqual(told.map((_event, index) => index + 1));
    expect(new Set(told.map(({ id }) => id)).size).toBe(told.length);
    expect(of(first, told)).toEqual(LIFE);
    expect(of(second, told)).toEqual(LIFE.filter((type) => !type.includes("resize")));
  });

  it("suffer nobody to wait: neither nats-server away nor a reader that reads nothing slows creates down", async () => {
    await using berth = await oneFake({ BERTH_EVENTS_KEPT: "100" });
    const { client } = berth;
    const stopped = new AbortController();
    // It reads the head of the answer, and nothing of what follows.
    const idle = await fetch(`${client.url}/berth/v1/events?since=first`, { signal: stopped.signal });
    expect(idle.status).toBe(200);
    await berth.nats.kill("SIGKILL");
    const ids: string[] = [];
    for (let n = 0; n < 150; n++)
      ids.push((await client.createVolume({ name: `v${n}`, availability_zone: "north" })).id);
    await berth.nats.restart();
    for (const id of ids) await untilStatus(client, id, "available");
    await until("the stream has the last one", async () => {
      const told = await streamed(berth);
      return ids.every(
        (id) => of(id, told).includes("volume.create.end") || told.some(({ type }) => type === "events.gap"),
      );
    });
    // What came too late to be kept is told as lost: with it the numbers leave nothing out.
    let next = 1;
    for (const { n, type, object } of await streamed(berth)) {
      if (type !== "events.gap") expect(n).toBe(next);
      else expect(n).toBe(next - 1 + (object.missed ?? 0));
      next = n + 1;
    }
    const reader = new SentEventReader();
    const seen: BerthEvent[] = [];
    for await (const chunk of idle.body ?? []) {
      for (const { data } of reader.take(Buffer.from(chunk).toString("utf8")))
        if (data !== null) seen.push(events.parse(JSON.parse(data)));
      if (seen.some(({ type, object }) => type === "volume.create.end" && object.id === ids.at(-1))) break;
    }
    stopped.abort();
    expect(seen.length).toBeGreaterThan(0);
  });
});
