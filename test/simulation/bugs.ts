import type { CommandKind, Commands } from "#scheduler/core/commands.ts";
import type { State } from "#scheduler/core/state.ts";
import { type Faults, STORM, STORM_WITHOUT_STRAYS } from "./faults.ts";
import type { Leaning } from "./world.ts";

/** Where a bug is looked for, and what its being found looks like: what was found may not be another. */
export interface Planted {
  readonly leaning: Leaning;
  readonly faults: Faults;
  readonly found: RegExp;
}

/** Late copies of messages are many, and nothing else is done when it is over. */
const LATE_COPIES: Faults = { ...STORM, lateCall: 0, loseObject: 0, lateCopy: 0.2 };
/** Whoever asks again and again, for answers are lost and late. */
const LATE_ANSWERS: Faults = { ...STORM, loseMessage: 0.4, doubleMessage: 0.3, loseAnswer: 0.3, agentCrash: 0.15 };
/** Agents are paused in the midst of calls, again and again. */
const LATE_CALLS: Faults = { ...STORM, lateCall: 0.2, loseObject: 0 };
const CRASHES: Faults = { ...STORM_WITHOUT_STRAYS, schedulerCrash: 0.15 };
const ORPHANS = /without a record: an orphan|as never known/;
const OPEN = /exported and nobody's|is open to|as open to/;

/**
 * Known mistakes of schedulers, to be planted into the simulated one: each must be found by some history, or the
 * simulation proves nothing. Every one of them is a real peer's, or one that this project's design exists to prevent.
 */
export const BUGS = {
  /** Effects leave although the commit that decided them was lost. */
  "acts-before-writing": {
    leaning: "lives",
    faults: CRASHES,
    found: /as missing|as differing|as never known|without a record/,
  },
  /** A late result of an earlier attempt is taken for the one that is awaited. */
  "believes-any-attempt": {
    leaning: "lives",
    faults: LATE_ANSWERS,
    found: /open to|nobody's|without a record|recorded/,
  },
  /** A report counts as having seen all that was committed before it arrived, instead of before it was measured. */
  "believes-reports-by-arrival": {
    leaning: "lives",
    faults: STORM_WITHOUT_STRAYS,
    found: /had no room|holds too much/,
  },
  /** What a job did that nobody awaits any more is shrugged off, and nobody sweeps either. */
  "shrugs-off-strays": { leaning: "lives", faults: LATE_COPIES, found: /an orphan|nobody's/ },
  /** What a failed create left behind is not kept in mind. */
  "forgets-leftovers": { leaning: "lives", faults: STORM_WITHOUT_STRAYS, found: ORPHANS },
  /** Who was detached by force is not shut out. */
  "forgets-evictions": { leaning: "lives", faults: STORM_WITHOUT_STRAYS, found: OPEN },
  /** What it was about to take over and did not is cleared away like what it made itself. */
  "removes-what-it-took": { leaning: "all", faults: STORM_WITHOUT_STRAYS, found: /was removed as/ },
  /** Nobody looks for what stands again after it was deleted. */
  "never-sweeps": { leaning: "lives", faults: LATE_CALLS, found: ORPHANS },
  /** Nobody looks for who is let in again after it was sent away. */
  "never-shuts-out": { leaning: "lives", faults: LATE_CALLS, found: OPEN },
  /** An agent does a revert without asking whether it is awaited still. */
  "reverts-unasked": { leaning: "groups", faults: LATE_COPIES, found: /is over and is done again/ },
} as const satisfies Record<string, Planted>;

/** Without the sweep, which mends what the bug beside it spoils; by itself it does no harm where that is planted. */
export const SWEEPLESS = "neither-sweeps-nor-shuts-out";

/** `SWEEPLESS` is none: what must be found beside it has to be found against it. */
export type Bug = keyof typeof BUGS | typeof SWEEPLESS;

export function isBug(name: string): name is keyof typeof BUGS {
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
  if (LOOKED_AWAY_FROM[bug ?? ""]?.includes(kind) === true) return null;
  return input;
}

const LOOKED_AWAY_FROM: Readonly<Record<string, readonly CommandKind[]>> = {
  "never-shuts-out": ["audit.close"],
  "never-sweeps": ["audit.remove"],
  "shrugs-off-strays": ["audit.remove", "audit.close"],
  [SWEEPLESS]: ["audit.remove", "audit.close"],
};

/** What the buggy scheduler forgets after each decision. */
export function forget(bug: Bug | null, state: State): void {
  if (bug === "forgets-evictions")
    for (const { id, status, jobCount } of [...state.table("attachment").values()]) {
      if (status !== "evicting") continue;
      state.remove("job", `${id}-${jobCount}`);
      state.remove("attachment", id);
    }
  if (bug === "removes-what-it-took") removeInsteadOfGivingBack(state);
  if (bug !== "forgets-leftovers") return;
  for (const job of [...state.table("job").values()]) if (job.owner.kind === "leftover") state.remove("job", job.id);
  for (const id of [...state.table("leftover").keys()]) state.remove("leftover", id);
}

function removeInsteadOfGivingBack(state: State): void {
  for (const job of [...state.table("job").values()]) {
    const { operation, owner } = job;
    if (owner.kind !== "leftover" || operation.kind !== "volume.unmanage") continue;
    state.put("job", { ...job, operation: { kind: "volume.delete", volume: operation.volume } });
  }
}
