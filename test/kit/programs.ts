import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");
export const PROGRAMS = { scheduler: join(ROOT, "scheduler/main.ts"), agent: join(ROOT, "agent/main.ts") } as const;

/** Short, so that tests need not wait; and long enough for a busy machine not to take a slow agent for a dead one. */
const SHORT_SETTINGS: Readonly<Record<string, string>> = {
  BERTH_HEARTBEAT_INTERVAL_MS: "500",
  BERTH_ACK_WAIT_MS: "1500",
  BERTH_TICK_INTERVAL_MS: "100",
  BERTH_REPORT_INTERVAL_MS: "1000",
  BERTH_EXPORT_LOOK_MS: "1000",
  BERTH_REPORT_AFTER_WORK_MS: "50",
  BERTH_RETRY_BASE_MS: "50",
  BERTH_RETRY_MAX_MS: "500",
  BERTH_RESEND_INTERVAL_MS: "1000",
  BERTH_DRAIN_MS: "2000",
  BERTH_PLACEMENT_DEADLINE_MS: "20000",
};

export const CRASH_ORDER_FILE = "crash-order";

/** Of all programs of an installation. Who wants one of them to crash lays an order into its folder. */
export function commonSettings(folder: string, natsUrl: string): Readonly<Record<string, string>> {
  return {
    ...SHORT_SETTINGS,
    BERTH_NATS_URL: natsUrl,
    BERTH_DATA: folder,
    BERTH_CRASH_ORDER: join(folder, CRASH_ORDER_FILE),
  };
}
