import { formatDuration } from "#shared/units.ts";
import type { HistoryView } from "../../api/operator/history-schemas.ts";
import type { Tone } from "../output/style.ts";
import type { Column } from "../output/table.ts";
import type { Session } from "../session.ts";
import { instantText } from "../views.ts";

const COLUMNS: readonly Column<HistoryView>[] = [
  { title: "when", whole: true, cell: ({ startedAt }) => instantText(startedAt) },
  { title: "what", whole: true, cell: ({ operation }) => ({ text: operation, tone: "strong" }) },
  { title: "who", cell: ({ userId }) => userId },
  { title: "took", align: "right", cell: ({ durationMs }) => formatDuration(durationMs) },
  { title: "result", whole: true, cell: ({ result }) => ({ text: result, tone: TONES[result] }) },
  { title: "backend", cell: ({ backend }) => backend ?? "-" },
  { title: "detail", cell: ({ detail, error }) => [detail, error?.message].filter(Boolean).join(": ") },
];

const TONES: Readonly<Record<HistoryView["result"], Tone>> = { done: "good", failed: "bad", running: "busy" };

/** What was done with one object, oldest first. */
export async function showHistory(
  { client, output }: Session,
  kind: "volumes" | "snapshots" | "backends",
  id: string,
): Promise<void> {
  const answer = await client.get(client.operatorPath(kind, id, "history"), (a) => a.HistoryAnswer);
  output.result({
    json: answer,
    ids: answer.entries.map(({ requestId }) => requestId),
    text: () => (answer.entries.length === 0 ? "" : output.table(COLUMNS, answer.entries)),
  });
  if (answer.entries.length === 0) output.remark("Nothing is told of it yet.");
}
