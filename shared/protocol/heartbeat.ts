import { type Static, Type } from "typebox";
import { BackendId, HostName, LedgerSeq, ZoneName } from "../model/names.ts";
import { Nullable } from "../model/nullable.ts";
import { callType, PROTOCOL_VERSION } from "./message.ts";

export const OpenBackend = Type.Object({
  id: BackendId,
  state: Type.Union([Type.Literal("opening"), Type.Literal("open"), Type.Literal("failed")]),
  error: Nullable(Type.Object({ code: Type.String(), message: Type.String() })),
});
export type OpenBackend = Static<typeof OpenBackend>;

export const MOST_HELD_JOBS = 500;

export const Heartbeat = Type.Object({
  version: Type.Literal(PROTOCOL_VERSION),
  agentId: Type.String({ minLength: 1, maxLength: 128 }),
  zone: ZoneName,
  host: HostName,
  pid: Type.Integer(),
  program: Type.String(),
  startedAtMs: Type.Integer(),
  backends: Type.Array(OpenBackend),
  jobsInHand: Type.Integer({ minimum: 0 }),
  /** Those that it has had for a while, the oldest first; absent: it does not tell. */
  heldJobs: Type.Optional(Type.Array(Type.String({ maxLength: 200 }), { maxItems: MOST_HELD_JOBS })),
  /** The last one before it leaves: it is gone at once, not after three silent beats. */
  leaving: Type.Boolean(),
});
export type Heartbeat = Static<typeof Heartbeat>;

export const HeartbeatAnswer = Type.Object({
  accepted: Type.Boolean(),
  /** Why not, for the agent's log: an unknown zone, a newer protocol. */
  refusal: Nullable(Type.String()),
  schedulerId: Type.String(),
  /** Everything at or before it is durable: the `asOf` of measurements begun from now on. */
  ledgerSeq: LedgerSeq,
  /** Changes when the catalogue does: then the agent asks for its zone's backends. */
  catalogueRevision: Type.String(),
  intervalMs: Type.Integer({ minimum: 1 }),
});
export type HeartbeatAnswer = Static<typeof HeartbeatAnswer>;

export const heartbeatCall = callType("heartbeat", Heartbeat, HeartbeatAnswer);
