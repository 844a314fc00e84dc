import { describe, expect, it } from "vitest";
import { Refusal, type SeenVolume } from "#test/kit/berth-client.ts";
import { untilBooksBalance } from "#test/kit/books.ts";
import { fake, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { until } from "#test/kit/until.ts";

const BACKENDS = 5;
const VOLUMES = 1_000;
const EACH_GIB = VOLUMES / BACKENDS;
/** For what is a thousand times the usual: the machine may be busy. */
const BOUND_MS = 100_000;

const names = Array.from({ length: BACKENDS }, (_, n) => `store-${n + 1}`);

async function fiveBackends(): Promise<Installation> {
  // Measured all the time: reports of every age meet volumes in every state.
  return await startInstallation({
    catalogue: () => goldCatalogue(["north"], ...names.map((name) => fake(name, { capacity_gib: EACH_GIB }))),
  });
}

async function settled({ client }: Installation, count: number): Promise<SeenVolume[]> {
  return await until(
    `${count} volumes at rest`,
    async () => {
      const volumes = await client.volumes();
      const moving = volumes.filter(({ status }) => status !== "available" && status !== "error").length;
      if (moving > 0 || volumes.length < count) throw new Error(`${moving} of ${volumes.length} are not`);
      return volumes;
    },
    BOUND_MS,
  );
}

function byBackend(volumes: readonly SeenVolume[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { "os-vol-host-attr:host": host } of volumes) {
    const name = /#(.*)$/.exec(host ?? "")?.[1] ?? "nowhere";
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describe.skipIf(natsServerMissing() !== null)("capacity under concurrent requests", () => {
  it("a thousand volumes for exactly the free space of five backends are all placed, and not one more", {
    timeout: 2 * BOUND_MS,
  }, async () => {
    await using installation = await fiveBackends();
    const { client } = installation;
    await Promise.all(Array.from({ length: VOLUMES }, (_, n) => client.createVolume({ name: `v${n}`, size: 1 })));
    const oneMore = await client.createVolume({ name: "one more", size: 1 });
    const volumes = await settled(installation, VOLUMES + 1);

    const { rounds } = await client.explain(oneMore.id);
    const told = rounds.at(-1)?.verdicts.map(({ backendName, reason }) => `${backendName} ${reason}`);
    expect(told).toEqual(names.map((name) => `${name} not-enough-free`));
    const placed = volumes.filter(({ status }) => status === "available");
    expect(byBackend(placed)).toEqual(Object.fromEntries(names.map((name) => [name, EACH_GIB])));
    expect(volumes.filter(({ status }) => status === "error").map(({ id }) => id)).toEqual([oneMore.id]);

    // No backend was asked for more than it had: every create was done at its first placing.
    const created = (outcome: string) => `berth_operations_total{operation="volume.create",outcome="${outcome}"}`;
    expect(await client.metric(created("done"))).toBe(VOLUMES);
    for (const outcome of ["no-space", "not-done", "unknown"])
      expect(await client.metric(created(outcome))).toBeUndefined();
    expect(await client.metric('berth_placements_total{result="placed"}')).toBe(VOLUMES);
    for (const agent of installation.agents.values()) expect(agent.logged("a job failed")).toEqual([]);
    await untilBooksBalance(installation, BOUND_MS);
  });

  it("a quota lets through as many as it allows, however many ask at once", async () => {
    await using installation = await fiveBackends();
    const { client } = installation;
    await client.send("PATCH", "/berth/v1/quotas/tests", { volumes: 60, gib: 100 });
    const asked = await Promise.allSettled(
      Array.from({ length: 120 }, (_, n) => client.createVolume({ name: `v${n}`, size: n % 2 === 0 ? 1 : 3 })),
    );
    const refusals = asked.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
    for (const refusal of refusals) expect(refusal).toMatchObject({ status: 413, code: "E_QUOTA" });
    expect(refusals[0]).toBeInstanceOf(Refusal);
    const volumes = await settled(installation, asked.length - refusals.length);
    const gib = volumes.reduce((sum, { size }) => sum + size, 0);
    expect(volumes.length).toBeLessThanOrEqual(60);
    expect(gib).toBeLessThanOrEqual(100);
    // One of the two is used up: for what was refused there was no room.
    expect(volumes.length === 60 || gib > 97).toBe(true);
  });
});
