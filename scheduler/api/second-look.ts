import { RoomRefusal } from "../core/fixed-placement.ts";
import type { ApiDependencies } from "./dependencies.ts";

/** As often the backend is measured for one request; where work is under way all the time each report is doubtful anew. */
const LOOKS = 3;

/**
 * For work that has no choice of backend, and no time to wait as a new volume has: if the backend lacks room only because
 * space may be counted twice (for what was under way at the last report), it is measured and the decision is taken again.
 * Throws what `submit` throws.
 */
export async function withSecondLook<T>({ measureNow }: ApiDependencies, submit: () => Promise<T>): Promise<T> {
  for (let looks = 0; ; looks++) {
    try {
      return await submit();
    } catch (error) {
      if (!(error instanceof RoomRefusal) || !error.isDoubtful || looks === LOOKS) throw error;
      try {
        await measureNow(error.backendId);
      } catch {
        // What is known says no, and nobody can tell better.
        throw error;
      }
    }
  }
}
