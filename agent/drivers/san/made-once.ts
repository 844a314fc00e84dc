import { AnswerLost, NotAdmitted, Unreachable } from "../../transport/failures.ts";
import { pauseFor, pauseMs } from "../../transport/tries.ts";
import { type CallContext, DriverError } from "../driver.ts";

/** The system refused, and what was wanted may stand already: made by an earlier try, or by somebody else. */
export class DoubtfulRefusal extends DriverError {
  /** What it comes to once it is seen that nothing stands. */
  get ifNothing(): DriverError {
    return this;
  }
}

/** The name is taken. */
export class NameTaken extends DoubtfulRefusal {
  constructor(name: string, options: ErrorOptions = {}) {
    super("not-done", `there is a ${name} already`, options);
    this.name = "NameTaken";
  }
}

/** Where lists may lack for a while what was just made. */
export interface LateLists {
  readonly context: CallContext;
  readonly lookMs: number;
}

/**
 * Does something once. If its answer is lost, or it is refused as what is done already is, it is not done again: `look`
 * tells what stands (null: nothing, it is not as it was wanted).
 * @throws DriverError `unknown` when nobody can tell, for it may still be done
 */
export async function doneOrFound<T>(
  change: () => Promise<T>,
  look: () => Promise<T | null>,
  late?: LateLists,
): Promise<T> {
  try {
    return await change();
  } catch (error) {
    const isLost = error instanceof AnswerLost;
    if (!isLost && !(error instanceof DoubtfulRefusal)) throw error;
    const found = await looked(look, isLost ? late : undefined);
    if (found !== null) return found;
    throw error instanceof DoubtfulRefusal ? error.ifNothing : error;
  }
}

/** The same of what gives nothing. */
export async function doneOrStands(change: () => Promise<unknown>, stands: () => Promise<boolean>): Promise<void> {
  await doneOrFound<unknown>(change, async () => ((await stands()) ? true : null));
}

/** The same of a system that would make a second one: it is looked for before. */
export async function foundOrDone<T>(
  late: LateLists,
  look: () => Promise<T | null>,
  change: () => Promise<T>,
): Promise<T> {
  return (await look()) ?? (await doneOrFound(change, look, late));
}

async function looked<T>(look: () => Promise<T | null>, late: LateLists | undefined): Promise<T | null> {
  const endMs = performance.now() + (late?.lookMs ?? 0);
  for (let tried = 1; ; tried++) {
    const found = await look().catch((cause: unknown) => {
      // That nothing was sent is true of the look alone.
      if (cause instanceof Unreachable || cause instanceof NotAdmitted || cause instanceof AnswerLost)
        throw new DriverError("unknown", "what came of a call cannot be seen", { cause });
      throw cause;
    });
    if (found !== null || late === undefined || performance.now() >= endMs) return found;
    await pauseFor(late.context.signal, pauseMs(tried));
  }
}
