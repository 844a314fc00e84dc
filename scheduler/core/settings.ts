import type { OperationKind } from "#shared/model/operation.ts";

/** The times the core goes by, all settings (shared/config.ts), none hidden in the code. */
export interface CoreSettings {
  readonly heartbeatIntervalMs: number;
  /** An agent silent for so many heartbeats is down. */
  readonly missedHeartbeats: number;
  readonly reportMaxAgeMs: number;
  /** How long a volume may wait, unplaced, for an agent or a report to return. */
  readonly placementDeadlineMs: number;
  /** How long a passing state may last. */
  readonly operationDeadlineMs: number;
  /** How long an agent may take for one try. */
  readonly jobTimeoutMs: number;
  readonly retryBaseMs: number;
  readonly retryMaxMs: number;
  /** A job in hand is offered to the queue again after this; the queue refuses what it still has. */
  readonly resendIntervalMs: number;
  readonly idempotencyTtlMs: number;
  readonly tombstoneTtlMs: number;
  /** How long users are told why something failed. */
  readonly messageTtlMs: number;
  /** An agent that is down for so long is no longer listed. */
  readonly forgetAgentMs: number;
}

export const DEFAULT_CORE_SETTINGS: CoreSettings = {
  heartbeatIntervalMs: 2_000,
  missedHeartbeats: 3,
  reportMaxAgeMs: 120_000,
  placementDeadlineMs: 60_000,
  operationDeadlineMs: 600_000,
  jobTimeoutMs: 120_000,
  retryBaseMs: 500,
  retryMaxMs: 60_000,
  resendIntervalMs: 15_000,
  idempotencyTtlMs: 24 * 3_600_000,
  tombstoneTtlMs: 7 * 24 * 3_600_000,
  messageTtlMs: 30 * 24 * 3_600_000,
  forgetAgentMs: 24 * 3_600_000,
};

/** Attaching goes before other work of a backend: a machine waits for it to boot. */
export function isUrgent(kind: OperationKind): boolean {
  return kind.startsWith("attachment.");
}
