import { BerthError } from "#shared/errors.ts";
import { CommandFailed } from "../../transport/command.ts";
import { errorCode } from "../../transport/files.ts";
import { DriverError, type FailureOutcome, LeaseLost } from "../driver.ts";

/** Runs a driver's step; what it throws becomes a failure that says what it left. `otherwise`: when it is not told. */
export async function explained<T>(what: string, otherwise: FailureOutcome, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof DriverError || error instanceof LeaseLost) throw error;
    if (isNoSpace(error)) throw new DriverError("no-space", `no space left to ${what}`, { cause: error });
    const code = error instanceof BerthError ? { code: error.code } : {};
    throw new DriverError(otherwise, `could not ${what}`, { cause: error, ...code });
  }
}

/** The file system's own word, or qemu-img's (in the C locale). */
function isNoSpace(error: unknown): boolean {
  if (error instanceof CommandFailed) return /No space left on device|Disk quota exceeded/.test(error.stderr);
  return ["ENOSPC", "EDQUOT"].includes(errorCode(error) ?? "");
}
