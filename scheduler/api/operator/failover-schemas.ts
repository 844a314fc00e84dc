import { type Static, Type } from "typebox";
import { FailoverPhase, Frozen } from "#shared/model/backend-state.ts";
import { LastError } from "#shared/model/error-record.ts";
import { Description } from "#shared/model/names.ts";
import { Nullable } from "#shared/model/nullable.ts";
import { ReplicationStatus } from "#shared/model/replication.ts";
import { parser } from "#shared/schema.ts";

const STRICT = { additionalProperties: false } as const;

/** A target's name, or `default`: back to the backend's own side. */
export const FailoverBody = Type.Object({ to: Type.String({ minLength: 1, maxLength: 64 }) }, STRICT);
export type FailoverBody = Static<typeof FailoverBody>;
export const FreezeBody = Type.Object({ reason: Type.Optional(Description) }, STRICT);
export type FreezeBody = Static<typeof FreezeBody>;

/** What a volume of the backend is on the side in force. */
export const FailoverVolume = Type.Object({
  id: Type.String(),
  name: Type.String(),
  status: Type.String(),
  replicationStatus: Nullable(ReplicationStatus),
  /** The side where it stands, and the state that it has again when that is in force; null: it is usable here. */
  aside: Nullable(Type.Object({ side: Type.String(), status: Type.String() })),
  error: Nullable(Type.String()),
});
export type FailoverVolume = Static<typeof FailoverVolume>;

export const FailoverAnswer = Type.Object({
  backend: Type.Object({ id: Type.Integer(), name: Type.String() }),
  /** The side in force. */
  side: Type.String(),
  targets: Type.Array(Type.String()),
  /** null: none is under way. */
  failover: Nullable(
    Type.Object({ to: Type.String(), phase: FailoverPhase, startedAt: Type.String(), overdue: Type.Boolean() }),
  ),
  frozen: Nullable(Frozen),
  lastError: Nullable(LastError),
  /** Of all its volumes: usable on this side, and put aside until another is in force. */
  usable: Type.Integer(),
  aside: Type.Integer(),
  /** Those put aside first; at most `FAILOVER_VOLUMES_TOLD`. */
  volumes: Type.Array(FailoverVolume),
});
export type FailoverAnswer = Static<typeof FailoverAnswer>;
export const failoverAnswers = parser(FailoverAnswer, "failover");
export const FAILOVER_VOLUMES_TOLD = 1000;
