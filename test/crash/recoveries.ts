import { setTimeout as pause } from "node:timers/promises";
import { CRASH_POINTS } from "#shared/crash-point.ts";
import type { Program } from "#test/kit/program.ts";
import { until } from "#test/kit/until.ts";
import type { Crash } from "./crash.ts";
import { ACK_WAIT_MS, type CrashStand } from "./stand.ts";

/** What is promised when another must take over: a job of an agent, or the lead of several schedulers. */
const TAKE_OVER_BOUND_MS = ACK_WAIT_MS + 10_000;
/** For what is begun anew by hand: a process, and whatever looks for it. */
const RESTART_BOUND_MS = 30_000;
/** Nobody takes over from a scheduler alone: so long it stands still, which is longer than anybody waits for it. */
const STANDSTILL_MS = 3_000;

export interface Recovery {
  /** All that was asked for must be done so long after the crash. */
  readonly boundMs: number;
  /** Gives what `untilDone` gave. */
  readonly recover: <T>(untilDone: () => Promise<T>) => Promise<T>;
}

/** How the stand comes back, with all its processes, from that crash of that program. */
export function recoveryOf(stand: CrashStand, program: Program, { point, how, ledger }: Crash): Recovery {
  if (how === "nats") return natsServerComesBack(stand, program);
  if (CRASH_POINTS[point].in === "agent") return otherAgentTakesOver(stand, program, how);
  if (ledger === "nats") return standbyTakesOver(stand, program, how, point === "decided");
  return schedulerComesBack(stand, program, how);
}

function natsServerComesBack({ nats }: CrashStand, program: Program): Recovery {
  return {
    boundMs: RESTART_BOUND_MS,
    recover: async (untilDone) => {
      await nats.kill("SIGKILL");
      await nats.restart();
      program.signal("SIGCONT");
      return await untilDone();
    },
  };
}

/** It does not come back, or goes on, before all is done by the other. */
function otherAgentTakesOver(stand: CrashStand, program: Program, how: "kill" | "pause"): Recovery {
  return {
    boundMs: TAKE_OVER_BOUND_MS,
    recover: async (untilDone) => {
      const done = await untilDone();
      if (how === "kill") {
        await program.restart();
        return done;
      }
      await untilAgent(stand, program, "it is taken for dead", ({ state }) => state === "down");
      program.signal("SIGCONT");
      await untilAgent(stand, program, "it is back", ({ state, jobsInHand }) => state === "up" && jobsInHand === 0);
      return done;
    },
  };
}

function schedulerComesBack({ client }: CrashStand, program: Program, how: "kill" | "pause"): Recovery {
  return {
    boundMs: RESTART_BOUND_MS,
    recover: async (untilDone) => {
      if (how === "kill") {
        await program.ended();
        program.start();
      } else {
        await pause(STANDSTILL_MS);
        program.signal("SIGCONT");
      }
      const done = await untilDone();
      await client.health();
      return done;
    },
  };
}

/** A leader that stood still in the midst of a decision writes it down when it wakes: that must be refused. */
function standbyTakesOver(
  { untilFollows }: CrashStand,
  program: Program,
  how: "kill" | "pause",
  hasToWrite: boolean,
): Recovery {
  return {
    boundMs: TAKE_OVER_BOUND_MS,
    recover: async (untilDone) => {
      const refusals = (): number => program.logged("ledger failed", "E_NOT_LEADER").length;
      const before = refusals();
      const done = await untilDone();
      if (how === "kill") program.start();
      else program.signal("SIGCONT");
      await untilFollows(program);
      if (how === "pause" && hasToWrite) await until("its first write is refused", () => refusals() === before + 1);
      return done;
    },
  };
}

async function untilAgent(
  { client }: CrashStand,
  { name }: Program,
  what: string,
  look: (agent: Awaited<ReturnType<typeof client.agents>>[number]) => boolean,
): Promise<void> {
  await until(what, async () => (await client.agents()).some((agent) => agent.id === name && look(agent)));
}
