import { type Static, Type } from "typebox";
import { ConnectionInfo } from "../model/attachment.ts";
import { MAX_GROUP_MEMBERS } from "../model/group.ts";
import { JobId, Outcome } from "../model/job.ts";
import { BackendId, LedgerSeq, Uuid } from "../model/names.ts";
import { Nullable } from "../model/nullable.ts";
import { Operation } from "../model/operation.ts";
import { callType, PROTOCOL_VERSION } from "./message.ts";

/** What came of a job. Repeated by the agent until it is answered as committed; only then is the job acknowledged. */
export const JobResult = Type.Object({
  version: Type.Literal(PROTOCOL_VERSION),
  jobId: JobId,
  attempt: Type.Integer({ minimum: 1 }),
  agentId: Type.String(),
  backendId: BackendId,
  /** What was done, echoed: a job that nobody waits for any more may have made something that must go again. */
  operation: Operation,
  outcome: Outcome,
  error: Nullable(Type.Object({ code: Type.String(), message: Type.String({ maxLength: 4000 }) })),
  /** null: leave what is recorded. */
  providerId: Nullable(Type.String({ maxLength: 1024 })),
  properties: Nullable(Type.Record(Type.String(), Type.String())),
  /** Of a copy: it cannot be without what it was made from. Absent: that is not said, and what is recorded stays. */
  dependsOnSource: Type.Optional(Type.Boolean()),
  /** Of several objects made at once: what is to be kept of each. */
  objects: Type.Optional(
    Type.Array(
      Type.Object({
        id: Uuid,
        providerId: Nullable(Type.String({ maxLength: 1024 })),
        properties: Nullable(Type.Record(Type.String(), Type.String())),
      }),
      { maxItems: MAX_GROUP_MEMBERS },
    ),
  ),
  connectionInfo: Nullable(ConnectionInfo),
  durationMs: Type.Number({ minimum: 0 }),
});
export type JobResult = Static<typeof JobResult>;

export const resultCall = callType(
  "job result",
  JobResult,
  Type.Object({
    /** The ledger holds it, or has no use for it: either way the job may be acknowledged. */
    committed: Type.Boolean(),
    ledgerSeq: LedgerSeq,
  }),
);
