import { AnswerLost } from "../../transport/failures.ts";
import { pauseFor, pauseMs } from "../../transport/tries.ts";
import type { CallContext } from "../driver.ts";

/**
 * What there is, or else what is made. An answer that was lost is looked for and never asked for again: what was made
 * twice would stand twice, for names are not unique. A list may lack what was just made, so it is looked for as long as
 * `lookMs`; then the failure is told, and whoever tries again begins by looking.
 */
export async function foundOrMade<T>(
  context: CallContext,
  lookMs: number,
  find: () => Promise<T | null>,
  make: () => Promise<T>,
): Promise<T> {
  const standing = await find();
  if (standing !== null) return standing;
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof AnswerLost)) throw error;
    const endMs = performance.now() + lookMs;
    for (let looked = 1; ; looked++) {
      const found = await find();
      if (found !== null) return found;
      if (performance.now() >= endMs) throw error;
      await pauseFor(context.signal, pauseMs(looked));
    }
  }
}
