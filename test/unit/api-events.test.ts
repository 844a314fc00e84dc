import { once } from "node:events";
import type { Readable } from "node:stream";
import { describe, expect, onTestFinished, test } from "vitest";
import { EventStreams } from "#scheduler/api/operator/event-stream.ts";
import { SentEventReader } from "#scheduler/cli/sent-events.ts";
import { EventLog } from "#scheduler/event-log.ts";
import { BerthEvent } from "#shared/events/event.ts";
import { parser } from "#shared/schema.ts";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";
import { uuid } from "#test/kit/records.ts";
import { until } from "#test/kit/until.ts";

const events = parser(BerthEvent, "the event");

interface Watch {
  readonly status: number;
  readonly type: string;
  readonly told: BerthEvent[];
  /** The last id that came, with an event or without. */
  lastId: string;
  readonly ended: Promise<void>;
  stop(): void;
}

async function openStand(): Promise<ApiStand & { readonly url: string }> {
  const stand = await openApiStand();
  onTestFinished(() => stand.api.close());
  return { ...stand, url: await stand.api.listen({ port: 0, host: "127.0.0.1" }) };
}

async function watch(url: string, query = "", headers: Record<string, string> = {}): Promise<Watch> {
  const stopped = new AbortController();
  const response = await fetch(`${url}/berth/v1/events${query}`, { headers, signal: stopped.signal });
  const seen: BerthEvent[] = [];
  const reader = new SentEventReader();
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? [])
      for (const { id, data } of reader.take(decoder.decode(chunk, { stream: true }))) {
        made.lastId = id;
        if (data !== null) seen.push(events.parse(JSON.parse(data)));
      }
  };
  const made: Watch = {
    status: response.status,
    type: response.headers.get("content-type") ?? "",
    told: seen,
    lastId: "",
    ended: read().catch(() => undefined),
    stop: () => stopped.abort(),
  };
  onTestFinished(() => made.stop());
  return made;
}

async function createVolume({ engine }: ApiStand, n: number, projectId = "acme"): Promise<void> {
  await engine.submit("volume.create", {
    ...{ id: uuid(n), projectId, userId: "ada", name: `v${n}`, description: "", metadata: {}, sizeGib: 1 },
    ...{
      flavor: "gold",
      zone: null,
      source: { kind: "blank" as const },
      idempotency: null,
      chap: { username: "u", sealedSecret: "sealed" },
      requestId: "req-1",
    },
  });
}

const types = ({ told }: Watch): string[] => told.map(({ type, object }) => `${type} ${object.name}`);

describe("GET /berth/v1/events", () => {
  test("tells what happens from now on, by project and type", async () => {
    const stand = await openStand();
    await createVolume(stand, 1);
    const [all, some] = await Promise.all([
      watch(stand.url),
      watch(stand.url, "?project=acme&type=volume.*.end,agent.*"),
    ]);
    expect([all.status, all.type]).toEqual([200, "text/event-stream; charset=utf-8"]);
    // Where it is, is told at once.
    await until("the place is told", () => all.lastId !== "");
    await createVolume(stand, 2);
    await createVolume(stand, 3, "other");
    await until("the last has come", () => types(all).includes("volume.create.end v3"));
    expect(types(all).filter((type) => !type.startsWith("volume.create.start"))).toEqual([
      ...types(all).filter((type) => type.startsWith("volume.create.end v1")),
      "volume.create.end v2",
      "volume.create.end v3",
    ]);
    expect(new Set(types(some))).toEqual(
      new Set(types(some).filter((type) => type.endsWith("v1") || type.endsWith("v2"))),
    );
    await until("one's own has come", () => types(some).includes("volume.create.end v2"));
  });

  test("goes on behind the event that a reader had last", async () => {
    const stand = await openStand();
    await createVolume(stand, 1);
    const all = await watch(stand.url, "?since=first");
    await until("it is available", () => types(all).includes("volume.create.end v1"));
    const at = all.told.findIndex(({ type }) => type === "volume.create.start");
    const rest = all.told.slice(at + 1).map(({ id }) => id);
    const since = await watch(stand.url, `?since=${all.told[at]?.id}`);
    const last = await watch(stand.url, "?since=first", { "last-event-id": all.told[at]?.id ?? "" });
    for (const one of [since, last]) {
      await until("the rest has come", () => one.told.length >= rest.length);
      expect(one.told.map(({ id }) => id)).toEqual(rest);
    }
    const ago = await watch(stand.url, "?agoMs=3600000&type=volume.create.start");
    await until("what was within the hour has come", () => ago.told.length === 1);
  });

  test("refuses what it does not understand, and HEAD", async () => {
    const { url } = await openStand();
    for (const query of ["?since=yesterday", "?type=Volume", "?project=a/b", "?agoMs=-1", "?what=1"])
      expect((await watch(url, query)).status, query).toBe(400);
    expect((await watch(url, "", { "last-event-id": "x" })).status).toBe(400);
    expect((await fetch(`${url}/berth/v1/events`, { method: "HEAD" })).status).not.toBe(200);
  });

  test("ends with the scheduler, and keeps it from nothing", async () => {
    const stand = await openStand();
    const one = await watch(stand.url);
    await stand.api.close();
    await one.ended;
  });

  test("is counted", async () => {
    const stand = await openStand();
    const one = await watch(stand.url);
    await createVolume(stand, 1);
    await until("it is told", () => one.told.length > 0);
    const { body } = await stand.api.inject("/metrics");
    expect(body).toMatch(/^berth_event_readers 1$/m);
    expect(body).toMatch(/^berth_events_total [1-9]/m);
    expect(body).toMatch(/^berth_events_missed_total\{reader="http"\} 0$/m);
    one.stop();
    await until("it is gone", async () => (await stand.api.inject("/metrics")).body.includes("berth_event_readers 0"));
  });
});

describe("streams of events", () => {
  function commit(log: EventLog, seq: number): void {
    const object = { kind: "agent" as const, id: "a".repeat(200) };
    const nobody = { projectId: null, userId: null, requestId: null };
    log.tell(log.write(seq, [{ type: "agent.up", atMs: 0, ...nobody, object, error: null }]).commit);
  }

  /** What is there to be read, as far as it is prepared. */
  function take(stream: Readable): BerthEvent[] {
    const reader = new SentEventReader();
    const taken: BerthEvent[] = [];
    for (let chunk: unknown = stream.read(); chunk !== null; chunk = stream.read())
      for (const { data } of reader.take(String(chunk))) if (data !== null) taken.push(events.parse(JSON.parse(data)));
    return taken;
  }

  const WATCHING = { from: { seq: 0, n: 0 }, wanted: () => true };

  test("hold little for a reader that is slow, who is told what it missed", async () => {
    const log = new EventLog(50);
    const streams = new EventStreams(log);
    const stream = streams.open(WATCHING);
    stream.on("readable", () => undefined);
    for (let seq = 1; seq <= 2_000; seq++) {
      commit(log, seq);
      if (seq % 100 === 0) await new Promise(setImmediate);
    }
    expect(stream.readableLength).toBeLessThan(128 * 1024);
    const seen: BerthEvent[] = [];
    await until("the last has come", () => {
      seen.push(...take(stream));
      return seen.at(-1)?.seq === 2_000;
    });
    const missed = seen.reduce((sum, { object }) => sum + (object.missed ?? 0), 0);
    expect(missed).toBeGreaterThan(0);
    expect(missed).toBe(streams.counts.missed);
    // With what is told of gaps, nothing is left out.
    expect(seen.filter(({ type }) => type !== "events.gap").length + missed).toBe(2_000);
    stream.destroy();
  });

  test("cut whoever takes nothing, and are open to so many", async () => {
    const log = new EventLog();
    const streams = new EventStreams(log, { heartbeatMs: 20, stalledMs: 60 });
    for (let seq = 1; seq <= 2_000; seq++) commit(log, seq);
    const stalled = streams.open(WATCHING);
    stalled.read(0);
    const [error] = await once(stalled, "error");
    expect(String(error)).toContain("does not take them");
    expect(streams.counts).toMatchObject({ readers: 0, cut: 1 });

    const open = Array.from({ length: 64 }, () => streams.open(WATCHING));
    expect(() => streams.open(WATCHING)).toThrow(/64 programs/);
    for (const one of open) one.on("error", () => undefined);
    streams.close();
    await until("all are closed", () => streams.counts.readers === 0);
  });
});
