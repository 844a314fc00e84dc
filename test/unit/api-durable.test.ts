import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiStand, openApiStand } from "#test/kit/api-stand.ts";

let stand: ApiStand;
beforeEach(async () => {
  stand = await openApiStand();
});
afterEach(() => stand.api.close());

/** What is decided from now on does not become durable before `end`, which says how that goes. */
function holdCommits(): { end(error?: Error): void } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  stand.commit = () => promise;
  // The commit may be asked for only after it was said to fail.
  promise.catch(() => undefined);
  return { end: (error) => (error === undefined ? resolve() : reject(error)) };
}

async function decideVolume(): Promise<{ readonly id: string; readonly accepted: Promise<unknown> }> {
  const accepted = stand.api.inject({ method: "POST", url: "/v3/p/volumes", payload: { volume: { size: 1 } } });
  await expect.poll(() => stand.state.table("volume").size).toBe(1);
  return { id: [...stand.state.table("volume").keys()][0] ?? "", accepted };
}

test("what is decided and not durable is told to nobody", async () => {
  const commit = holdCommits();
  const { id, accepted } = await decideVolume();
  let answers = 0;
  const asked = ["volumes", `volumes/${id}`, "snapshots", "volumes/00000000-0000-4000-8000-000000000000"].map(
    async (path) => {
      const { statusCode } = await stand.api.inject({ method: "GET", url: `/v3/p/${path}` });
      answers += 1;
      return statusCode;
    },
  );
  // Whether the scheduler lives is said all the same; by then the others would have been answered.
  for (const path of ["/berth/v1/health", "/healthcheck", "/metrics"])
    expect((await stand.api.inject({ method: "GET", url: path })).statusCode).toBe(200);
  expect(answers).toBe(0);
  commit.end();
  expect(await Promise.all(asked)).toEqual([200, 200, 200, 404]);
  await accepted;
});

test("what never becomes durable is an error for whoever asked", async () => {
  const commit = holdCommits();
  const { id, accepted } = await decideVolume();
  const asked = stand.api.inject({ method: "GET", url: `/v3/p/volumes/${id}` });
  commit.end(new Error("the disk is full"));
  expect((await asked).statusCode).toBe(500);
  await accepted;
  const later = await stand.api.inject({ method: "GET", url: `/v3/p/volumes/${id}` });
  expect([later.statusCode, later.json().computeFault.berth_code]).toEqual([500, "E_LEDGER"]);
});
