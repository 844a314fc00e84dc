import type { BerthError } from "#shared/errors.ts";
import type { ErrorView } from "./schemas.ts";

/** Operators see everything, also what nobody foresaw: they are who repairs it. */
export function operatorErrorBody(error: BerthError, requestId: string): ErrorView {
  const { code, message, next, details } = error;
  return { error: { code, message, next, requestId, details: { ...details } } };
}
