import { describe, expect, it } from "vitest";
import type { SeenVolume, WantedVolume } from "#test/kit/berth-client.ts";
import { untilBooksBalance } from "#test/kit/books.ts";
import { fake, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { type Installation, startInstallation } from "#test/kit/installation.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { until } from "#test/kit/until.ts";
import { untilStatus } from "#test/kit/volumes.ts";

const AT_ONCE = 50;
const KEY = { "idempotency-key": "the-order-of-monday" };
const conflict = { status: 409, code: "E_IDEMPOTENCY_CONFLICT" };

async function oneBackend(settings: Readonly<Record<string, string>> = {}): Promise<Installation> {
  return await startInstallation({ catalogue: () => goldCatalogue(["north"], fake("only")), settings });
}

async function createAtOnce(
  { client }: Installation,
  wanted: WantedVolume,
): Promise<PromiseSettledResult<SeenVolume>[]> {
  return await Promise.allSettled(Array.from({ length: AT_ONCE }, () => client.createVolume(wanted, KEY)));
}

function idsOf(answers: readonly PromiseSettledResult<SeenVolume>[]): Set<string> {
  return new Set(answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value.id] : [])));
}

describe.skipIf(natsServerMissing() !== null)("an Idempotency-Key", () => {
  it("makes one volume of fifty requests at once, and is kept over a crash of the scheduler", async () => {
    await using berth = await oneBackend();
    const { client } = berth;
    const answers = await createAtOnce(berth, { name: "data", size: 2 });
    expect(answers.filter(({ status }) => status === "rejected")).toEqual([]);
    const [id = ""] = idsOf(answers);
    expect(idsOf(answers).size).toBe(1);
    await untilStatus(client, id, "available");

    await berth.scheduler.restart("SIGKILL");
    await berth.ready();
    // The same request, its keys in another order.
    expect(await client.createVolume({ size: 2, name: "data" }, KEY)).toMatchObject({ id, status: "available" });
    await expect(client.createVolume({ name: "data", size: 3 }, KEY)).rejects.toMatchObject(conflict);
    await expect(client.createVolume({ name: "other", size: 2 }, KEY)).rejects.toMatchObject(conflict);
    expect(await client.volumes()).toHaveLength(1);

    // It belongs to its project.
    const body = { volume: { name: "data", size: 3 } };
    expect(await client.send("POST", "/v3/another-project/volumes", body, KEY)).toMatchObject({ status: 202 });
    expect(await client.volumes()).toHaveLength(1);
  });

  it("makes one volume also when the scheduler dies in the midst of the requests", async () => {
    await using berth = await oneBackend();
    const { client } = berth;
    const asking = createAtOnce(berth, { name: "data" });
    await until("the first is accepted", async () => (await client.volumes()).length > 0);
    await berth.scheduler.restart("SIGKILL");
    await berth.ready();
    const first = idsOf(await asking);
    const again = idsOf(await createAtOnce(berth, { name: "data" }));
    expect(again.size).toBe(1);
    expect([...first].filter((id) => !again.has(id))).toEqual([]);
    for (const id of again) await untilStatus(client, id, "available");
    expect(await client.volumes()).toHaveLength(1);
    await untilBooksBalance(berth);
  });

  it("says so when its volume was deleted, and is forgotten after its time", async () => {
    await using berth = await oneBackend({ BERTH_IDEMPOTENCY_TTL_MS: "5000" });
    const { client } = berth;
    const { id } = await client.createVolume({}, KEY);
    await untilStatus(client, id, "available");
    await client.deleteVolume(id);
    await until("it is gone", async () => (await client.volume(id)) === null);
    await expect(client.createVolume({}, KEY)).rejects.toMatchObject(conflict);
    const next = await until("the key is forgotten", () => client.createVolume({}, KEY));
    expect(next.id).not.toBe(id);
  });
});
