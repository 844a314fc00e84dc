import { readFile } from "node:fs/promises";
import { CRASH_POINTS, crashReachedFile } from "#shared/crash-point.ts";
import { layCrashOrder } from "#test/kit/crash-order.ts";
import type { Program } from "#test/kit/program.ts";
import { until } from "#test/kit/until.ts";
import { untilAllAgree } from "./agreement.ts";
import type { Crash, Outage } from "./crash.ts";
import { type Asked, creation, OPERATIONS } from "./operations.ts";
import { recoveryOf } from "./recoveries.ts";
import type { CrashStand } from "./stand.ts";
import { tidy } from "./tidy.ts";

/** So many of one operation at once, so that each agent gets some. */
const BATCH = 8;
/** Until the point is passed; and for requests that meet the crash until they are accepted. */
const ASK_BOUND_MS = 30_000;
/** So long after the crash nothing may be in a passing state any more. */
const STUCK_BOUND_MS = 60_000;

/**
 * Has a batch of the operation crash there, and waits until all of it is done and everything agrees. `onReached` hears
 * that the point was really passed.
 */
export async function crashAndRecover(stand: CrashStand, crash: Crash, onReached: () => void): Promise<Outage> {
  await tidy(stand);
  await stand.ready();
  const batch = await prepared(stand, crash);
  const { point, passing, how } = crash;
  const id = await layCrashOrder(stand.orderFile, { point, passing, how: how === "kill" ? "kill" : "stop" });
  const asked = askAll(batch);
  const program = await whoReached(stand, crash, id);
  onReached();
  const crashedMs = performance.now();
  const sinceMs = (): number => performance.now() - crashedMs;

  // One more user, who comes now.
  const late = creation(stand.client, crash.ledger === "nats" ? "fake" : crash.medium, {});
  const answered = askAll([late]).then(sinceMs);
  answered.catch(() => undefined);
  const { recover, boundMs } = recoveryOf(stand, program, crash);
  const doneMs = await recover(async () => {
    await Promise.all([asked, answered]);
    for (const { isDone } of [...batch, late])
      await until("all that was asked for is done", isDone, boundMs - sinceMs());
    return sinceMs();
  });
  await untilAllAgree(stand, STUCK_BOUND_MS - sinceMs());
  return { answeredMs: await answered, doneMs };
}

async function prepared({ client }: CrashStand, { operation, medium }: Crash): Promise<Asked[]> {
  return await Promise.all(Array.from({ length: BATCH }, () => OPERATIONS[operation].prepare(client, medium)));
}

/** Resolves when all are accepted. A failure is told by whoever awaits it in the end. */
function askAll(batch: readonly Asked[]): Promise<unknown> {
  const ask = async (one: Asked): Promise<true> => {
    await one.ask();
    return true;
  };
  const all = Promise.all(batch.map((one) => until("it is accepted", () => ask(one), ASK_BOUND_MS)));
  all.catch(() => undefined);
  return all;
}

/** Of the program that the point is in, the process that came there first. */
async function whoReached(stand: CrashStand, { operation, point }: Crash, id: string): Promise<Program> {
  const candidates = CRASH_POINTS[point].in === "agent" ? stand.agents : stand.schedulers;
  const pids = candidates.filter(({ isRunning }) => isRunning).map((program) => ({ program, pid: program.pid }));
  const told = await until(
    `${operation} passes ${point}`,
    async () => {
      const text = await readFile(crashReachedFile(stand.orderFile), "utf8").catch(() => "");
      return text.startsWith(`${id} `) && text.endsWith("\n") ? text.trim() : null;
    },
    ASK_BOUND_MS,
  );
  const found = pids.find(({ pid }) => told === `${id} ${pid}`);
  if (found === undefined) throw new Error(`${point} was reached by ${told}, which is none of the programs`);
  return found.program;
}
