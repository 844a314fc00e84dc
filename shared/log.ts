import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers } from "pino";
import { BerthError } from "./errors.ts";

export type { Logger } from "pino";

/** Paths that may hold secrets whatever wraps them; `Secret` values print themselves as hidden anyway. */
const REDACTED = [
  "auth_password",
  "*.auth_password",
  "*.*.auth_password",
  "password",
  "*.password",
  'headers["x-auth-token"]',
  '*.headers["x-auth-token"]',
];

/** One line of JSON an event, on stdout if nothing else is said. Errors print their whole chain of causes, each with its own message only. */
export function createLog(
  name: string,
  level: string,
  bindings: Readonly<Record<string, unknown>> = {},
  destination: DestinationStream = pino.destination(1),
): Logger {
  const options: LoggerOptions = {
    name,
    level,
    redact: { paths: REDACTED, censor: "[secret]" },
    serializers: { err: errorChain },
    base: { ...bindings },
  };
  return pino(options, destination);
}

function errorChain(thrown: unknown): object {
  if (!(thrown instanceof Error)) return { message: String(thrown) };
  const chain: object[] = [];
  let cause: unknown = thrown.cause;
  for (let depth = 0; depth < 5 && cause instanceof Error; depth++) {
    chain.push({ type: cause.name, message: cause.message });
    cause = cause.cause;
  }
  const known = thrown instanceof BerthError;
  return {
    type: thrown.name,
    ...(known ? { code: thrown.code } : {}),
    message: thrown.message,
    ...(chain.length > 0 ? { causes: chain } : {}),
    // A known error says all there is to say; the stack is for what nobody foresaw.
    ...(known ? {} : { stack: stdSerializers.err(thrown).stack }),
  };
}
