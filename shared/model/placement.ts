import { type Static, Type } from "typebox";
import { BackendId, EpochMs, SizeGib, Uuid, ZoneName } from "./names.ts";
import { Nullable } from "./nullable.ts";

/** Why a backend was passed over. Closed: a new reason needs a sentence (`reasonText`) and a test. */
export const REASONS = [
  "wrong-zone",
  "disabled",
  "draining",
  "frozen",
  "failed-over",
  "source-elsewhere",
  "group-elsewhere",
  "already-tried",
  "hint-pending",
  "same-backend",
  "different-backend",
  "agent-down",
  "backend-down",
  "no-report",
  "report-old",
  "capability-missing",
  "spec-mismatch",
  "capacity-unknown",
  "object-limit",
  "not-enough-free",
] as const;
export const Reason = Type.Union(REASONS.map((reason) => Type.Literal(reason)));
export type Reason = (typeof REASONS)[number];

/** These heal by themselves when an agent or a report returns, or a volume that is still being made stands: a request waits for them until its deadline. */
export const HEALING_REASONS: ReadonlySet<Reason> = new Set<Reason>([
  "agent-down",
  "backend-down",
  "no-report",
  "report-old",
  "hint-pending",
]);

/** Which of the sums of `scheduler/core/capacity.ts` decided, so that the numbers can be checked by hand. */
export const Constraint = Type.Union([
  Type.Literal("physical"),
  Type.Literal("provisioned"),
  Type.Literal("backend-limit"),
  Type.Literal("no-space-answer"),
  Type.Literal("objects"),
  Type.Literal("unlimited"),
]);
export type Constraint = Static<typeof Constraint>;

/**
 * The sum that decided, with its terms, so that a person can check it (`formulaText` writes it out). All in bytes,
 * except for `objects`, which counts objects. A term that the constraint does not use is null.
 */
export const Arithmetic = Type.Object({
  constraint: Constraint,
  needed: Type.Number(),
  available: Nullable(Type.Number()),
  total: Nullable(Type.Number()),
  free: Nullable(Type.Number()),
  reserved: Nullable(Type.Number()),
  ratio: Nullable(Type.Number()),
  provisioned: Nullable(Type.Number()),
  unmeasured: Nullable(Type.Number()),
});
export type Arithmetic = Static<typeof Arithmetic>;

export const Verdict = Type.Object({
  backendId: BackendId,
  backendName: Type.String(),
  fits: Type.Boolean(),
  reason: Nullable(Type.Unsafe<Reason>(Reason)),
  /** What the reason is about: the zone, who disabled it and why, the missing capability, the agent's error. */
  detail: Nullable(Type.String()),
  arithmetic: Nullable(Arithmetic),
  reportAgeMs: Nullable(Type.Number()),
});
export type Verdict = Static<typeof Verdict>;

/** One round of placing, kept with the volume: the answer to "why there?" and "why not?" at any later time. */
export const PlacementRecord = Type.Object({
  volumeId: Uuid,
  round: Type.Integer({ minimum: 1 }),
  atMs: EpochMs,
  flavorName: Type.String(),
  requestedZone: Nullable(ZoneName),
  sizeGib: SizeGib,
  chosenBackendId: Nullable(BackendId),
  verdicts: Type.Array(Verdict),
});
export type PlacementRecord = Static<typeof PlacementRecord>;
