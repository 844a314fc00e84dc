import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { JobSender } from "#scheduler/dispatch/job-sender.ts";
import { Bus } from "#shared/bus.ts";
import { createLog } from "#shared/log.ts";
import type { Job } from "#shared/model/job.ts";
import { type JobMessage, jobMessage } from "#shared/protocol/job.ts";
import { PROTOCOL_VERSION } from "#shared/protocol/message.ts";
import { jobs, subjects } from "#shared/protocol/subjects.ts";
import { natsServerMissing, startNatsServer } from "#test/kit/nats-server.ts";
import { jobRecord, uuid } from "#test/kit/records.ts";
import { until } from "#test/kit/until.ts";

const ZONE = "north";
const ACK_WAIT_MS = 500;

function job(n: number): Job {
  return jobRecord({ id: `${uuid(n)}-1`, dispatched: true });
}

function messageOf({ id, attempt, backendId, operation, timeoutMs, requestId }: Job): JobMessage {
  return { version: PROTOCOL_VERSION, jobId: id, attempt, backendId, operation, timeoutMs, requestId };
}

describe.skipIf(natsServerMissing() !== null)("a nats-server that was killed and lost the end of its stream", () => {
  it("passes new jobs over, which is noticed, and they are done all the same", { timeout: 60_000 }, async () => {
    await using nats = await startNatsServer();
    const log = createLog("test", "silent");
    const bus = await Bus.connect({ url: nats.url, name: "test", log, credentials: null, replicas: 1 });
    const stream = jobs.stream(ZONE);
    const done: string[] = [];
    await bus.queues.ensure(stream, jobs.streamSubject(ZONE));
    const filter = `${jobs.anyAgent(ZONE)}.*`;
    const queue = { stream, durable: jobs.consumer(null), filter, ackWaitMs: ACK_WAIT_MS };
    const served = await bus.queues.consume(queue, jobMessage, (delivery) => {
      done.push(delivery.body.jobId);
      delivery.done();
    });
    for (const n of [1, 2, 3, 4])
      await bus.queues.offer(subjects.job(ZONE, null, job(n).id), jobMessage, messageOf(job(n)));
    await until("the first jobs are done", () => done.length === 4);

    await nats.kill("SIGTERM");
    await rm(join(nats.storeDir, "jetstream", "$G", "streams", stream, "msgs"), { recursive: true, force: true });
    await nats.restart();

    const sender = new JobSender({ bus, log, isCurrent: () => true, isHeld: () => null });
    const late = job(5);
    await until("the job is done", async () => {
      sender.send(late);
      return done.includes(late.id);
    });
    expect(done.filter((id) => id === late.id)).toHaveLength(1);
    sender.stop();
    await served.stop();
    await bus.close();
  });
});
