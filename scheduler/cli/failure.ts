import { BerthError, ERROR_CATALOGUE, type ErrorCode } from "#shared/errors.ts";
import { type ExitCode, exitCodeOf } from "./exit-codes.ts";

export interface FailureOptions extends ErrorOptions {
  /** What to type or do next; absent: what the catalogue says for the code; null: see the command's help. */
  readonly next?: string | null;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly requestId?: string;
}

/** Why a command ends with another code than 0. Whatever is printed about it is in here. */
export class Failure extends Error {
  /** From the catalogue, or one that only a newer scheduler knows. */
  readonly code: string;
  /** null: see the help of the command that was typed. */
  readonly next: string | null;
  readonly details: Readonly<Record<string, unknown>>;
  readonly exitCode: ExitCode;
  readonly requestId: string | null;

  constructor(
    code: string,
    exitCode: ExitCode,
    message: string,
    options: FailureOptions & { readonly next: string | null },
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "Failure";
    this.code = code;
    this.exitCode = exitCode;
    this.next = options.next;
    this.details = options.details ?? {};
    this.requestId = options.requestId ?? null;
  }
}

export function failure(code: ErrorCode, message: string, options: FailureOptions = {}): Failure {
  return new Failure(code, exitCodeOf(code), message, {
    ...options,
    next: options.next === undefined ? ERROR_CATALOGUE[code].next : options.next,
  });
}

/** The user's words cannot be meant so: exit code 2. */
export function usageFailure(message: string, next: string | null = null): Failure {
  return failure("E_BAD_REQUEST", message, { next });
}

export function asFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  if (thrown instanceof BerthError)
    return failure(thrown.code, thrown.message, { cause: thrown, next: thrown.next, details: thrown.details });
  return failure("E_INTERNAL", thrown instanceof Error ? thrown.message : String(thrown), {
    cause: thrown,
    next: "This is a fault in `berth`; please report it with the command that you typed.",
  });
}

/** What only operators are told beside what was asked for; null for whoever is not one. */
export async function ifOperator<T>(asking: Promise<T>): Promise<T | null> {
  return await asking.catch((error: unknown) => {
    if (error instanceof Failure && error.code === "E_FORBIDDEN") return null;
    throw error;
  });
}
