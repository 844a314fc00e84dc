import { afterEach, beforeEach, expect, test } from "vitest";
import { historyAnswers } from "#scheduler/api/operator/history-schemas.ts";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
beforeEach(async () => {
  stand = await openApiStand();
});
afterEach(() => stand.api.close());

async function makeVolume(): Promise<string> {
  const payload = { volume: { size: 1 } };
  const headers = { "x-auth-token": "ann:p1" };
  const made = await stand.api.inject({ method: "POST", url: "/v3/p1/volumes", payload, headers });
  const { id } = made.json().volume;
  await stand.engine.until(
    "volume",
    id,
    () => stand.state.get("volume", id)?.status === "available" || undefined,
    2_000,
  );
  return id;
}

async function history(id: string) {
  await stand.engine.drained();
  const answer = await stand.api.inject(`/berth/v1/volumes/${id}/history`);
  return {
    status: answer.statusCode,
    entries: answer.statusCode === 200 ? historyAnswers.parse(answer.json()).entries : [],
  };
}

test("says who did what with a volume and what came of it, also after its deletion", async () => {
  const id = await makeVolume();
  const { entries } = await history(id);
  expect(entries).toMatchObject([
    { operation: "volume.create", userId: "ann", result: "done", error: null, detail: null },
  ]);
  expect(entries[0]?.requestId).toMatch(/^req-/);
  await stand.api.inject({ method: "DELETE", url: `/v3/p1/volumes/${id}` });
  await stand.engine.until("volume", id, () => stand.state.get("volume", id) === undefined || undefined, 2_000);
  expect((await history(id)).entries.map(({ operation, result }) => [operation, result])).toEqual([
    ["volume.create", "done"],
    ["volume.delete", "done"],
  ]);
});

test("what never was is not found", async () => {
  expect((await history("00000000-0000-4000-8000-000000000001")).status).toBe(404);
});
