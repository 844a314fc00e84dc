import { describe, expect, it } from "vitest";
import { untilBooksBalance } from "#test/kit/books.ts";
import { fake, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import type { Program } from "#test/kit/program.ts";
import { until } from "#test/kit/until.ts";
import { untilGone, untilStatus } from "#test/kit/volumes.ts";

const TEST_BOUND_MS = 45_000;

/** One zone with two agents and one backend, which logs what it is told. */
async function oneZone(
  parameters: Readonly<Record<string, number | boolean | string>>,
  settings: Readonly<Record<string, string>> = {},
): Promise<Installation> {
  return await startInstallation({
    catalogue: () => goldCatalogue(["north"], fake("only", { log_calls: true, ...parameters })),
    settings,
  });
}

function agentsOf(berth: Installation): [Program, Program] {
  return [berth.agent("north-1"), berth.agent("north-2")];
}

function calls(agent: Program, call: string, ...texts: readonly string[]): number {
  return agent.logged(`"call":"${call}"`, ...texts).length;
}

/** The agent that has taken the volume's creation, and the one that has not. */
async function whoCreates(berth: Installation, volumeId: string): Promise<{ taker: Program; other: Program }> {
  const [one, two] = agentsOf(berth);
  const isTaker = (agent: Program): boolean => calls(agent, "createVolume", volumeId) > 0;
  await until("an agent has taken the job", () => isTaker(one) || isTaker(two));
  return isTaker(one) ? { taker: one, other: two } : { taker: two, other: one };
}

async function stateOf({ client }: Installation, id: string): Promise<string> {
  return (await client.agents()).find((agent) => agent.id === id)?.state ?? "gone";
}

describe.skipIf(natsServerMissing() !== null)("agents", { timeout: TEST_BOUND_MS }, () => {
  it("of one zone share its work, each job done once", async () => {
    await using berth = await oneZone({ slow_ms: 50 });
    const { client } = berth;
    const made = await Promise.all(Array.from({ length: 40 }, () => client.createVolume({})));
    for (const { id } of made) await untilStatus(client, id, "available");
    const counts = agentsOf(berth).map((agent) => calls(agent, "createVolume"));
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(counts.reduce((sum, count) => sum + count)).toBe(40);
  });

  it("that cannot open a backend pass its jobs on to one that can", async () => {
    await using berth = await oneZone({ password: "env:BERTH_TEST_PASSWORD" });
    const { client } = berth;
    const [able, unable] = agentsOf(berth);
    await able.kill("SIGKILL");
    able.start({ BERTH_TEST_PASSWORD: "only here" });
    await until("one agent has it open", async () => (await client.backends()).every(({ health }) => health === "up"));
    const made = await Promise.all(Array.from({ length: 20 }, () => client.createVolume({})));
    for (const { id } of made) await untilStatus(client, id, "available");
    expect(calls(unable, "createVolume")).toBe(0);
    expect(calls(able, "createVolume")).toBe(20);
  });

  it("that are silent for three heartbeats are down: in the list, the metrics and the log", async () => {
    await using berth = await oneZone({}, { BERTH_HEARTBEAT_INTERVAL_MS: "200" });
    const { client } = berth;
    const [silent, other] = agentsOf(berth);
    silent.signal("SIGSTOP");
    await until("it is down", async () => (await stateOf(berth, silent.name)) === "down");
    expect(await client.metric('berth_agents{zone="north",state="down"}')).toBe(1);
    expect(await client.metric('berth_agents{zone="north",state="up"}')).toBe(1);
    expect(await client.health()).toMatchObject({ status: "degraded", agentsUp: 1, agentsDown: 1 });
    expect(berth.scheduler.logged('"agent down"', `"agentId":"${silent.name}"`)).toHaveLength(1);

    // The zone is served on.
    const { id } = await client.createVolume({});
    await untilStatus(client, id, "available");
    expect(calls(other, "createVolume", id)).toBe(1);

    silent.signal("SIGCONT");
    await until("it is up again", async () => (await stateOf(berth, silent.name)) === "up");
    expect(await client.metric('berth_agents{zone="north",state="down"}')).toBe(0);
  });

  it("that stand still are soon given no more jobs, which would each wait for their ack wait", async () => {
    await using berth = await oneZone({}, { BERTH_ACK_WAIT_MS: "600000" });
    const { client } = berth;
    const silent = berth.agent("north-1");
    silent.signal("SIGSTOP");
    // Longer than what it asked the queue for is good for, and shorter than anybody would wait.
    await until("it has been silent for a while", async () =>
      (await client.agents()).some(({ id, lastSeenAgeMs }) => id === silent.name && lastSeenAgeMs > 4_000),
    );
    const made = await Promise.all(Array.from({ length: 10 }, () => client.createVolume({})));
    for (const { id } of made) await untilStatus(client, id, "available");
    silent.signal("SIGCONT");
  });

  it("finish what they have in hand on SIGTERM, and are gone from the list at once", async () => {
    await using berth = await oneZone({ slow_ms: 500 });
    const { client } = berth;
    const { id } = await client.createVolume({});
    const { taker, other } = await whoCreates(berth, id);
    expect(await taker.kill("SIGTERM")).toBe(0);
    // A crashed one would be listed, at first as up and then as down.
    expect(await stateOf(berth, taker.name)).toBe("gone");
    await untilStatus(client, id, "available");
    expect([taker, other].map((agent) => calls(agent, "createVolume", id))).toEqual([1, 0]);
  });

  it("hand back on SIGTERM what they cannot finish, and another takes it", async () => {
    await using berth = await oneZone({ hang: true }, { BERTH_DRAIN_MS: "300", BERTH_ACK_WAIT_MS: "600000" });
    const { id } = await berth.client.createVolume({});
    const { taker, other } = await whoCreates(berth, id);
    expect(await taker.kill("SIGTERM")).toBe(0);
    expect(await stateOf(berth, taker.name)).toBe("gone");
    // Handed back, and not left to run out: the queue would have waited ten minutes for it.
    await until("the other has taken it", () => calls(other, "createVolume", id) > 0);
  });

  it("that crash leave their jobs to others", async () => {
    await using berth = await oneZone({ slow_ms: 1000 });
    const { id } = await berth.client.createVolume({});
    const { taker, other } = await whoCreates(berth, id);
    await taker.kill("SIGKILL");
    await untilStatus(berth.client, id, "available");
    expect(calls(other, "createVolume", id)).toBe(1);
    await untilBooksBalance(berth);
  });

  it("that were paused for longer than their lease change nothing more when they go on", async () => {
    await using berth = await oneZone({ slow_ms: 700 }, { BERTH_ACK_WAIT_MS: "1000" });
    const { client } = berth;
    const { id } = await client.createVolume({});
    const { taker, other } = await whoCreates(berth, id);
    taker.signal("SIGSTOP");
    await untilStatus(client, id, "available");
    expect(calls(other, "createVolume", id)).toBe(1);
    await client.deleteVolume(id);
    await untilGone(client, "volume");

    // Were it to finish its work now, the volume would stand again, and nobody would know.
    taker.signal("SIGCONT");
    await until("it has noticed", () => taker.logged("the lease on a job ran out", id).length > 0);
    await until("it is up again", async () => (await stateOf(berth, taker.name)) === "up");
    await untilBooksBalance(berth);
    expect(await client.volumes()).toEqual([]);
    const next = await Promise.all(Array.from({ length: 4 }, () => client.createVolume({})));
    for (const volume of next) await untilStatus(client, volume.id, "available");
    await untilBooksBalance(berth);
  });

  it("of an unknown zone are refused with a clear word, until the zone is there", async () => {
    await using berth = await oneZone({});
    const { client } = berth;
    const stray = berth.addAgent("west-1", "west");
    await until("it is refused", () => stray.logged("the scheduler refuses this agent").length > 0);
    expect(stray.logged("there is no zone west in the catalogue; zones are: north")).toHaveLength(1);
    expect(await stateOf(berth, "west-1")).toBe("gone");
    await client.createZone("west");
    await until("it is up", async () => (await stateOf(berth, "west-1")) === "up");
    expect(stray.isRunning).toBe(true);
  });

  it("do not poll an array that a neighbour has just polled", async () => {
    const intervalMs = 400;
    await using berth = await oneZone({}, { BERTH_REPORT_INTERVAL_MS: String(intervalMs) });
    const measuredAtMs = (): number[] => {
      const lines = agentsOf(berth).flatMap((agent) => agent.logged('"call":"measure"'));
      return lines.map((line) => Number(/"time":(\d+)/.exec(line)?.[1])).sort((one, other) => one - other);
    };
    // Each agent measures when it opens the backend, and when it finds the scheduler; afterwards they share.
    const before = measuredAtMs().length;
    const times = await until("measured ten times more", () => {
      const all = measuredAtMs().slice(before);
      return all.length >= 10 ? all : null;
    });
    const meanMs = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / (times.length - 1);
    // A busy machine makes it longer. Two that do not heed each other make it half of the interval.
    expect(meanMs).toBeGreaterThan(0.75 * intervalMs);
  });
});
