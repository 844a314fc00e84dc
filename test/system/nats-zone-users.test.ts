import { resolve } from "node:path";
import { Writable } from "node:stream";
import { type Logger, pino } from "pino";
import { Type } from "typebox";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Bus } from "#shared/bus.ts";
import { callType, messageType } from "#shared/protocol/message.ts";
import { jobs, subjects } from "#shared/protocol/subjects.ts";
import { type NatsServer, natsServerMissing, startNatsServer } from "#test/kit/nats-server.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";

const WAIT = { timeout: 10_000, interval: 10 };
const CONFIG_FILE = resolve(import.meta.dirname, "../../deploy/nats/zone-users.conf");
const PASSWORDS = {
  BERTH_NATS_SCHEDULER_PASSWORD: "of-the-scheduler",
  BERTH_NATS_NORTH_PASSWORD: "of-the-north",
  BERTH_NATS_SOUTH_PASSWORD: "of-the-south",
};

const word = messageType("word", Type.String());
const echo = callType("echo", Type.String(), Type.String());

/** A connection and what it logged. */
async function connectAs(server: NatsServer, user: string, password: string) {
  const logged: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      logged.push(String(chunk));
      done();
    },
  });
  const log: Logger = pino({ level: "trace" }, sink);
  const bus = await Bus.connect({ url: server.url, name: user, log, credentials: { user, password }, replicas: 1 });
  onTestFinished(() => bus.close());
  return { bus, logged };
}

async function zones() {
  const server = await startNatsServer({
    configFile: CONFIG_FILE,
    environment: PASSWORDS,
    storeDir: temporaryFolder(),
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const scheduler = await connectAs(server, "scheduler", "of-the-scheduler");
  const north = await connectAs(server, "agent-north", "of-the-north");
  for (const zone of ["north", "south"]) await scheduler.bus.queues.ensure(jobs.stream(zone), jobs.streamSubject(zone));
  return { scheduler, north };
}

const consumerOf = (zone: string) => ({
  stream: jobs.stream(zone),
  durable: "agents",
  filter: `${jobs.anyAgent(zone)}.*`,
  ackWaitMs: 5000,
});

describe.skipIf(natsServerMissing() !== null)("the NATS users of deploy/nats", () => {
  it("let an agent do all its work in its own zone", async () => {
    const { scheduler, north } = await zones();
    for (const subject of [
      subjects.heartbeat,
      subjects.result,
      subjects.progress,
      subjects.backends,
      subjects.exports,
      subjects.awaited,
    ]) {
      scheduler.bus.serve(subject("*"), echo, async (question, on) => `${question} on ${on}`);
      const answer = await vi.waitFor(() => north.bus.request(subject("north"), echo, "hello", 5000), WAIT);
      expect(answer).toBe(`hello on ${subject("north")}`);
    }
    for (const subject of [subjects.measure, subjects.list]) {
      north.bus.serve(subject("north", null), echo, async (question) => `${question} answered`, "agents");
      const ask = () => scheduler.bus.request(subject("north", null), echo, "now", 5000);
      expect(await vi.waitFor(ask, WAIT)).toBe("now answered");
    }

    const heard: string[] = [];
    scheduler.bus.subscribe(subjects.report("*"), word, (body) => heard.push(body));
    // Its own, too: by that it knows that its neighbours hear it.
    north.bus.subscribe(subjects.present("north"), word, (body) => heard.push(body));
    north.bus.subscribe(subjects.nudge("north"), word, (body) => heard.push(body));
    await vi.waitFor(() => {
      north.bus.publish(subjects.report("north"), word, "report");
      north.bus.publish(subjects.present("north"), word, "present");
      scheduler.bus.publish(subjects.nudge("north"), word, "nudge");
      expect(new Set(heard)).toEqual(new Set(["report", "present", "nudge"]));
    }, WAIT);

    const bodies: string[] = [];
    const consumer = await north.bus.queues.consume(consumerOf("north"), word, async (delivery) => {
      await delivery.renew(5000);
      delivery.done();
      bodies.push(delivery.body);
    });
    const subject = subjects.job("north", null, "1");
    await scheduler.bus.queues.offer(subject, word, "first");
    await vi.waitFor(() => expect(bodies).toEqual(["first"]), WAIT);
    // One message a subject: it is taken again only when the acknowledgement of the first has arrived.
    await vi.waitFor(
      async () => expect(await scheduler.bus.queues.offer(subject, word, "second")).toBe("accepted"),
      WAIT,
    );
    await vi.waitFor(() => expect(bodies).toEqual(["first", "second"]), WAIT);
    await consumer.stop();
  });

  it("keep it out of every other zone: its jobs, its results, its queue", async () => {
    const { scheduler, north } = await zones();
    const reached: string[] = [];
    for (const subject of [
      subjects.heartbeat,
      subjects.result,
      subjects.progress,
      subjects.backends,
      subjects.exports,
      subjects.awaited,
    ]) {
      scheduler.bus.serve(subject("*"), echo, async (_question, on) => {
        reached.push(on);
        return on;
      });
    }
    await vi.waitFor(() => north.bus.request(subjects.heartbeat("north"), echo, "", 5000), WAIT);
    for (const subject of [
      subjects.heartbeat,
      subjects.result,
      subjects.progress,
      subjects.backends,
      subjects.exports,
      subjects.awaited,
    ])
      await expect(north.bus.request(subject("south"), echo, "", 500)).rejects.toThrow();
    expect(reached).toEqual([subjects.heartbeat("north")]);

    await expect(north.bus.queues.consume(consumerOf("south"), word, () => undefined)).rejects.toThrow(/permission/i);
    await expect(north.bus.queues.ensure(jobs.stream("north"), "berth.>")).rejects.toThrow();
  });

  it("keep it from making jobs, even in its own zone, and from hearing other users' answers", async () => {
    const { scheduler, north } = await zones();
    await expect(north.bus.queues.offer(subjects.job("north", null, "1"), word, "made up")).rejects.toThrow(
      /permission/i,
    );

    const heard: string[] = [];
    const forbidden = [
      "_INBOX.>",
      "_INBOX.scheduler.>",
      "_INBOX.agent-south.>",
      "berth.>",
      jobs.streamSubject("south"),
      subjects.list("south", null),
      ">",
    ];
    for (const subject of forbidden) north.bus.subscribe(subject, word, (_body, on) => heard.push(on));
    await vi.waitFor(() => {
      for (const subject of forbidden)
        expect(
          north.logged.some((line) => line.includes(`"subject":"${subject}"`) && /permission/i.test(line)),
          subject,
        ).toBe(true);
    }, WAIT);
    scheduler.bus.serve(subjects.heartbeat("*"), echo, async () => "answer");
    await scheduler.bus.request(subjects.heartbeat("south"), echo, "question", 5000);
    await north.bus.request(subjects.heartbeat("north"), echo, "question", 5000);
    expect(heard).toEqual([]);
  });
});
