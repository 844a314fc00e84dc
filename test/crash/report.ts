import { mkdir } from "node:fs/promises";
import { cpus, release, totalmem } from "node:os";
import { dirname } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { CRASH_POINTS, type CrashPoint } from "#shared/crash-point.ts";
import { crashPoints } from "./cases.ts";
import type { Crash, Outage } from "./crash.ts";

interface Survived {
  readonly crash: Crash;
  readonly outage: Outage;
}

/** What came of the crashes of one run. */
export class CrashTally {
  readonly #planned: number;
  readonly #survived: Survived[] = [];
  readonly #failed: { readonly name: string; readonly why: string }[] = [];
  readonly #beganMs = performance.now();

  constructor(planned: number) {
    this.#planned = planned;
  }

  async count(name: string, crash: Crash, run: () => Promise<Outage>): Promise<void> {
    try {
      this.#survived.push({ crash, outage: await run() });
    } catch (error) {
      this.#failed.push({ name, why: error instanceof Error ? error.message : String(error) });
      throw error;
    }
  }

  /** So that a run that is broken off leaves what it has seen. */
  async write(reached: ReadonlySet<CrashPoint>, file: string | null): Promise<void> {
    if (file === null) return;
    await mkdir(dirname(file), { recursive: true });
    await writeFileAtomic(file, this.report(reached));
  }

  report(reached: ReadonlySet<CrashPoint>): string {
    const [processor] = cpus();
    const run = this.#survived.length + this.#failed.length;
    const minutes = (performance.now() - this.#beganMs) / 60_000;
    const kinds = Map.groupBy(this.#survived, ({ crash }) => kindOf(crash));
    const rows = [...kinds].sort(([a], [b]) => a.localeCompare(b)).map(([kind, survived]) => row(kind, survived));
    const missed = crashPoints().filter((point) => !reached.has(point));
    return [
      "# Crash matrix",
      "",
      `${new Date().toISOString()}, ${minutes.toFixed(1)} minutes. ${cpus().length} × ${processor?.model ?? "?"}, ${Math.round(totalmem() / 1024 ** 3)} GiB, Linux ${release()}, Node ${process.version}.`,
      "",
      `- Crash points passed: ${reached.size} of ${crashPoints().length}${missed.length === 0 ? "" : ` (not: ${missed.join(", ")})`}`,
      `- Crashes: ${run} of ${this.#planned}; survived ${this.#survived.length}, failed ${this.#failed.length}`,
      "",
      "Seconds from the crash until the next request is accepted, and until all that was asked for is done:",
      "",
      "| crash of | times | accepted: median | worst | done: median | worst |",
      "| --- | ---: | ---: | ---: | ---: | ---: |",
      ...rows,
      "",
      ...this.#failed.map(({ name, why }) => `- FAILED ${name}: ${why.split("\n")[0]}`),
      "",
    ].join("\n");
  }
}

/** Who is crashed, and how it comes back. */
function kindOf({ point, how, ledger }: Crash): string {
  const program = CRASH_POINTS[point].in;
  if (how === "nats") return `nats-server, kill -9, ${program} standing still; started again at once`;
  if (program === "agent")
    return how === "kill" ? "agent, kill -9; another takes over" : "agent, stopped; another takes over";
  if (ledger === "nats")
    return how === "kill"
      ? "leader of two, kill -9; the other takes over"
      : "leader of two, stopped; the other takes over";
  return how === "kill" ? "scheduler alone, kill -9; started again at once" : "scheduler alone, stopped for 3 s";
}

function row(kind: string, survived: readonly Survived[]): string {
  const answered = survived.map(({ outage }) => outage.answeredMs);
  const done = survived.map(({ outage }) => outage.doneMs);
  const cells = [median(answered), Math.max(...answered), median(done), Math.max(...done)].map(seconds);
  return `| ${kind} | ${survived.length} | ${cells.join(" | ")} |`;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2);
}
