import { DriverError, type FailureOutcome } from "../driver.ts";
import { DoubtfulRefusal } from "../san/made-once.ts";
import type { CliqAnswer } from "./answer.ts";

/** What a result means for whoever asked. */
export type Meaning =
  /** Done, or done already; some results say so with a remark. */
  | "done"
  | "not-found"
  /** Nobody knows yet what becomes of it. */
  | "pending"
  /** Nothing was done. */
  | "refused"
  /** Any of these, for the system has no number for most of what goes wrong on it. */
  | "failed";

/** The manual's numbers; what else there is has the number of an unexpected error, or one that nobody wrote down. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  "0": "done",
  "1": "done",
  "2": "pending",
  "3": "refused",
  "4": "not-found",
  "5": "done",
  "6": "done",
  "7": "done",
  "8": "done",
  "80001002": "refused",
  "80001003": "refused",
  "80001004": "refused",
  "80001005": "refused",
  "80001006": "refused",
  "80001007": "refused",
  "8000100c": "not-found",
};

export function meaningOf({ result, name = "", description = "" }: CliqAnswer): Meaning {
  const known = MEANINGS[result.toLowerCase()];
  if (known !== undefined) return known;
  if (/NotFound$/.test(name) || /\bnot found\b|\bdoes not exist\b/i.test(description)) return "not-found";
  return "failed";
}

/** Of a failure without a number of its own. Only ever read where the exit status, or the result, says that it failed. */
export function isNoSpace({ name = "", description = "" }: CliqAnswer): boolean {
  return (
    /space|capacity/i.test(name) ||
    /not enough (?:\w+ )?space|insufficient (?:space|capacity)|out of space/i.test(description)
  );
}

export function isClonePoint({ name = "", description = "" }: CliqAnswer): boolean {
  return /ClonePoint/i.test(name) || /\bclone point\b/i.test(description);
}

/** A command that was answered and did not do what it was asked for. */
export class CliqRefusal extends DoubtfulRefusal {
  readonly meaning: Meaning;
  readonly isClonePoint: boolean;

  /** Of the answer only what it says of itself is kept: what it tells may be logged with the error. */
  constructor(verb: string, answer: CliqAnswer, meaning: Meaning) {
    const { result, name = "unnamed", description = "" } = answer;
    super(outcomeOf(answer, meaning), `${verb} ended with ${result} (${name}): ${description}`.slice(0, 1000));
    this.meaning = meaning;
    this.isClonePoint = isClonePoint(answer);
  }

  /** What was refused for whatever reason has made nothing, but for what is under way yet. */
  override get ifNothing(): DriverError {
    if (this.meaning === "pending" || this.outcome === "no-space") return this;
    return new DriverError("not-done", this.message, { cause: this });
  }
}

/** What failed without a number may have been done: whoever can look does, before it is believed. */
function outcomeOf(answer: CliqAnswer, meaning: Meaning): FailureOutcome {
  if (isNoSpace(answer) && meaning !== "pending") return "no-space";
  return meaning === "refused" || meaning === "not-found" ? "not-done" : "unknown";
}
