import { type Static, Type } from "typebox";
import { Nullable } from "#shared/model/nullable.ts";
import { parser } from "#shared/schema.ts";

export const HistoryView = Type.Object({
  operation: Type.String(),
  detail: Nullable(Type.String()),
  userId: Type.String(),
  requestId: Type.String(),
  backend: Nullable(Type.String()),
  /** ISO 8601, by the scheduler's clock. */
  startedAt: Type.String(),
  durationMs: Type.Integer({ minimum: 0 }),
  result: Type.Union([Type.Literal("done"), Type.Literal("failed"), Type.Literal("running")]),
  error: Nullable(Type.Object({ code: Type.String(), message: Type.String() })),
});
export type HistoryView = Static<typeof HistoryView>;

/** Oldest first; what is under way comes last. */
export const HistoryAnswer = Type.Object({ id: Type.String(), entries: Type.Array(HistoryView) });
export type HistoryAnswer = Static<typeof HistoryAnswer>;
export const historyAnswers = parser(HistoryAnswer, "history");
