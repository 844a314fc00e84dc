import { DriverError } from "./driver.ts";

/** A step of work that has left something already: whatever it says, it is not as if nothing had been done. */
export async function begun<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof DriverError) || error.outcome === "unknown") throw error;
    throw new DriverError("unknown", error.message, { cause: error, code: error.code });
  }
}
