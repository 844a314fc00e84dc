import { AnswerLost } from "../../transport/failures.ts";
import type { CallContext } from "../driver.ts";
import { isFailure, XenFailure } from "./failure.ts";
import type { XenPool } from "./pool.ts";
import { parsed, type TaskRecord } from "./records.ts";

const WAIT_S = 25.5;
/** A wait at the pool ends by itself; this is for the way there and back. */
const WAIT_TIMEOUT_MS = 40_000;

/**
 * Does a long call as a task of the pool, and tells how far it is as bytes of `totalBytes`. When its time is over, or it is
 * cancelled, so is the task.
 * @returns the reference that it made; "" if it makes none
 * @throws XenFailure why it failed; AnswerLost when the pool no longer knows of it
 */
export async function asTask(
  context: CallContext,
  pool: XenPool,
  { method, params, totalBytes }: { method: string; params: readonly unknown[]; totalBytes: number },
): Promise<string> {
  const task = parsed.text.parse(await pool.call(context, `Async.${method}`, params, { changes: true }));
  try {
    const ended = await follow(context, pool, { method, task, totalBytes });
    await forget(context, pool, "task.destroy", task);
    return resultOf(method, ended);
  } catch (error) {
    if (context.signal.aborted) await forget(withoutEnd(context), pool, "task.cancel", task);
    throw error;
  }
}

async function follow(
  context: CallContext,
  pool: XenPool,
  { method, task, totalBytes }: { method: string; task: string; totalBytes: number },
): Promise<TaskRecord> {
  for (let token = ""; ; ) {
    const batch = await nextEvents(context, pool, task, token);
    token = batch?.token ?? "";
    const last = batch?.events.findLast(({ ref }) => ref === task);
    if (last?.operation === "del" || (token === "" && !(await exists(context, pool, task))))
      throw new AnswerLost(`${method}: the pool no longer knows its task`);
    const record = last?.snapshot;
    if (record === undefined) continue;
    context.progress.tell({ doneBytes: Math.floor(record.progress * totalBytes), totalBytes, checkpointBytes: 0 });
    if (record.status !== "pending" && record.status !== "cancelling") return record;
  }
}

/** null: the pool cannot go on from that token; ask from the beginning. */
async function nextEvents(context: CallContext, pool: XenPool, task: string, token: string) {
  try {
    const params = [[`task/${task}`], token, WAIT_S];
    const options = { changes: false, timeoutMs: WAIT_TIMEOUT_MS };
    const batch = parsed.events.parse(await pool.call(context, "event.from", params, options));
    // From the beginning everything that stands is told: nothing is, so it is gone.
    return token === "" && batch.events.length === 0 ? null : batch;
  } catch (error) {
    if (isFailure(error, "EVENTS_LOST", "EVENT_FROM_TOKEN_PARSE_FAILURE")) return null;
    throw error;
  }
}

async function exists(context: CallContext, pool: XenPool, task: string): Promise<boolean> {
  try {
    await pool.call(context, "task.get_status", [task], { changes: false });
    return true;
  } catch (error) {
    if (isFailure(error, "HANDLE_INVALID")) return false;
    throw error;
  }
}

function resultOf(method: string, { status, result, error_info }: TaskRecord): string {
  const [code = "INTERNAL_ERROR", ...parameters] = error_info;
  if (status !== "success") throw new XenFailure(method, status === "cancelled" ? "TASK_CANCELLED" : code, parameters);
  // An XML-RPC value as text.
  return /<value>(?:<string>)?([^<]*)/.exec(result)?.[1] ?? "";
}

/** The pool forgets tasks by itself, too. */
async function forget(context: CallContext, pool: XenPool, method: string, task: string): Promise<void> {
  await pool.call(context, method, [task], { changes: false }).catch(() => undefined);
}

const CANCEL_WITHIN_MS = 5_000;

function withoutEnd(context: CallContext): CallContext {
  return { ...context, signal: AbortSignal.timeout(CANCEL_WITHIN_MS) };
}
