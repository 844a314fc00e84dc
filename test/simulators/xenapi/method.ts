import type { Desk } from "../kit/desk.ts";
import type { Database } from "./database.ts";
import type { Field, FieldType } from "./datamodel.ts";
import type { DiskData } from "./disk-data.ts";
import type { ResultType, Typed } from "./typed.ts";
import type { XenValue } from "./values.ts";
import type { Volumes } from "./volumes.ts";

/** What the calls work on. */
export interface Xapi {
  readonly database: Database;
  readonly volumes: Volumes;
  readonly data: DiskData;
  readonly desk: Desk;
  readonly capacityGib: number;
  /** Hosts that answer have one of these addresses. */
  readonly addresses: readonly string[];
  /** Work that xapi does behind its calls (the coalescer); ended with the simulator. */
  readonly later: (work: () => void) => void;
}

/** Who calls. */
export interface Caller {
  readonly session: string;
  readonly method: string;
}

export type ParamType = FieldType | "record" | Pick<Field, "type" | "words">;

export interface Method {
  readonly name: string;
  /** After the session. */
  readonly params: readonly ParamType[];
  /** How many of them clients of older releases send. */
  readonly needed: number;
  readonly result: ResultType;
  /** Is there an `Async.` form? Not of accessors, sessions and tasks. */
  readonly async: boolean;
  readonly run: (caller: Caller, args: readonly XenValue[]) => XenValue | Typed | Promise<XenValue | Typed>;
}

type Run = Method["run"];

export function method(
  name: string,
  params: readonly ParamType[],
  result: ResultType,
  run: Run,
  options: { readonly needed?: number; readonly async?: boolean } = {},
): Method {
  return { name, params, result, run, needed: options.needed ?? params.length, async: options.async ?? true };
}

/** An argument that `coerce` has made text of. */
export function str(args: readonly XenValue[], index: number, absent = ""): string {
  const value = args[index] ?? absent;
  return typeof value === "string" ? value : absent;
}

export function int(args: readonly XenValue[], index: number, absent = 0): number {
  const value = args[index] ?? absent;
  return typeof value === "number" ? value : absent;
}
