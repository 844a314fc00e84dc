import { type Static, Type } from "typebox";
import { JobId } from "../model/job.ts";
import { BackendId } from "../model/names.ts";
import { Operation } from "../model/operation.ts";
import { Side } from "../model/replication.ts";
import { callType, messageType, PROTOCOL_VERSION } from "./message.ts";

export const JobMessage = Type.Object({
  version: Type.Literal(PROTOCOL_VERSION),
  jobId: JobId,
  /** The result carries it back; the scheduler ignores results of another attempt. */
  attempt: Type.Integer({ minimum: 1 }),
  backendId: BackendId,
  /** Done only by who has this side of the backend open. Absent: its own. */
  side: Type.Optional(Side),
  operation: Operation,
  /** For one try, by the agent's own clock from when it took the job. */
  timeoutMs: Type.Integer({ minimum: 1 }),
  requestId: Type.String(),
});
export type JobMessage = Static<typeof JobMessage>;
export const jobMessage = messageType("job", JobMessage);

/** An agent asks before it does what cannot be mended: does the scheduler await this attempt still? */
export const awaitedCall = callType(
  "awaited job",
  Type.Object({ jobId: JobId, attempt: Type.Integer({ minimum: 1 }) }),
  Type.Object({ awaited: Type.Boolean() }),
);
