import { expect, onTestFailed } from "vitest";
import { Refusal } from "./berth-client.ts";
import { untilBooksBalance } from "./books.ts";
import { HaInstallation, type HaOptions } from "./ha-installation.ts";
import type { Stream } from "./stream.ts";
import { until } from "./until.ts";

const SETTLE_BOUND_MS = 30_000;
/** What the users are promised when any scheduler or agent is gone. */
export const GOES_ON_BOUND_MS = 10_000;

/** For the test that runs: the logs are printed if it fails. */
export async function startHa(options: HaOptions): Promise<HaInstallation> {
  const installation = await HaInstallation.start(options);
  onTestFailed(() => installation.tellLogs());
  return installation;
}

/** As a careful client asks: what finds no leader, it asks again. */
export async function insist<T>(ask: () => Promise<T>): Promise<T> {
  const { answer } = await until("a leader answers", async () => {
    try {
      return { answer: { value: await ask() } };
    } catch (error) {
      if (error instanceof Refusal && error.code === "E_NOT_LEADER") return undefined;
      return { answer: { error } };
    }
  });
  if ("error" in answer) throw answer.error;
  return answer.value;
}

/** Waits until all is settled, and then nothing may be lost, doubled, stuck or left behind. */
export async function expectNothingLost(berth: HaInstallation, expected: readonly string[]): Promise<void> {
  const { client } = await berth.leader();
  await until(
    "every accepted volume is available, every deleted one gone",
    async () => {
      const volumes = await client.volumes();
      expect(volumes.filter(({ status }) => status !== "available").map(({ id, status }) => `${id} ${status}`)).toEqual(
        [],
      );
      expect(volumes.map(({ id }) => id).sort()).toEqual(expected);
      return true;
    },
    SETTLE_BOUND_MS,
  );
  const names = (await client.volumes()).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  await untilBooksBalance({ client, folder: berth.folder }, SETTLE_BOUND_MS);
}

/** How long until so many more requests are answered. */
export async function secondsUntilAnswered(stream: Stream, requests: number): Promise<number> {
  const beganMs = performance.now();
  await stream.goesOnBy(requests);
  return (performance.now() - beganMs) / 1000;
}
