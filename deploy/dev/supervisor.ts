import type { Program } from "./programs.ts";
import { type ProcessObserver, SupervisedProcess } from "./supervised-process.ts";

/** Runs all programs at once, and ends them in their order. */
export class Supervisor {
  readonly #processes: readonly SupervisedProcess[];

  constructor(programs: readonly Program[], observer: ProcessObserver) {
    this.#processes = programs.map((program) => new SupervisedProcess(program, observer));
  }

  /** Process ids by program, of those that run. */
  get pids(): ReadonlyMap<string, number> {
    const pids = new Map<string, number>();
    for (const { program, pid } of this.#processes) if (pid !== null) pids.set(program.name, pid);
    return pids;
  }

  start(): void {
    for (const one of this.#processes) one.start();
  }

  /** Stage by stage; within a stage side by side. When it resolves, none is left. */
  async end(): Promise<void> {
    const stages = [...new Set(this.#processes.map(({ program }) => program.endStage))].sort((a, b) => a - b);
    for (const stage of stages) {
      await Promise.all(this.#processes.filter(({ program }) => program.endStage === stage).map((one) => one.end()));
    }
  }

  /** For those who cannot wait: kills all at once. */
  kill(): void {
    for (const one of this.#processes) one.kill();
  }
}
