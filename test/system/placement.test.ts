import { writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { Bus } from "#shared/bus.ts";
import type { Backend, Catalogue } from "#shared/model/catalogue.ts";
import { PROTOCOL_VERSION } from "#shared/protocol/message.ts";
import { subjects } from "#shared/protocol/subjects.ts";
import { reportMessage } from "#shared/protocol/zone.ts";
import type { SeenVolume } from "#test/kit/berth-client.ts";
import { objectsOn, untilBooksBalance } from "#test/kit/books.ts";
import { silent } from "#test/kit/driver-context.ts";
import { fake, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { until } from "#test/kit/until.ts";
import { untilStatus } from "#test/kit/volumes.ts";

const GIB_ASKED = 10;
const TEST_BOUND_MS = 45_000;

/** Of each round the verdicts, as `backend reason`; `fits` where it does. */
async function reasons({ client }: Installation, volumeId: string): Promise<string[][]> {
  const { rounds } = await client.explain(volumeId);
  return rounds.map(({ verdicts }) => verdicts.map(({ backendName, reason }) => `${backendName} ${reason ?? "fits"}`));
}

function backendOf(volume: SeenVolume | null): string | null {
  return volume?.["os-vol-host-attr:host"]?.split("#")[1] ?? null;
}

async function createMany({ client }: Installation, count: number): Promise<SeenVolume[]> {
  return await Promise.all(Array.from({ length: count }, () => client.createVolume({ size: 1 })));
}

/** An agent of the zone that says the backend can do nothing but hold volumes. */
async function reportWithoutCapabilities(berth: Installation, backendName: string): Promise<void> {
  const { id, zone } = await berth.client.backend(backendName);
  const { ledgerSeq } = await berth.client.health();
  const bus = await Bus.connect({ url: berth.nats.url, name: "test", log: silent, credentials: null, replicas: 1 });
  const cost = "full" as const;
  bus.publish(subjects.report(zone), reportMessage, {
    version: PROTOCOL_VERSION,
    agentId: "a-simple-one",
    report: {
      backendId: id,
      asOf: ledgerSeq,
      durationMs: 1,
      result: {
        state: "up",
        measurement: {
          poolId: `fake:backend-${id}`,
          totalBytes: "infinite",
          freeBytes: "infinite",
          provisioned: { scope: "backend", bytes: 0, allocatedBytes: 0 },
          backendLimitBytes: null,
          thin: false,
          costs: { volume: cost, snapshot: cost, clone: cost },
          objectCount: 1,
          maxObjects: null,
          capabilities: [],
        },
      },
    },
  });
  await bus.close();
  await until("the report is in", async () => (await berth.client.backend(backendName)).reportedBy === "a-simple-one");
}

describe.skipIf(natsServerMissing() !== null)("placing", { timeout: TEST_BOUND_MS }, () => {
  it("takes the first that fits in the flavor's order, and keeps why the others were passed over", async () => {
    const dayMs = 24 * 3_600_000;
    await using berth = await startInstallation({
      catalogue: () =>
        goldCatalogue(
          ["north", "south"],
          fake("elsewhere", {}, { zone: "south" }),
          fake("off", {}, { admission: { state: "disabled", reason: "firmware" } }),
          fake("emptying", {}, { admission: { state: "draining", reason: "to be replaced" } }),
          fake("unreached", {}, { host: "a-host-without-agent" }),
          fake("dead", { dead: true }),
          fake("stale", {}, { settings: { reportMaxAgeMs: 1000 } }),
          fake("mute", { capacity_gib: "unknown" }),
          fake("small", { capacity_gib: GIB_ASKED - 1 }),
          fake("crowded", { max_objects: 0 }),
          fake("liar", { capacity_gib: GIB_ASKED / 2, lie_free_gib: 1000 }),
          fake("roomy"),
          fake("never-looked-at"),
        ),
      // Nothing is measured again by itself, so that a report can become old.
      settings: { BERTH_REPORT_INTERVAL_MS: String(dayMs), BERTH_REPORT_MAX_AGE_MS: String(dayMs) },
    });
    const { client } = berth;
    await until("a report is old", async () => (await client.backend("stale")).health === "report-old");
    const { id } = await client.createVolume({ size: GIB_ASKED, availability_zone: "north" });
    expect(backendOf(await untilStatus(client, id, "available"))).toBe("roomy");
    const passedOver = [
      "elsewhere wrong-zone",
      "off disabled",
      "emptying draining",
      "unreached agent-down",
      "dead backend-down",
      "stale report-old",
      "mute capacity-unknown",
      "small not-enough-free",
      "crowded object-limit",
    ];
    expect(await reasons(berth, id)).toEqual([
      [...passedOver, "liar fits"],
      [...passedOver, "liar already-tried", "roomy fits"],
    ]);
    // The numbers of the moment are kept as well, to be checked by hand.
    const { rounds } = await client.explain(id);
    const small = rounds[0]?.verdicts.find(({ backendName }) => backendName === "small");
    expect(small?.text).toContain("10 GiB needed, 9 GiB available");
    // What was tried has left nothing behind.
    await untilBooksBalance(berth);
    expect(await objectsOn(berth, await client.backend("liar"))).toEqual([]);

    // The same question to the same state, without the doing.
    const { verdicts } = await client.dryRun({ sizeGib: GIB_ASKED, zone: "north" });
    expect(verdicts.map(({ backendName, reason }) => `${backendName} ${reason ?? "fits"}`)).toEqual([
      ...passedOver,
      "liar fits",
    ]);
  });

  it("makes copies only where the source is, and only if that backend can", async () => {
    await using berth = await startInstallation({
      catalogue: () => goldCatalogue(["north"], fake("first"), fake("second")),
      settings: { BERTH_REPORT_INTERVAL_MS: "600000" },
    });
    const { client } = berth;
    await client.setAdmission("first", { state: "disabled", reason: "full for now" });
    const source = await client.createVolume({});
    expect(backendOf(await untilStatus(client, source.id, "available"))).toBe("second");
    await client.setAdmission("first", { state: "enabled" });

    const copy = await client.createVolume({ source_volid: source.id });
    expect(backendOf(await untilStatus(client, copy.id, "available"))).toBe("second");
    expect(await reasons(berth, copy.id)).toEqual([["first source-elsewhere", "second fits"]]);

    await until("all work is measured", async () => (await client.backend("second")).capacity?.unmeasuredBytes === 0);
    await reportWithoutCapabilities(berth, "second");
    const refused = await client.createVolume({ source_volid: source.id });
    await untilStatus(client, refused.id, "error");
    expect(await reasons(berth, refused.id)).toEqual([["first source-elsewhere", "second capability-missing"]]);
  });

  it("waits for the first report of a backend", async () => {
    await using berth = await startInstallation({
      catalogue: () => goldCatalogue(["north"]),
      // Long enough for agents that are paused to count as up.
      settings: { BERTH_HEARTBEAT_INTERVAL_MS: "10000" },
    });
    const { client } = berth;
    for (const agent of berth.agents.values()) agent.signal("SIGSTOP");
    await client.addBackend({ flavor: "gold", driver: "fake", name: "new", parameters: { capacity_gib: 100 } });
    const { id } = await client.createVolume({});
    expect(await client.volume(id)).toMatchObject({ status: "creating" });
    expect(await reasons(berth, id)).toEqual([["new no-report"]]);
    for (const agent of berth.agents.values()) agent.signal("SIGCONT");
    await untilStatus(client, id, "available");
    expect((await reasons(berth, id)).at(-1)).toEqual(["new fits"]);
  });

  it("asks the same backend again when an answer was lost: one object, and nothing elsewhere", async () => {
    await using berth = await startInstallation({
      catalogue: () =>
        goldCatalogue(["north"], fake("lossy", { lose_answer_chance: 0.5, seed: 7, log_calls: true }), fake("other")),
    });
    const { client } = berth;
    const made = await createMany(berth, 10);
    for (const { id } of made) {
      expect(backendOf(await untilStatus(client, id, "available"))).toBe("lossy");
      expect(await reasons(berth, id)).toEqual([["lossy fits"]]);
    }
    await untilBooksBalance(berth);
    const calls = [...berth.agents.values()].flatMap((agent) => agent.logged('"call":"createVolume"'));
    expect(calls.length).toBeGreaterThan(made.length);
  });

  it("removes what a backend made before it refused, whenever it can, and goes on to the next", async () => {
    const catalogueWith = (parameters: Backend["parameters"]): Catalogue =>
      goldCatalogue(["north"], fake("moody", parameters), fake("solid"));
    await using berth = await startInstallation({ catalogue: () => catalogueWith({ lose_answer_chance: 1 }) });
    const { client } = berth;
    const { id } = await client.createVolume({});
    await until("it is made, and nobody knows", async () => (await objectsOn(berth, await client.backend("moody")))[0]);
    await writeFile(berth.catalogueFile, JSON.stringify(catalogueWith({ fail_chance: 1 })));
    expect(backendOf(await untilStatus(client, id, "available"))).toBe("solid");
    expect(await reasons(berth, id)).toEqual([["moody fits"], ["moody already-tried", "solid fits"]]);
    expect(await client.metric("berth_leftovers")).toBe(1);
    expect(await objectsOn(berth, await client.backend("moody"))).toHaveLength(1);

    await writeFile(berth.catalogueFile, JSON.stringify(catalogueWith({})));
    await untilBooksBalance(berth);
    expect(await client.metric("berth_leftovers")).toBe(0);
  });

  it("removes what was made after all, when the time for making it was over", async () => {
    await using berth = await startInstallation({
      catalogue: () => goldCatalogue(["north"], fake("slow", { slow_ms: 1500, log_calls: true })),
      settings: { BERTH_OPERATION_DEADLINE_MS: "500" },
    });
    const { client } = berth;
    const { id } = await client.createVolume({});
    await untilStatus(client, id, "error");
    expect((await client.explain(id)).lastError).toMatchObject({ code: "E_DEADLINE" });
    const agents = [...berth.agents.values()];
    await until("it is removed", () => agents.some((agent) => agent.logged('"call":"deleteVolume"', id).length > 0));
    await untilBooksBalance(berth);
    expect(await client.metric("berth_leftovers")).toBe(0);
  });

  it("leaves a volume waiting while no agent is there, and places it when one comes", async () => {
    await using berth = await startInstallation({
      catalogue: () => goldCatalogue(["north"], fake("only")),
      agentsPerZone: 0,
    });
    const { client } = berth;
    const { id } = await client.createVolume({});
    expect(await client.volume(id)).toMatchObject({ status: "creating" });
    expect(await client.metric("berth_volumes_waiting")).toBe(1);
    expect(await reasons(berth, id)).toEqual([["only agent-down"]]);
    berth.addAgent("north-1", "north");
    await untilStatus(client, id, "available");
    expect(await client.metric("berth_volumes_waiting")).toBe(0);
  });

  it("ends the wait at the placement deadline, in error with the verdicts", async () => {
    await using berth = await startInstallation({
      catalogue: () => goldCatalogue(["north"], fake("only")),
      agentsPerZone: 0,
      settings: { BERTH_PLACEMENT_DEADLINE_MS: "500" },
    });
    const { client } = berth;
    const { id } = await client.createVolume({});
    await untilStatus(client, id, "error");
    expect(await client.explain(id)).toMatchObject({
      status: "error",
      backend: null,
      lastError: { code: "E_NO_PLACEMENT", message: expect.stringContaining("only: agent-down") },
    });
    expect((await reasons(berth, id)).at(-1)).toEqual(["only agent-down"]);
    // It is no longer waited with: an agent that comes now changes nothing.
    berth.addAgent("north-1", "north");
    await berth.ready();
    expect(await client.volume(id)).toMatchObject({ status: "error" });
    await client.deleteVolume(id);
    expect(await client.volume(id)).toBeNull();
  });

  it("fits 200 at once into exactly their space, and not one more", async () => {
    await using berth = await startInstallation({
      catalogue: () =>
        goldCatalogue(
          ["north"],
          fake("one", { capacity_gib: 100 }),
          fake("two", { capacity_gib: 60 }),
          fake("three", { capacity_gib: 40 }),
        ),
    });
    const { client } = berth;
    const made = await createMany(berth, 200);
    for (const { id } of made) await untilStatus(client, id, "available");
    await untilBooksBalance(berth);
    const counts = (await client.backends()).map(({ name, volumes }) => [name, volumes]);
    expect(counts).toEqual([
      ["one", 100],
      ["two", 60],
      ["three", 40],
    ]);
    // Not by trying: none was ever sent to a backend that had no room for it. Some may have waited for a report.
    for (const { id } of made) {
      const { rounds } = await client.explain(id);
      expect(rounds.filter(({ chosenBackendId }) => chosenBackendId !== null)).toHaveLength(1);
    }
    const last = await client.createVolume({ size: 1 });
    await untilStatus(client, last.id, "error");
    expect((await reasons(berth, last.id)).at(-1)).toEqual([
      "one not-enough-free",
      "two not-enough-free",
      "three not-enough-free",
    ]);
    // Space that is given back can be given out again.
    const [gone] = made;
    await client.deleteVolume(gone?.id ?? "");
    await until("it is free again", async () => (await client.dryRun({ sizeGib: 1 })).chosenBackendId);
    const next = await client.createVolume({ size: 1 });
    await untilStatus(client, next.id, "available");
  });

  it("is not held up by a backend that hangs, which has no more jobs in hand than it may", async () => {
    await using berth = await startInstallation({
      catalogue: () =>
        goldCatalogue(
          ["north"],
          fake("stuck", { hang: true, capacity_gib: 10 }, { settings: { maxConcurrent: 2 } }),
          fake("fine"),
        ),
    });
    const { client } = berth;
    const made = await createMany(berth, 20);
    for (const volume of made.filter((one) => backendOf(one) === "fine"))
      await untilStatus(client, volume.id, "available");
    const states = (await client.volumes()).map((volume) => `${backendOf(volume)} ${volume.status}`).sort();
    expect(states).toEqual([...Array(10).fill("fine available"), ...Array(10).fill("stuck creating")]);
    expect(await client.backend("stuck")).toMatchObject({ jobsInHand: 2, jobsWaiting: 8 });
  });
});
