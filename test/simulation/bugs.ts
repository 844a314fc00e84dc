import type { CommandKind, Commands } from "#scheduler/core/commands.ts";
import type { State } from "#scheduler/core/state.ts";

/**
 * Known mistakes of schedulers, to be planted into the simulated one: each must be found by some history, or the
 * simulation proves nothing. Every one of them is a real peer's, or one that this project's design exists to prevent.
 */
export const BUGS = {
  /** Effects leave although the commit that decided them was lost. */
  "acts-before-writing": {},
  /** A late result of an earlier attempt is taken for the one that is awaited. */
  "believes-any-attempt": {},
  /** A report counts as having seen all that was committed before it arrived, instead of before it was measured. */
  "believes-reports-by-arrival": {},
  /** What a job did that nobody awaits any more is shrugged off. */
  "shrugs-off-strays": {},
  /** What a failed create left behind is not kept in mind. */
  "forgets-leftovers": {},
  /** Who was detached by force is not shut out. */
  "forgets-evictions": {},
  /** Nobody looks for what stands again after it was deleted. */
  "never-sweeps": {},
  /** Nobody looks for who is let in again after it was sent away. */
  "never-shuts-out": {},
  /** An agent does a revert without asking whether it is awaited still. */
  "reverts-unasked": {},
} as const;

export type Bug = keyof typeof BUGS;

export function isBug(name: string): name is Bug {
  return Object.hasOwn(BUGS, name);
}

/** What the buggy scheduler makes of what it is sent; null: it looks away. */
export function misread<K extends CommandKind>(
  bug: Bug | null,
  state: State,
  seq: number,
  kind: K,
  input: Commands[K]["input"],
): Commands[K]["input"] | null {
  if (kind === "job.result" && "jobId" in input) {
    const job = state.get("job", input.jobId);
    if (bug === "shrugs-off-strays" && job === undefined) return null;
    if (bug === "believes-any-attempt" && job !== undefined)
      return { ...input, attempt: job.attempt, operation: job.operation };
  }
  if (bug === "believes-reports-by-arrival" && kind === "report.received" && "report" in input)
    return { ...input, report: { ...input.report, asOf: seq } };
  if (bug === "never-shuts-out" && kind === "audit.close") return null;
  if (bug === "never-sweeps" && kind === "audit.remove") return null;
  return input;
}

/** What the buggy scheduler forgets after each decision. */
export function forget(bug: Bug | null, state: State): void {
  if (bug === "forgets-evictions")
    for (const { id, status, jobCount } of [...state.table("attachment").values()]) {
      if (status !== "evicting") continue;
      state.remove("job", `${id}-${jobCount}`);
      state.remove("attachment", id);
    }
  if (bug !== "forgets-leftovers") return;
  for (const job of [...state.table("job").values()]) if (job.owner.kind === "leftover") state.remove("job", job.id);
  for (const id of [...state.table("leftover").keys()]) state.remove("leftover", id);
}
