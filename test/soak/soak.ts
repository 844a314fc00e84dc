import { setTimeout as pause } from "node:timers/promises";
import { type BerthClient, Refusal } from "#test/kit/berth-client.ts";
import { memoryOfProcess, type ProcessMemory } from "#test/kit/process-memory.ts";
import { until } from "#test/kit/until.ts";
import { Random } from "#test/simulation/random.ts";
import { Book, type Fault } from "./book.ts";
import { Chaos } from "./chaos.ts";
import { type Check, examine } from "./examination.ts";
import { chooseTask } from "./operations.ts";
import { type LedgerKind, type SoakStand, startStand } from "./stand.ts";
import type { Disturbance, Performed } from "./timeline.ts";
import { User } from "./user.ts";
import type { Victim } from "./victim.ts";

const USERS = 32;
/** What stood still in outages, or on a busy machine, is made up for: twice the time, and at the least so much more. */
const LONGEST = 2;
const AT_LEAST_MORE_MS = 180_000;
const TURN_MS = 5;
/** Many times what a run needs: what grows without end passes it. */
const MEMORY_LIMIT_BYTES = 700e6;
const WHOLE_BOUND_MS = 60_000;
/** Elections take up to 9 s each, and the streams catch up one after another. */
const CATCH_UP_BOUND_MS = 180_000;
const WHOLE_LOOKS = 3;
const WHOLE_LOOK_MS = 1_000;

export interface SoakPlan {
  readonly operations: number;
  readonly minutes: number;
  readonly seed: number;
  readonly ledger: LedgerKind;
}

export interface MemoryOf {
  readonly name: string;
  readonly begin: ProcessMemory;
  readonly end: ProcessMemory;
}

export interface SoakResult {
  readonly plan: SoakPlan;
  readonly beganAt: Date;
  readonly seconds: number;
  readonly zones: readonly string[];
  readonly performed: readonly Performed[];
  readonly disturbances: readonly Disturbance[];
  readonly checks: readonly Check[];
  readonly faults: readonly Fault[];
  readonly memory: readonly MemoryOf[];
  readonly left: { readonly volumes: number; readonly snapshots: number };
  /** By program, all that it said; for whoever looks for the cause of a fault. */
  readonly logs: ReadonlyMap<string, readonly string[]>;
}

/** Users, kills, and at the end a look at everything. `say` tells how it goes; `signal` ends it early, with all checks. */
export async function soak(plan: SoakPlan, say: (text: string) => void, signal: AbortSignal): Promise<SoakResult> {
  await using stand = await startStand(plan.ledger);
  const beganAt = new Date();
  const book = new Book((fault) => say(`${new Date().toISOString()} ${fault}`));
  const before = memoryOf(stand);
  const chaos = new Chaos({
    victims: stand.victims,
    random: new Random(plan.seed),
    book,
    everything: plan.ledger === "embedded",
    recovered: (victim) => untilOfUse(stand, victim),
  });
  const peace = new AbortController();
  const disturbing = chaos.run(peace.signal);
  const beganMs = performance.now();
  const performed = await work(plan, stand, book, signal, (done) => {
    say(`${done} operations, ${chaos.disturbances.length} kills and pauses, ${book.faults.length} faults`);
  });
  const seconds = (performance.now() - beganMs) / 1000;
  peace.abort();
  await disturbing;
  if (performed.length < plan.operations && !signal.aborted)
    book.fault("wrong", `${performed.length} of ${plan.operations} operations were done in ${Math.round(seconds)} s`);
  say("everything is started again; examining");
  const client = await clientOf(stand);
  const checks = await examine(stand, client, book);
  const memory = memoryAtEnd(stand, before, book);
  return {
    plan,
    beganAt,
    seconds,
    zones: [...new Set(performed.map(({ zone }) => zone))].sort(),
    performed,
    disturbances: chaos.disturbances,
    checks,
    faults: book.faults,
    memory,
    left: { volumes: book.volumes.size, snapshots: book.snapshots.size },
    logs: new Map(stand.programs.map((program) => [program.name, program.logged()])),
  };
}

/** The users go on until the time is over and so many operations are done, but not for ever. */
async function work(
  plan: SoakPlan,
  stand: SoakStand,
  book: Book,
  signal: AbortSignal,
  tell: (done: number) => void,
): Promise<Performed[]> {
  const performed: Performed[] = [];
  const wholeMs = plan.minutes * 60_000;
  const beganMs = performance.now();
  const elapsedMs = (): number => performance.now() - beganMs;
  let begun = 0;
  let failure: unknown = null;
  const isOver = (): boolean =>
    signal.aborted ||
    failure !== null ||
    elapsedMs() > Math.max(LONGEST * wholeMs, wholeMs + AT_LEAST_MORE_MS) ||
    (elapsedMs() >= wholeMs && performed.length >= plan.operations);
  /** Spread over the time, so that the last minute is as busy as the first. */
  const mayBegin = (): boolean => begun < USERS + (1.02 * plan.operations * elapsedMs()) / wholeMs;
  const live = async (user: User): Promise<void> => {
    while (!isOver()) {
      if (mayBegin()) {
        begun += 1;
        const { kind, task } = chooseTask(user);
        performed.push(await user.perform(kind, task));
      } else await pause(TURN_MS);
    }
  };
  const teller = setInterval(() => tell(performed.length), 10_000);
  const users = Array.from({ length: USERS }, (_, number) => {
    return new User({ number: number + 1, seed: plan.seed, book, clients: stand.clients });
  });
  try {
    await Promise.all(
      users.map((user) =>
        live(user).catch((error: unknown) => {
          failure ??= error;
        }),
      ),
    );
  } finally {
    clearInterval(teller);
  }
  if (failure !== null) throw failure;
  return performed.toSorted((a, b) => a.endedMs - b.endedMs);
}

/** Of a scheduler that decides, once there is one and all backends are in reach. */
async function clientOf({ clients }: SoakStand): Promise<BerthClient> {
  return await until(
    "a scheduler decides, and all backends are up",
    async () => {
      for (const client of clients) {
        const health = await client.health().catch((error: unknown) => {
          if (error instanceof Refusal) return null;
          throw error;
        });
        if (health?.role === "leader" && health.backendsUp === health.backendsTotal && health.agentsDown === 0)
          return client;
      }
      throw new Error("none does");
    },
    WHOLE_BOUND_MS,
  );
}

/** A scheduler that answers; an agent that the scheduler knows; a nats-server that has caught up, with all the others. */
async function untilOfUse({ clients, victims }: SoakStand, victim: Victim): Promise<void> {
  if (victim.healthUrl !== null) await untilWhole(victims.flatMap(({ healthUrl }) => healthUrl ?? []));
  if (victim.process === "nats-server" || victim.process === "tgtd") return;
  const schedulers = victims.filter((other) => other.process === "scheduler");
  const own = victim.process === "scheduler" ? clients[schedulers.indexOf(victim)] : undefined;
  await until(
    `${victim.name} is of use`,
    async () => {
      if (!victim.isRunning) return true;
      if (own !== undefined) return (await own.send("GET", "/healthcheck")).status === 200;
      const agents = await Promise.any(clients.map((client) => client.agents()));
      return agents.some(({ id, pid, state }) => id === victim.name && pid === victim.pid && state === "up");
    },
    WHOLE_BOUND_MS,
  );
}

/** Of three nats-servers any one may be gone: the next one goes only when all say that nothing is missing, and go on to. */
async function untilWhole(healthUrls: readonly string[]): Promise<void> {
  for (let looks = 0; looks < WHOLE_LOOKS; looks++) {
    await until(
      "all nats-servers have caught up",
      async () => (await Promise.all(healthUrls.map((url) => fetch(url)))).every(({ ok }) => ok),
      CATCH_UP_BOUND_MS,
    );
    await pause(WHOLE_LOOK_MS);
  }
}

function memoryOf({ victims }: SoakStand): ReadonlyMap<string, ProcessMemory> {
  return new Map(victims.map(({ name, pid }) => [name, memoryOfProcess(pid)]));
}

function memoryAtEnd(stand: SoakStand, before: ReadonlyMap<string, ProcessMemory>, book: Book): MemoryOf[] {
  return [...memoryOf(stand)].flatMap(([name, end]) => {
    const begin = before.get(name);
    if (end.nowBytes > MEMORY_LIMIT_BYTES) book.fault("wrong", `${name} has ${Math.round(end.nowBytes / 1e6)} MB`);
    return begin === undefined ? [] : [{ name, begin, end }];
  });
}
