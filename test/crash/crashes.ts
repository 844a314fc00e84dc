import { CRASH_POINTS, type CrashPoint } from "#shared/crash-point.ts";
import type { OperationKind } from "#shared/model/operation.ts";
import { file, goldCatalogue } from "#test/kit/gold-catalogue.ts";
import { Installation } from "#test/kit/installation.ts";
import type { Program } from "#test/kit/program.ts";
import { until } from "#test/kit/until.ts";
import { REST_BOUND_MS, untilAllAgree } from "./agreement.ts";
import { type Asked, OPERATIONS } from "./operations.ts";

/**
 * What happens when the point is reached. `kill`: its process is killed; an agent stays away until another has taken
 * its jobs over. `nats`: nats-server is killed while the process stands still there. `pause`: an agent stands still until
 * another has taken over, and then goes on.
 */
export type CrashKind = "kill" | "nats" | "pause";

export interface Crash {
  readonly operation: OperationKind;
  readonly point: CrashPoint;
  /** At which passing of the point. */
  readonly passing: number;
  readonly how: CrashKind;
}

/** So many of one operation at once, so that each agent gets some. */
const BATCH = 4;
/** Should the other agent have taken all of a batch, for this one is still opening its queue, there is another. */
const BATCHES = 15;
const NEXT_BATCH_MS = 1_500;
const CRASHED_AGENT = "north-1";

/** One zone, two agents, image files and an iSCSI target: for many crashes, one after another. */
export async function startCrashStand(): Promise<Installation> {
  return await Installation.start({
    catalogue: (folder) =>
      goldCatalogue(
        ["north"],
        file("images", folder, { capacity_gib: 100_000 }, { settings: { maxOverSubscriptionRatio: 1000 } }),
      ),
    tgt: true,
  });
}

/** Which crashes make sense at a point: nobody takes over from a scheduler. */
export function crashKinds(point: CrashPoint): readonly CrashKind[] {
  return CRASH_POINTS[point].in === "agent" ? ["kill", "nats", "pause"] : ["kill", "nats"];
}

/** Has a batch of the operation crash there, and waits until all of it is done and everything agrees. */
export async function crashAndRecover(berth: Installation, { operation, point, passing, how }: Crash): Promise<void> {
  const program = CRASH_POINTS[point].in === "agent" ? berth.agent(CRASHED_AGENT) : berth.scheduler;
  const batch = await prepared(berth, operation);
  await program.kill();
  program.start({ BERTH_CRASH_AT: `${point}:${passing}`, BERTH_CRASH_HOW: how === "kill" ? "kill" : "stop" });
  const reached = `at crash point ${point}, process ${program.pid}`;
  await berth.ready();
  const asked = [askAll(batch)];
  for (let batches = 1; !(await isReached(program, reached)); batches++) {
    if (batches === BATCHES) throw new Error(`${operation} does not pass ${point} in ${program.name}`);
    asked.push(askAll(await prepared(berth, operation)));
  }
  await RECOVERIES[how](berth, program, async () => {
    for (const all of await Promise.all(asked)) await untilDone(all);
  });
  await untilAllAgree(berth);
  if (how !== "kill") await program.restart();
  await berth.ready();
}

type Recovery = (berth: Installation, program: Program, untilAllDone: () => Promise<void>) => Promise<void>;

const RECOVERIES: Readonly<Record<CrashKind, Recovery>> = {
  kill: async (berth, program, untilAllDone) => {
    await program.ended();
    if (program !== berth.scheduler) await untilAllDone();
    program.start();
    await untilAllDone();
    await berth.ready();
  },
  nats: async (berth, program, untilAllDone) => {
    await berth.nats.kill("SIGKILL");
    await berth.nats.restart();
    program.signal("SIGCONT");
    await untilAllDone();
  },
  pause: async (berth, program, untilAllDone) => {
    await untilAllDone();
    await untilAgent(berth, program, "it is taken for dead", ({ state }) => state === "down");
    program.signal("SIGCONT");
    await untilAgent(berth, program, "it is back", ({ state, jobsInHand }) => state === "up" && jobsInHand === 0);
  },
};

async function untilAgent(
  { client }: Installation,
  { name }: Program,
  what: string,
  look: (agent: Awaited<ReturnType<typeof client.agents>>[number]) => boolean,
): Promise<void> {
  await until(what, async () => (await client.agents()).some((agent) => agent.id === name && look(agent)));
}

async function prepared({ client }: Installation, operation: OperationKind): Promise<Asked[]> {
  return await Promise.all(Array.from({ length: BATCH }, () => OPERATIONS[operation].prepare(client)));
}

/** Resolves when all are accepted. A failure is told by whoever awaits it in the end. */
function askAll(batch: readonly Asked[]): Promise<readonly Asked[]> {
  const all = Promise.all(
    batch.map(({ ask }) =>
      until(
        "it is accepted",
        async () => {
          await ask();
          return true;
        },
        REST_BOUND_MS,
      ),
    ),
  ).then(() => batch);
  all.catch(() => undefined);
  return all;
}

async function untilDone(batch: readonly Asked[]): Promise<void> {
  for (const { isDone } of batch) await until("it is done", isDone, REST_BOUND_MS);
}

/** It says so with its last breath. */
async function isReached(program: Program, words: string): Promise<boolean> {
  return await until("the point is reached", () => program.logged(words).length > 0, NEXT_BATCH_MS).then(
    () => true,
    () => false,
  );
}
