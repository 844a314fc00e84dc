import { type Static, Type } from "typebox";
import { BackendId, Bytes, EpochMs, HostName, UserId, Uuid, ZoneName } from "./names.ts";
import { Nullable } from "./nullable.ts";
import { Operation } from "./operation.ts";
import { Side } from "./replication.ts";

/** Derived from its object's id and a count, so that a repeated decision gives the same id. It ends the job's subject. */
export const JobId = Type.String({ pattern: "^[a-z0-9-]{1,100}$" });

/** Whose job it is: the record that waits for the result. */
export const JobOwner = Type.Object({
  kind: Type.Union([
    Type.Literal("volume"),
    Type.Literal("snapshot"),
    Type.Literal("attachment"),
    Type.Literal("leftover"),
    /** What stands beside an object and says whose it is; `id` is the object's. */
    Type.Literal("mark"),
    Type.Literal("group-snapshot"),
    /** Its id is that of the backend's state. */
    Type.Literal("backend"),
  ]),
  id: Type.String(),
});
export type JobOwner = Static<typeof JobOwner>;

/** One unit of work for an agent. It lives from the commit that decides it to the commit of its final result. */
export const Job = Type.Object({
  id: JobId,
  owner: JobOwner,
  operation: Operation,
  backendId: BackendId,
  zone: ZoneName,
  /** Work tied to one host goes to that host's agents only; null: any agent of the zone. */
  host: Nullable(HostName),
  /** Jobs that share a key never run at once: work on a volume, its snapshots and clones of it. */
  serialKeys: Type.Array(Uuid),
  /** The side of its backend that it was decided for: it leaves only while that is in force. Absent: the own one. */
  side: Type.Optional(Side),
  attempt: Type.Integer({ minimum: 1 }),
  /** In hand: given to the zone's queue. Otherwise it waits in the ledger for a slot of its backend. */
  dispatched: Type.Boolean(),
  /** After an `unknown` or failed try: not before this. */
  notBeforeMs: EpochMs,
  /** When its passing state ends at the latest; null: clean-up work that is tried for ever, at a bounded rate. */
  deadlineMs: Nullable(EpochMs),
  /** How long an agent may take for one try, counted from where it last got on if it tells its progress. */
  timeoutMs: Type.Integer({ minimum: 1 }),
  /** Of long work: up to here it is done for good, and another try goes on from there. */
  checkpointBytes: Bytes,
  /** Who asked for it, for the object's history. */
  userId: UserId,
  requestId: Type.String({ maxLength: 128 }),
  createdAtMs: EpochMs,
});
export type Job = Static<typeof Job>;

/** `done`; nothing was made; there was no room; or it cannot be told, so the same backend must be asked again. */
export const Outcome = Type.Union([
  Type.Literal("done"),
  Type.Literal("not-done"),
  Type.Literal("no-space"),
  Type.Literal("unknown"),
]);
export type Outcome = Static<typeof Outcome>;
