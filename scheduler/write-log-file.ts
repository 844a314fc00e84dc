import { pino } from "pino";
import type { SchedulerConfig } from "#shared/config.ts";
import { BerthError } from "#shared/errors.ts";
import type { Logger } from "#shared/log.ts";

/**
 * Where is written down who changed what: a file of its own, or else the log, unless nobody is known by name (noauth); null
 * then. Each line is with the system when the answer has left; a file that takes no more is told in the log.
 * Throws E_CONFIG for a file that cannot be opened.
 */
export function openWriteLog({ auditLogFile, auth }: SchedulerConfig, log: Logger): Logger | null {
  if (auditLogFile === "") return auth === "noauth" ? null : log.child({ audit: true });
  try {
    const destination = pino.destination({ dest: auditLogFile, append: true, mkdir: true, mode: 0o600, sync: true });
    destination.on("error", (error: Error) => log.error({ err: error }, "the audit log takes no more lines"));
    return pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
  } catch (cause) {
    throw new BerthError("E_CONFIG", `BERTH_AUDIT_LOG cannot be written: ${auditLogFile}`, { cause });
  }
}
