import { setTimeout as pause } from "node:timers/promises";
import { BerthError } from "#shared/errors.ts";

const LOOK_EVERY_MS = 20;
/** For what should take a second: a machine may be busy, and nothing here measures speed. */
export const BOUND_MS = 25_000;

/**
 * Looks again and again until there is something: the first answer that is neither undefined, null nor false. What
 * `look` throws counts as "not yet", and the last of it is the cause of the E_TIMEOUT when the bound has passed.
 */
export async function until<T>(
  what: string,
  look: () => Promise<T> | T,
  boundMs: number = BOUND_MS,
): Promise<NonNullable<Exclude<T, false>>> {
  const endMs = performance.now() + boundMs;
  let cause: unknown;
  for (;;) {
    try {
      const found = await look();
      if (isThere(found)) return found;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > endMs)
      throw new BerthError("E_TIMEOUT", `not within ${boundMs} ms: ${what}${causeText(cause)}`, { cause });
    await pause(LOOK_EVERY_MS);
  }
}

function isThere<T>(found: T): found is NonNullable<Exclude<T, false>> {
  return found !== undefined && found !== null && found !== false;
}

function causeText(cause: unknown): string {
  return cause instanceof Error ? ` (${cause.message})` : "";
}
