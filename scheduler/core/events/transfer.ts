import type { HistoryEntry } from "#shared/model/history.ts";
import type { Transfer } from "#shared/model/transfer.ts";
import type { Told } from "./told.ts";

/** Told to the project that offers; whoever gets the volume is told of that by its own. `histories`: of this decision. */
export function transferEvents(
  before: Transfer | null,
  after: Transfer | null,
  histories: ReadonlyMap<string, readonly HistoryEntry[]>,
): Told[] {
  const transfer = after ?? before;
  if (transfer === null) return [];
  const { id, name, volumeId, projectId, userId, requestId, accepted } = transfer;
  const asked = histories.get(volumeId)?.at(-1);
  const record = {
    ...{ id, projectId },
    requestedBy: asked?.userId ?? userId,
    requestId: asked?.requestId ?? requestId,
  };
  const object = {
    ...{ kind: "transfer" as const, id, name, volumeId },
    ...(accepted === null ? {} : { toProjectId: accepted.projectId }),
  };
  const told = { record, object, error: null };
  if (before === null) return [{ ...told, type: "transfer.create.end" }];
  if (after === null) return before.accepted === null ? [{ ...told, type: "transfer.delete.end" }] : [];
  return before.accepted === null && after.accepted !== null ? [{ ...told, type: "transfer.accept.end" }] : [];
}
