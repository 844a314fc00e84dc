import { createLog, type Logger } from "#shared/log.ts";

/** A log that says everything, and keeps what it said: to look for what it must not say. */
export function recordingLog(): { readonly log: Logger; readonly lines: readonly string[] } {
  const lines: string[] = [];
  return { log: createLog("test", "trace", {}, { write: (line) => void lines.push(line) }), lines };
}
