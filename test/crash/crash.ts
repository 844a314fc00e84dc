import type { CrashPoint } from "#shared/crash-point.ts";
import type { Medium } from "./media.ts";
import type { CrashedKind } from "./operations.ts";
import type { LedgerKind } from "./stand.ts";

/**
 * What happens when the point is reached. `kill`: its process is killed. `nats`: nats-server is killed while the process
 * stands still there. `pause`: the process stands still until another has taken over, or for longer than anybody waits
 * for it, and then goes on.
 */
export type CrashKind = "kill" | "nats" | "pause";

export interface Crash {
  readonly operation: CrashedKind;
  readonly medium: Medium;
  readonly ledger: LedgerKind;
  readonly point: CrashPoint;
  /** At which passing of the point. */
  readonly passing: number;
  readonly how: CrashKind;
}

/** How long users had to wait, from the crash on. */
export interface Outage {
  /** Until a request was accepted. */
  readonly answeredMs: number;
  /** Until all was done that was asked for. */
  readonly doneMs: number;
}

export function title({ operation, medium, ledger, point, passing, how }: Crash): string {
  const what = { kill: "kill -9", nats: "kill -9 of nats-server", pause: "SIGSTOP" }[how];
  const where = ledger === "nats" ? "two schedulers" : medium;
  return `${operation} (${where}): ${what} at ${point}${passing === 1 ? "" : `, passing ${passing}`}`;
}
