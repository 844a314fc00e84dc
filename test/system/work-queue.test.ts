import { describe, expect, it } from "vitest";
import { Bus, type Delivery } from "#shared/bus.ts";
import { createLog } from "#shared/log.ts";
import { type JobMessage, jobMessage } from "#shared/protocol/job.ts";
import { PROTOCOL_VERSION } from "#shared/protocol/message.ts";
import { jobs, subjects } from "#shared/protocol/subjects.ts";
import { natsServerMissing, startNatsServer } from "#test/kit/nats-server.ts";
import { jobRecord } from "#test/kit/records.ts";
import { until } from "#test/kit/until.ts";

const ZONE = "north";

describe.skipIf(natsServerMissing() !== null)("a zone's work queue", () => {
  it("refuses a job that it has, gives back what is handed back, and forgets what is done", async () => {
    await using nats = await startNatsServer();
    const log = createLog("test", "silent");
    const bus = await Bus.connect({ url: nats.url, name: "test", log, credentials: null, replicas: 1 });
    const stream = jobs.stream(ZONE);
    await bus.queues.ensure(stream, jobs.streamSubject(ZONE));
    const taken: Delivery<JobMessage>[] = [];
    const filter = `${jobs.anyAgent(ZONE)}.*`;
    const queue = { stream, durable: jobs.consumer(null), filter, ackWaitMs: 60_000 };
    const served = await bus.queues.consume(queue, jobMessage, (delivery) => taken.push(delivery));
    const { id, attempt, backendId, operation, timeoutMs, requestId } = jobRecord();
    const message = {
      version: PROTOCOL_VERSION,
      jobId: id,
      attempt,
      backendId,
      operation,
      timeoutMs,
      requestId,
    } as const;
    const offer = () => bus.queues.offer(subjects.job(ZONE, null, id), jobMessage, message);

    expect(await offer()).toBe("accepted");
    const first = await until("it is taken", () => taken[0]);
    expect([first.count, first.body.jobId, await offer()]).toEqual([1, id, "already-there"]);
    await first.renew(5_000);
    first.handBack(0);
    const second = await until("it comes again", () => taken[1]);
    expect([second.count, await offer()]).toEqual([2, "already-there"]);
    second.done();
    await until("the queue has forgotten it", async () => (await offer()) === "accepted");
    await served.stop();
    await bus.close();
  });
});
