import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { CRASH_POINTS, type CrashPoint, isCrashPoint } from "#shared/crash-point.ts";
import { layCrashOrder, withdrawCrashOrder } from "#test/kit/crash-order.ts";
import { until } from "#test/kit/until.ts";
import type { Random } from "#test/simulation/random.ts";
import type { Book } from "./book.ts";
import type { Disturbance, DisturbanceHow } from "./timeline.ts";
import type { Victim } from "./victim.ts";

/** In milliseconds, from … to …. */
type Range = readonly [low: number, high: number];

const BETWEEN: Range = [1_000, 7_000];
const DOWN: Range = [50, 2_000];
/** Some shorter than the time after which a job is given to another, some much longer. */
const PAUSED: Range = [200, 6_000];
/** So that an armed crash point lies anywhere in the work, not always at its beginning. */
const MOST_PASSINGS = 30;
/** An armed process that does not get there by then is simply killed. */
const REACH_BOUND_MS = 8_000;
/** How often, of a hundred. */
const EVERYTHING = 5;
const CRASH_POINT = 20;
const PAUSE = 30;

export interface ChaosOptions {
  readonly victims: readonly Victim[];
  readonly random: Random;
  readonly book: Book;
  /** May all be killed in one instant, as when the power fails? */
  readonly everything: boolean;
  /** Resolves when it is of use again. What was never of use is not taken down once more: nothing would be learned. */
  readonly recovered: (victim: Victim) => Promise<void>;
}

/** Kills and pauses processes at random moments, and starts them again. */
export class Chaos {
  readonly disturbances: Disturbance[] = [];
  readonly #options: ChaosOptions;
  readonly #busy = new Set<Victim>();
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: ChaosOptions) {
    this.#options = options;
  }

  /** Goes on until it is told to end; resolves when all that it took down runs again. */
  async run(signal: AbortSignal): Promise<void> {
    const { random } = this.#options;
    while (!signal.aborted) {
      await pause(random.between(...BETWEEN), null, { signal }).catch(() => undefined);
      if (signal.aborted) break;
      await this.#reviveFallen();
      if (this.#options.everything && random.between(1, 100) <= EVERYTHING) await this.#killEverything();
      else this.#disturbOne();
    }
    await Promise.all(this.#underWay);
    await this.#reviveFallen();
  }

  #disturbOne(): void {
    const { random, victims } = this.#options;
    const kinds = [...new Set(victims.map((victim) => victim.process))];
    const kind = random.pick(kinds);
    const idle = victims.filter((victim) => victim.process === kind && !this.#busy.has(victim));
    // Of servers that keep copies for one another, one at a time.
    if (kind === "nats-server" && idle.length < victims.filter((victim) => victim.process === kind).length) return;
    const victim = random.pick(idle);
    if (victim === undefined) return;
    const work = this.#disturb(victim).catch((error: unknown) => {
      this.#options.book.fault("stuck", `${victim.name} does not come back: ${String(error)}`);
    });
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  async #disturb(victim: Victim): Promise<void> {
    const { random, recovered } = this.#options;
    this.#busy.add(victim);
    try {
      const dice = random.between(1, 100);
      if (victim.program !== null && dice <= CRASH_POINT) await this.#crashAtPoint(victim, victim.program);
      else if (dice <= CRASH_POINT + PAUSE) await this.#pause(victim);
      else await this.#kill(victim);
      await recovered(victim);
    } finally {
      this.#busy.delete(victim);
    }
  }

  async #kill(victim: Victim): Promise<void> {
    const atMs = performance.now();
    await victim.kill();
    await pause(this.#options.random.between(...DOWN));
    await victim.start();
    this.#note(victim, "kill", atMs);
  }

  async #pause(victim: Victim): Promise<void> {
    const atMs = performance.now();
    process.kill(victim.pid, "SIGSTOP");
    await pause(this.#options.random.between(...PAUSED));
    process.kill(victim.pid, "SIGCONT");
    this.#note(victim, "pause", atMs);
  }

  /** It is started anew and kills itself at the point, in the midst of the work. */
  async #crashAtPoint(victim: Victim, program: NonNullable<Victim["program"]>): Promise<void> {
    const { random, recovered } = this.#options;
    const point = random.pick(pointsIn(victim.process === "scheduler" ? "scheduler" : "agent"));
    if (point === undefined) return;
    const killedMs = performance.now();
    await victim.kill();
    // Of its own, so that no other process takes it.
    const orderFile = join(tmpdir(), `berth-soak-crash-${randomUUID()}`);
    await layCrashOrder(orderFile, { point, passing: random.between(1, MOST_PASSINGS), how: "kill" });
    program.start({ BERTH_CRASH_ORDER: orderFile });
    this.#note(victim, "kill", killedMs);
    await Promise.race([recovered(victim), program.ended().catch(() => undefined)]);
    await until("it is there", () => !program.isRunning, REACH_BOUND_MS).catch(() => undefined);
    const atMs = performance.now();
    const reached = !program.isRunning;
    await withdrawCrashOrder(orderFile);
    if (!reached) await victim.kill();
    await pause(random.between(...DOWN));
    await victim.start();
    this.#note(victim, reached ? "crash-point" : "kill", atMs, reached ? point : null);
  }

  async #killEverything(): Promise<void> {
    const { random, victims, recovered } = this.#options;
    await Promise.all(this.#underWay);
    const atMs = performance.now();
    await Promise.all(victims.map((victim) => victim.kill()));
    await pause(random.between(...DOWN));
    await Promise.all(victims.map((victim) => victim.start()));
    this.#noteAs("everything", "everything", "everything", atMs, null);
    await Promise.all(victims.map((victim) => recovered(victim)));
  }

  /** Whoever ends without being told to is a fault. */
  async #reviveFallen(): Promise<void> {
    for (const victim of this.#options.victims) {
      if (this.#busy.has(victim) || victim.isRunning) continue;
      this.#options.book.fault("wrong", `${victim.name} ended by itself`);
      await victim.start();
    }
  }

  #note(victim: Victim, how: DisturbanceHow, atMs: number, point: CrashPoint | null = null): void {
    this.#noteAs(victim.name, victim.process, how, atMs, point);
  }

  #noteAs(name: string, process: string, how: DisturbanceHow, atMs: number, point: CrashPoint | null): void {
    this.disturbances.push({ name, process, how, point, atMs, backMs: performance.now() });
  }
}

function pointsIn(program: "scheduler" | "agent"): CrashPoint[] {
  return Object.keys(CRASH_POINTS)
    .filter(isCrashPoint)
    .filter((point) => CRASH_POINTS[point].in === program);
}
