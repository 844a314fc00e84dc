import { BerthError } from "#shared/errors.ts";

/** What is in use is a bad request here, as the field has it: its sentence first, then who uses it. */
export async function unlessUsed<T>(sentence: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof BerthError) || error.code !== "E_IN_USE") throw error;
    throw new BerthError("E_HAS_DEPENDENTS", `${sentence} ${error.message}`, { cause: error, details: error.details });
  }
}
