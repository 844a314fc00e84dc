import { stat } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { volumeName } from "#agent/drivers/names.ts";
import { BYTES_PER_GIB } from "#shared/units.ts";
import { untilBooksBalance } from "#test/kit/books.ts";
import { expectExports } from "#test/kit/exports.ts";
import type { Installation } from "#test/kit/installation.ts";
import { until } from "#test/kit/until.ts";

/** Half of the time in which everything must have come to rest. */
export const REST_BOUND_MS = 30_000;
const RESTING = new Set(["available", "in-use"]);

/**
 * Waits until the ledger is at rest, no job is left, and backend and target hold what it says and nothing else: names,
 * sizes, exports. Nothing in it is in error, and no request was carried out twice.
 */
export async function untilAllAgree(berth: Installation): Promise<void> {
  await until("nothing is under way", async () => await expectRest(berth), REST_BOUND_MS);
  await untilBooksBalance(berth, REST_BOUND_MS);
  await until("sizes and exports agree", async () => await expectSizesAndExports(berth), REST_BOUND_MS);
}

async function expectRest({ client }: Installation): Promise<true> {
  const objects = [...(await client.volumes()), ...(await client.snapshots())];
  expect(objects.filter(({ status }) => !RESTING.has(status)).map(({ id, status }) => `${id} ${status}`)).toEqual([]);
  const jobs = (await client.backends()).map(({ jobsInHand, jobsWaiting }) => jobsInHand + jobsWaiting);
  expect(jobs.reduce((sum, count) => sum + count, 0)).toBe(0);
  return true;
}

async function expectSizesAndExports({ client, folder, tgtd }: Installation): Promise<true> {
  const volumes = await client.volumes();
  const names = volumes.map(({ name }) => name).filter((name) => name !== "");
  expect(new Set(names).size).toBe(names.length);
  for (const { id, size } of volumes) {
    const image = await stat(join(folder, "backends/images", volumeName(id)));
    expect(image.size, id).toBe(size * BYTES_PER_GIB);
  }
  const connected = volumes.filter(({ status }) => status === "in-use").map(({ id }) => id);
  await expectExports(tgtd?.socketPath ?? "", connected);
  return true;
}
