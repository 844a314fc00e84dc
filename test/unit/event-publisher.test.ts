import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { EventPublisher } from "#scheduler/dispatch/event-publisher.ts";
import { EventLog } from "#scheduler/event-log.ts";
import type { AppendLog } from "#shared/bus/append-log.ts";
import type { Bus } from "#shared/bus.ts";
import { BerthEvent, type EventFacts } from "#shared/events/event.ts";
import { events as names } from "#shared/protocol/subjects.ts";
import { parser } from "#shared/schema.ts";
import { EventSubscriber } from "#test/kit/event-subscriber.ts";
import { connectBus, quietLog } from "#test/kit/nats-ledgers.ts";
import { type NatsServer, natsServerMissing, startNatsServer } from "#test/kit/nats-server.ts";
import { until } from "#test/kit/until.ts";

const LIMITS = { maxAgeMs: 60_000, maxBytes: 64 * 1024 * 1024 };
const events = parser(BerthEvent, "event");

function facts(id: string, projectId: string | null = null, atMs = Date.now()): EventFacts {
  const object = { kind: "agent" as const, id };
  return { type: "agent.up", atMs, projectId, userId: null, requestId: null, object, error: null };
}

function commit(log: EventLog, seq: number, ...told: readonly EventFacts[]): void {
  log.tell(log.write(seq, told).commit);
}

describe.skipIf(natsServerMissing() !== null)("events on NATS", () => {
  let server: NatsServer;
  let bus: Bus;
  let stream: AppendLog;
  beforeAll(async () => {
    server = await startNatsServer();
    bus = await connectBus(server.url);
    stream = bus.appendLog({ stream: names.stream, subject: names.all, keep: LIMITS });
  });
  afterAll(async () => {
    await bus.close();
    await server[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await stream.ensure();
    await stream.purgeBefore((await stream.ends()).last + 1);
  });

  async function inStream(): Promise<string[]> {
    const { first, last } = await stream.ends();
    const ids: string[] = [];
    for (let at = first; at <= last; at++) {
      const message = await stream.at(at);
      if (message === null) continue;
      const text: unknown = JSON.parse(Buffer.from(message.body).toString("utf8"));
      ids.push(events.check(text) ? `${text.id} ${text.type}` : message.id);
    }
    return ids;
  }

  function publish(log: EventLog, limits = LIMITS): Disposable & { readonly publisher: EventPublisher } {
    const publisher = new EventPublisher({ bus, events: log, log: quietLog, ...limits });
    publisher.start();
    return { publisher, [Symbol.dispose]: () => publisher.stop() };
  }

  test("come in order, once, under a subject that names the project", async () => {
    await using subscriber = await EventSubscriber.start(server.url, names.all);
    const log = new EventLog();
    commit(log, 1, facts("a"), facts("b", "acme"));
    using _publishing = publish(log);
    await until("two are told", async () => (await inStream()).length === 2);
    commit(log, 5, facts("c", "a.b_c"));
    await until("three are told", async () => (await inStream()).length === 3);
    expect(await inStream()).toEqual(["1-1 agent.up", "1-2 agent.up", "5-3 agent.up"]);
    await until("the subscriber has them", () => subscriber.heard.length === 3);
    expect(subscriber.subjects).toEqual([
      "berth.event.@operator.agent.up",
      "berth.event.acme.agent.up",
      "berth.event.a%2Eb_c.agent.up",
    ]);
  });

  test("are told on from where the stream ends by whoever follows, none twice and none left out", async () => {
    const log = new EventLog();
    for (let seq = 1; seq <= 20; seq++) commit(log, seq, facts(`a${seq}`));
    {
      using first = publish(log);
      await until("some are told", () => first.publisher.counts.published >= 3);
    }
    const later = EventLog.of(
      Array.from({ length: 30 }, (_, index) => ({ seq: index + 1, first: index + 1, events: [facts(`a${index}`)] })),
      100,
    );
    using _second = publish(later);
    await until("all are told", async () => (await inStream()).length >= 30);
    expect(await inStream()).toEqual(Array.from({ length: 30 }, (_, index) => `${index + 1}-${index + 1} agent.up`));
  });

  test("that are not kept any more are a gap with their number", async () => {
    const log = new EventLog(5);
    commit(log, 1, facts("first"));
    {
      using _first = publish(log);
      await until("the first is told", async () => (await inStream()).length === 1);
    }
    for (let seq = 2; seq <= 20; seq++) commit(log, seq, facts(`a${seq}`));
    using late = publish(log);
    await until("the last is told", async () => (await inStream()).at(-1) === "20-20 agent.up");
    expect(await inStream()).toEqual([
      "1-1 agent.up",
      "16-15 events.gap",
      ...[16, 17, 18, 19, 20].map((n) => `${n}-${n} agent.up`),
    ]);
    expect(late.publisher.counts).toEqual({ published: 6, missed: 14 });
  });

  test("what the stream has forgotten by its age is not told again", async () => {
    const log = new EventLog();
    commit(log, 1, facts("old", null, Date.now() - 2 * LIMITS.maxAgeMs));
    commit(log, 2, facts("new"));
    using _publishing = publish(log);
    await until("the new one is told", async () => (await inStream()).length === 1);
    expect(await inStream()).toEqual(["2-2 agent.up"]);
  });

  test("go on after somebody else has written there, and after nats-server was away", async () => {
    const log = new EventLog();
    commit(log, 1, facts("a"));
    using _publishing = publish(log);
    await until("the first is told", async () => (await inStream()).length === 1);
    const body = Buffer.from("{}");
    await stream.add({ id: "a stranger's", part: 1, parts: 1, body }, 5_000, "berth.event.acme.hello");
    commit(log, 2, facts("b"));
    await until("the next is told", async () => (await inStream()).length === 3);
    await server.restart("SIGKILL");
    commit(log, 3, facts("c"));
    await until("the last is told", async () => (await inStream()).at(-1) === "3-3 agent.up");
    expect(await inStream()).toEqual(["1-1 agent.up", "a stranger's", "2-2 agent.up", "3-3 agent.up"]);
  });

  test("of a ledger that began anew are told, though the stream knows later ones", async () => {
    const before = new EventLog();
    commit(before, 900, facts("of the ledger that is lost"));
    {
      using _first = publish(before);
      await until("it is told", async () => (await inStream()).length === 1);
    }
    const log = new EventLog();
    commit(log, 1, facts("a"));
    using _publishing = publish(log);
    await until("the new one is told", async () => (await inStream()).at(-1) === "1-1 agent.up");
  });
});
