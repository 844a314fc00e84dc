import { DriverError } from "../driver.ts";
import type { CliqAnswer } from "./answer.ts";
import { CliqRefusal } from "./results.ts";

/**
 * A change that was refused, or whose answer was lost, may be one that stands already. So whoever asked for it looks:
 * if it stands it is done. If it does not, a refusal means that nothing was made; after a lost answer nobody knows.
 */
export async function outOrStands(change: Promise<CliqAnswer>, stands: () => Promise<boolean>): Promise<void> {
  try {
    await change;
  } catch (error) {
    if (!(error instanceof DriverError) || (error.outcome === "not-done" && !(error instanceof CliqRefusal)))
      throw error;
    if (await stands()) return;
    if (!(error instanceof CliqRefusal) || error.meaning === "pending" || error.outcome === "no-space") throw error;
    throw new DriverError("not-done", error.message, { cause: error });
  }
}
