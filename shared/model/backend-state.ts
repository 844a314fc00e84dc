import { type Static, Type } from "typebox";
import { LastError } from "./error-record.ts";
import { BackendId, BytesPerS, Description, EpochMs, LedgerSeq, UserId } from "./names.ts";
import { Nullable } from "./nullable.ts";
import { Side } from "./replication.ts";

/**
 * `closing`: no job leaves, and those in hand come to an end. `switching`: agents open the other side, and one of them
 * has it take over. `looking`: what stands there is listed; then what each volume becomes is decided, in one commit.
 */
export const FailoverPhase = Type.Union([Type.Literal("closing"), Type.Literal("switching"), Type.Literal("looking")]);
export type FailoverPhase = Static<typeof FailoverPhase>;

export const Failover = Type.Object({
  to: Side,
  phase: FailoverPhase,
  userId: UserId,
  requestId: Type.String({ maxLength: 128 }),
  startedAtMs: EpochMs,
  /** It has lasted too long. It goes on; its `lastError` says so. */
  overdue: Type.Boolean(),
});
export type Failover = Static<typeof Failover>;

export const Frozen = Type.Object({ reason: Description, by: UserId, atMs: EpochMs });
export type Frozen = Static<typeof Frozen>;

/** Every volume of a drained backend is moved away by moves like any other, a bounded number at once. */
export const Evacuation = Type.Object({
  atOnce: Type.Integer({ minimum: 1, maximum: 64 }),
  bandwidthLimitBytesPerS: Nullable(BytesPerS),
  userId: UserId,
  /** Its moves bear it: one that failed is tried again only when it is asked for again. */
  requestId: Type.String({ maxLength: 128 }),
  startedAtMs: EpochMs,
  moved: Type.Integer({ minimum: 0 }),
  /** null: it goes on. */
  endedAtMs: Nullable(EpochMs),
});
export type Evacuation = Static<typeof Evacuation>;

/** What happened to a backend while it ran, as against what operators declare of it. None: it is on its own side, and thawed. */
export const BackendState = Type.Object({
  id: Type.String({ pattern: "^backend-[1-9][0-9]*$" }),
  backendId: BackendId,
  /** The side in force: what records say stands there. */
  side: Side,
  failover: Nullable(Failover),
  frozen: Nullable(Frozen),
  /** The last one; absent: there was none. */
  evacuation: Type.Optional(Evacuation),
  /** The commit of its last change of side or phase: by it agents notice that they must ask anew. */
  changedSeq: LedgerSeq,
  jobCount: Type.Integer({ minimum: 0 }),
  historyCount: Type.Integer({ minimum: 0 }),
  lastError: Nullable(LastError),
});
export type BackendState = Static<typeof BackendState>;

export function backendStateId(backendId: number): string {
  return `backend-${backendId}`;
}
