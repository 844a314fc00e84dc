import { afterEach, beforeEach, expect, test } from "vitest";
import type { Measurement } from "#shared/model/capacity.ts";
import { gibToBytes } from "#shared/units.ts";
import { type ApiStand, DONE, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
beforeEach(async () => {
  stand = await openApiStand();
});
afterEach(() => stand.api.close());

async function create(size: number): Promise<string> {
  const answer = await stand.api.inject({ method: "POST", url: "/v3/p1/volumes", payload: { volume: { size } } });
  expect(answer.statusCode).toBe(202);
  const { id } = answer.json().volume;
  await stand.engine.until("volume", id, () => stand.state.get("volume", id)?.status === "available" || undefined, 500);
  return id;
}

const extend = (id: string, size: number) =>
  stand.api.inject({
    method: "POST",
    url: `/v3/p1/volumes/${id}/action`,
    payload: { "os-extend": { new_size: size } },
  });

function used(gib: number): Partial<Measurement> {
  return { freeBytes: gibToBytes(100 - gib), provisioned: { scope: "pool", bytes: gibToBytes(gib) } };
}

/** A volume of 1 GiB, beside one of 60 GiB that was measured before its result was there: it is counted twice. */
async function besideOneCountedTwice(): Promise<string> {
  const id = await create(1);
  stand.agent = () => {
    void stand.report(1, used(61));
    return DONE;
  };
  await create(60);
  stand.agent = () => DONE;
  expect(stand.state.space.backend(1).doubtful.virtualBytes).toBe(gibToBytes(60));
  return id;
}

test("what has no room only because space may be counted twice is decided anew by a fresh measurement", async () => {
  const id = await besideOneCountedTwice();
  stand.found = used(61);
  expect((await extend(id, 40)).statusCode).toBe(202);
  expect(stand.measured).toEqual([1]);
});

test("a snapshot as well", async () => {
  const id = await besideOneCountedTwice();
  stand.found = used(61);
  // Snapshots take nothing here, but must find the sums in order.
  const answer = await stand.api.inject({
    method: "POST",
    url: "/v3/p1/snapshots",
    payload: { snapshot: { volume_id: id } },
  });
  expect(answer.statusCode).toBe(202);
  expect(stand.measured).toEqual([1]);
});

test("what is measured may be a no", async () => {
  const id = await besideOneCountedTwice();
  stand.found = used(90);
  const refused = await extend(id, 40);
  expect(refused.statusCode).toBe(413);
  expect(refused.json().overLimit?.message ?? refused.body).toContain("no room");
  expect(stand.measured).toEqual([1]);
});

test("what is too large however it is counted is refused at once", async () => {
  const id = await besideOneCountedTwice();
  expect((await extend(id, 200)).statusCode).toBe(413);
  expect(stand.measured).toEqual([]);
});

test("a backend that can never be measured in peace is asked a few times, not for ever", async () => {
  const id = await besideOneCountedTwice();
  // Each time another one of 60 GiB is under way, and is seen.
  stand.report = async (backendId, changed) => {
    const { measurement } = stand.state.space.backend(backendId);
    if (measurement !== null)
      stand.state.space.measured(backendId, stand.engine.durableSeq, { ...measurement, ...changed });
    stand.state.space.backend(backendId).doubtful = { virtualBytes: gibToBytes(60), physicalBytes: 0, objects: 0 };
  };
  stand.found = used(90);
  expect((await extend(id, 40)).statusCode).toBe(413);
  expect(stand.measured).toEqual([1, 1, 1]);
});
