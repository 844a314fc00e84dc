import { mkdir } from "node:fs/promises";
import { Closers } from "./closers.ts";
import { type Control, startControl } from "./control.ts";
import { Desk } from "./desk.ts";
import type { ReadyLine, RunningSimulator, SimulatorKind } from "./simulator.ts";
import type { SimulatorTargets } from "./targets.ts";
import { startTargets } from "./tgt-targets.ts";

export interface StartOptions {
  readonly port?: number;
  readonly dataFolder: string;
  readonly capacityGib?: number;
  /** false: without iSCSI even where tgtd is installed. */
  readonly iscsi?: boolean;
}

/** A simulator with everything around it. `await using` ends it. */
export interface StartedSimulator extends AsyncDisposable {
  readonly ready: ReadyLine & { readonly control: string };
  readonly desk: Desk;
  readonly running: RunningSimulator;
}

export const DEFAULT_CAPACITY_GIB = 100;

/** Starts one in this process, with its control door and, where tgtd is installed, with a portal of its own. */
export async function startSimulator(kind: SimulatorKind, options: StartOptions): Promise<StartedSimulator> {
  const { port = 0, dataFolder, capacityGib = DEFAULT_CAPACITY_GIB } = options;
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  const closers = new Closers();
  try {
    const iscsi: SimulatorTargets | null = options.iscsi === false ? null : closers.add(await startTargets(dataFolder));
    const desk = new Desk(kind.faults);
    const running = await kind.start({ port, dataFolder, capacityGib, iscsi, desk });
    closers.add({ [Symbol.asyncDispose]: () => running.close() });
    const control: Control = await startControl(desk, running);
    closers.add({ [Symbol.asyncDispose]: () => control.close() });
    return {
      ready: { ...running.ready, control: control.url },
      desk,
      running,
      [Symbol.asyncDispose]: () => closers[Symbol.asyncDispose](),
    };
  } catch (error) {
    await closers[Symbol.asyncDispose]();
    throw error;
  }
}
