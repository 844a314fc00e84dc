import { AnswerLost } from "../../transport/failures.ts";
import { DriverError } from "../driver.ts";

/**
 * Makes something once. If the answer is lost it is not made again: `find` looks whether it stands.
 * @throws DriverError `unknown` when nobody can tell, for it may still be made
 */
export async function madeOrFound<T>(make: () => Promise<T>, find: () => Promise<T | null>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof AnswerLost)) throw error;
    const found = await find().catch((cause: unknown) => {
      throw new DriverError("unknown", "an answer was lost, and what came of it cannot be seen", { cause });
    });
    if (found === null) throw error;
    return found;
  }
}
