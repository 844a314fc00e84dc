import { BerthError } from "#shared/errors.ts";
import type { HistoryEntry } from "#shared/model/history.ts";
import type { Job } from "#shared/model/job.ts";
import { formatDuration } from "#shared/units.ts";
import { backendState } from "../../core/sides.ts";
import type { State } from "../../core/state.ts";
import type { Api, ApiDependencies } from "../dependencies.ts";
import { requireBackend } from "./backends.ts";
import { HistoryAnswer, type HistoryView } from "./history-schemas.ts";

/** What was done with an object: who, what, when, how long, what came of it. Also of one that was deleted within a week. */
export function historyRoutes(app: Api, base: string, { engine, nowMs = Date.now }: ApiDependencies): void {
  const { state } = engine;

  app.get<{ Params: { id: string } }>(
    `${base}/backends/:id/history`,
    { schema: { response: { 200: HistoryAnswer } } },
    async ({ params }) => {
      const { id } = backendState(state, requireBackend(state.catalogue.catalogue, params.id).id);
      const ended = await engine.details("history", id);
      const running = jobsOf(state, id).map((job) => runningView(state, job, nowMs()));
      return { id, entries: [...ended.map((entry) => endedView(state, entry)), ...running] };
    },
  );

  for (const [path, kind] of [
    ["volumes", "volume"],
    ["snapshots", "snapshot"],
    ["groups", "group"],
    ["group-snapshots", "group-snapshot"],
  ] as const) {
    app.get<{ Params: { id: string } }>(
      `${base}/${path}/:id/history`,
      { schema: { response: { 200: HistoryAnswer } } },
      async ({ params: { id } }) => {
        const stands = state.get(kind, id) !== undefined;
        if (!stands && state.get("tombstone", id)?.kind !== kind)
          throw new BerthError("E_NOT_FOUND", `There is no ${kind} ${id}, and none was deleted within a week.`);
        const ended = await engine.details("history", id);
        return {
          id,
          entries: [
            ...ended.map((entry) => endedView(state, entry)),
            ...jobsOf(state, id).map((job) => runningView(state, job, nowMs())),
          ],
        };
      },
    );
  }
}

/** What is under way now: the object's own job, and those that let hosts in or out. */
function jobsOf(state: State, id: string): Job[] {
  const owners = [id, ...state.attachmentsOf(id).map((attachment) => attachment.id)];
  return [...state.table("job").values()].filter(({ owner }) => owners.includes(owner.id));
}

function endedView(state: State, entry: HistoryEntry): HistoryView {
  const { operation, detail, userId, requestId, startedAtMs, endedAtMs, error } = entry;
  return {
    operation,
    detail,
    userId,
    requestId,
    backend: backendName(state, entry.backendId),
    startedAt: new Date(startedAtMs).toISOString(),
    durationMs: endedAtMs - startedAtMs,
    result: error === null ? "done" : "failed",
    error: error === null ? null : { code: error.code, message: error.message },
  };
}

function runningView(state: State, job: Job, nowMs: number): HistoryView {
  const durationMs = Math.max(0, nowMs - job.createdAtMs);
  return {
    operation: job.operation.kind,
    detail: job.attempt === 1 ? null : `attempt ${job.attempt}, for ${formatDuration(durationMs)}`,
    userId: job.userId,
    requestId: job.requestId,
    backend: backendName(state, job.backendId),
    startedAt: new Date(job.createdAtMs).toISOString(),
    durationMs,
    result: "running",
    error: null,
  };
}

function backendName(state: State, backendId: number | null): string | null {
  return backendId === null ? null : (state.backend(backendId)?.name ?? String(backendId));
}
