import { Writable } from "node:stream";
import { pino } from "pino";
import { Type } from "typebox";
import { describe, expect, it, onTestFinished } from "vitest";
import { SchedulerLink } from "#agent/scheduler-link.ts";
import { Bus } from "#shared/bus.ts";
import { BerthError } from "#shared/errors.ts";
import { HeartbeatAnswer, heartbeatCall } from "#shared/protocol/heartbeat.ts";
import { jobMessage } from "#shared/protocol/job.ts";
import { callType, messageType, PROTOCOL_VERSION } from "#shared/protocol/message.ts";
import { jobs, subjects } from "#shared/protocol/subjects.ts";
import { natsServerMissing, startNatsServer } from "#test/kit/nats-server.ts";
import { uuid } from "#test/kit/records.ts";
import { temporaryFolder } from "#test/kit/temporary-folder.ts";
import { until } from "#test/kit/until.ts";

/** Messages as a program of another version makes them: more is not known of their form. */
const anyHeartbeat = callType("heartbeat", Type.Object({ of: Type.String() }), HeartbeatAnswer);
const anyJob = messageType("job", Type.Object({ version: Type.Integer() }));

async function twoSides() {
  const server = await startNatsServer({ storeDir: temporaryFolder() });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return { scheduler: await connected(server.url), agent: await connected(server.url) };
}

async function connected(url: string) {
  const logged: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      logged.push(String(chunk));
      done();
    },
  });
  const log = pino({ level: "info" }, sink);
  const bus = await Bus.connect({ url, name: "test", log, credentials: null, replicas: 1 });
  onTestFinished(() => bus.close());
  return { bus, log, logged };
}

describe.skipIf(natsServerMissing() !== null)("a program of another protocol version", () => {
  it.each([PROTOCOL_VERSION + 1, PROTOCOL_VERSION - 1])(
    "that is an agent (version %i) is refused by the scheduler, which says so once",
    async (version) => {
      const { scheduler, agent } = await twoSides();
      let heard = 0;
      scheduler.bus.serve(subjects.heartbeat("*"), heartbeatCall, async () => {
        heard += 1;
        throw new Error("not to be asked");
      });
      const beat = () =>
        agent.bus.request(subjects.heartbeat("north"), anyHeartbeat, Object({ of: "north-1", version }), 5_000);
      // The server learns of who serves a moment after that one said so.
      await until("somebody answers", () => beat().catch((error: BerthError) => error.code !== "E_UNAVAILABLE"));
      for (let n = 0; n < 3; n++)
        await expect(beat()).rejects.toMatchObject({
          code: "E_PROTOCOL",
          message: `the heartbeat is of protocol version ${version}, and who got it speaks version ${PROTOCOL_VERSION}: run the same version of Berth on both sides`,
        });
      expect(heard).toBe(0);
      expect(scheduler.logged.filter((line) => line.includes(`of protocol version ${version}`))).toHaveLength(1);
    },
  );

  it("that is the scheduler refuses this agent, which says so once and takes no work", async () => {
    const { scheduler, agent } = await twoSides();
    let beats = 0;
    // As a newer scheduler does it.
    const ofAnyVersion = callType("heartbeat", Type.Object({ zone: Type.String() }), HeartbeatAnswer);
    scheduler.bus.serve(subjects.heartbeat("*"), ofAnyVersion, async () => {
      beats += 1;
      throw new BerthError("E_PROTOCOL", "the heartbeat is of protocol version 1, and who got it speaks version 2");
    });
    let introduced = false;
    const identity = { agentId: "north-1", zone: "north", host: "h", program: "berth-agent", startedAtMs: 0 };
    const listeners = {
      onBackends: () => undefined,
      onNewScheduler: () => undefined,
      status: () => ({ backends: [], jobsInHand: 0, heldJobs: [] }),
    };
    const link = new SchedulerLink(agent.bus, identity, listeners, 20, agent.log);
    void link.introduced.then(() => {
      introduced = true;
    });
    link.start();
    onTestFinished(() => link.stop());
    await until("three heartbeats", () => beats > 3);
    expect(agent.logged.filter((line) => line.includes("the scheduler refuses this agent"))).toEqual([
      expect.stringContaining("of protocol version 1, and who got it speaks version 2"),
    ]);
    expect(introduced).toBe(false);
  });

  it("that sent a job: a newer one's stays for a newer agent, an older one's goes, for it is sent again in today's form", async () => {
    const { scheduler, agent } = await twoSides();
    await scheduler.bus.queues.ensure(jobs.stream("north"), jobs.streamSubject("north"));
    const taken: unknown[] = [];
    const filter = `${jobs.anyAgent("north")}.*`;
    const options = { stream: jobs.stream("north"), durable: "any", filter, ackWaitMs: 5_000 };
    const served = await agent.bus.queues.consume(options, jobMessage, ({ body }) => taken.push(body));
    const offer = (id: string, version: number) =>
      scheduler.bus.queues.offer(subjects.job("north", null, id), anyJob, { version });
    await offer(uuid(1), PROTOCOL_VERSION + 1);
    await offer(uuid(2), PROTOCOL_VERSION - 1);
    await until("both were met", () => agent.logged.some((line) => line.includes("is dropped")));
    await until("the older one is gone", async () => (await offer(uuid(2), PROTOCOL_VERSION - 1)) === "accepted");
    expect(await offer(uuid(1), PROTOCOL_VERSION + 1)).toBe("already-there");
    expect(
      agent.logged.filter((line) => line.includes(`the job is of protocol version ${PROTOCOL_VERSION + 1}`)),
    ).toHaveLength(1);
    expect(taken).toEqual([]);
    await served.stop();
  });
});
