import type { Desk } from "./desk.ts";
import type { FaultBoard, FaultDescription } from "./faults.ts";
import type { SimulatorTargets } from "./targets.ts";

export interface SimulatorOptions {
  /** 0: any, the same as the last time if it is free (`rememberedPort`). */
  readonly port: number;
  /** Absolute, and there. What stands in the simulator outlives its process here, `kill -9` included. */
  readonly dataFolder: string;
  readonly capacityGib: number;
  /** null: no tgtd; connection info is told all the same, and no data can be had over it. */
  readonly iscsi: SimulatorTargets | null;
  /** Calls are counted and the common faults strike here: the servers of the kit do that by themselves. */
  readonly desk: Desk;
}

/** What a parameter of a backend may be. */
export type Parameter = string | number | boolean;

/** What a user needs to know to reach it: one line of JSON. */
export interface ReadyLine {
  readonly name: string;
  /** A URL, or `host:port`. */
  readonly address: string;
  /** In the clear: it guards nothing. */
  readonly credentials: Readonly<Record<string, string>>;
  /** A Berth backend on it; a secret stands in a file of the data folder (`file:/…`). */
  readonly backend: { readonly driver: string; readonly parameters: Readonly<Record<string, Parameter>> };
  /** What the zone of such a backend must say. */
  readonly zoneSettings?: Readonly<Record<string, Parameter>>;
  /** Whatever else there is to know: certificate, host key, portal. */
  readonly details: Readonly<Record<string, Parameter>>;
}

export interface RunningSimulator {
  readonly ready: ReadyLine;
  readonly faults: FaultBoard;
  /** What stands there, in the system's own words: JSON. */
  objects(): unknown;
  /** Ends all connections, too. What stands stays in the data folder. */
  close(): PromiseLike<void>;
}

/**
 * A storage system that is none: a real server on a real socket that follows the system's documentation. Each has a
 * folder of its name in test/simulators/ with a `simulator.ts` that exports `simulator`.
 */
export interface SimulatorKind {
  readonly name: string;
  readonly title: string;
  /** Beside the common ones. */
  readonly faults: readonly FaultDescription[];
  start(options: SimulatorOptions): Promise<RunningSimulator>;
}
