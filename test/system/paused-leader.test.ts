import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Type } from "typebox";
import { describe, expect, it } from "vitest";
import { parser } from "#shared/schema.ts";
import type { BerthClient } from "#test/kit/berth-client.ts";
import { layCrashOrder } from "#test/kit/crash-order.ts";
import { fake, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import type { HaInstallation, Scheduler } from "#test/kit/ha-installation.ts";
import { expectNothingLost, insist, startHa } from "#test/kit/ha-users.ts";
import { natsServerMissing } from "#test/kit/nats-server.ts";
import { CRASH_ORDER_FILE } from "#test/kit/programs.ts";
import { Stream } from "#test/kit/stream.ts";
import { until } from "#test/kit/until.ts";

const TEST_BOUND_MS = 120_000;
/** Ten leases: whatever is held, timed or kept alive anywhere has run out. */
const PAUSE_MS = 30_000;
const USERS = 4;
const REFUSED = "refused, for it does not lead";
const UNANSWERED = "the connection was closed";
const acceptedVolume = parser(Type.Object({ volume: Type.Object({ id: Type.String() }) }));
/** It stops itself with a batch in its hands: decided, and not written. */
const STOPS_AFTER_DECIDING = { point: "decided", passing: 20, how: "stop" } as const;

/** The kernel's word for it. */
async function isStopped({ program }: Scheduler): Promise<boolean> {
  const stat = await readFile(`/proc/${program.pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
}

/** As a client that waits longer than the pause lasts: the volume's id, or why there is none. */
async function patientCreate(client: BerthClient, name: string, key: Record<string, string>): Promise<string> {
  const answer = await fetch(`${client.url}/v3/${client.project}/volumes`, {
    method: "POST",
    headers: { "content-type": "application/json", ...key },
    body: JSON.stringify({ volume: { name, size: 1 } }),
  }).catch(() => null);
  // It closes connections that were idle for so long as soon as it wakes.
  if (answer === null) return UNANSWERED;
  const text = await answer.text();
  if (answer.status === 202) return acceptedVolume.parse(JSON.parse(text)).volume.id;
  return text.includes("E_NOT_LEADER") ? REFUSED : `${answer.status} ${text}`;
}

/** Makes this one the leader. */
async function leading({ schedulers }: HaInstallation, chosen: Scheduler): Promise<Scheduler[]> {
  const others = schedulers.filter((scheduler) => scheduler !== chosen);
  await chosen.program.kill("SIGTERM");
  chosen.program.start();
  await until("it stands by", async () => (await chosen.client.health()).role === "standby");
  for (const { program } of others) await program.kill("SIGTERM");
  await until("it leads", async () => (await chosen.client.health()).role === "leader");
  for (const { program } of others) program.start();
  for (const { client } of others)
    await until("another stands by", async () => (await client.health()).role === "standby");
  return others;
}

describe.skipIf(natsServerMissing() !== null)("a leader that is paused for half a minute", () => {
  it(
    "has its first write refused when it wakes, answers for none of it, and steps down",
    async () => {
      await using berth = await startHa({
        catalogue: () => goldCatalogue(["north"], fake("slow", { slow_ms: 20, capacity_gib: 10_000 })),
      });
      const [paused] = berth.schedulers;
      if (paused === undefined) throw new Error("there are schedulers");
      const others = await leading(berth, paused);

      // Without agents there are no results to write: what it has decided when it stops is what users asked for.
      for (const agent of berth.agents) await agent.kill();
      await layCrashOrder(join(berth.folder, CRASH_ORDER_FILE), STOPS_AFTER_DECIDING);
      const asked: { readonly name: string; readonly answer: Promise<string> }[] = [];
      const key = (name: string) => ({ "idempotency-key": name });
      const ask = (name: string): Promise<string> => {
        const answer = patientCreate(paused.client, name, key(name));
        asked.push({ name, answer });
        return answer;
      };
      const stopped = until("it stopped", () => isStopped(paused));
      const user = async (who: number): Promise<void> => {
        for (let n = 0; !(await isStopped(paused)); n++) await Promise.race([ask(`asked-${who}-${n}`), stopped]);
      };
      await Promise.all(Array.from({ length: USERS }, (_, who) => user(who)));
      void ask("asked-while-paused");
      for (const agent of berth.agents) agent.start();
      const pausedMs = performance.now();
      await until("another leads", async () => {
        const roles = await Promise.all(others.map(async ({ client }) => (await client.health()).role));
        return roles.includes("leader");
      });
      const [somebody] = others;
      if (somebody === undefined) throw new Error("there are others");
      await using stream = new Stream(somebody.client, USERS, ["north"]);
      await stream.goesOnBy(100);
      await pause(PAUSE_MS - (performance.now() - pausedMs));
      const before = paused.program.logged("ledger failed").length;
      expect(before).toBe(0);

      paused.program.signal("SIGCONT");
      const answers = await Promise.all(asked.map(({ answer }) => answer));
      // What it had decided is not answered as done: it is for another to do. What came while it was paused is refused, or,
      // if it is read after it stepped down, handed on: below, what was answered must be what the leader has.
      expect(answers.filter((answer) => answer === REFUSED).length).toBeGreaterThan(0);
      await until("its write is refused", () => paused.program.logged("ledger failed", "E_NOT_LEADER").length === 1);
      expect(paused.program.logged("another scheduler has written to the ledger")).toHaveLength(1);
      await until("it steps down", async () => (await paused.client.health()).role === "standby");
      expect(paused.program.logged("not leading any more")).toHaveLength(1);
      expect(await (await fetch(`${paused.client.url}/metrics`)).text()).toContain("berth_leading 0\n");
      const leader = await berth.leader();
      expect(await (await fetch(`${leader.client.url}/metrics`)).text()).toContain("berth_leading 1\n");

      // Asked again under the same key, each is one volume: the ones that were answered are the same.
      const expected: string[] = [];
      for (const [n, { name }] of asked.entries()) {
        const { id } = await insist(() => paused.client.createVolume({ name }, key(name)));
        if (![REFUSED, UNANSWERED].includes(answers[n] ?? "")) expect(id).toBe(answers[n]);
        expected.push(id);
      }
      await expectNothingLost(berth, [...(await stream.end()), ...expected].sort());
    },
    TEST_BOUND_MS,
  );
});
