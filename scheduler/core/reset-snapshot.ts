import { BerthError } from "#shared/errors.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import { requireSnapshotAllows } from "./allowed.ts";
import { isInWork } from "./audit.ts";
import type { Commands, Moment, SnapshotEvidence } from "./commands.ts";
import { findSnapshot } from "./find.ts";
import { toldAtOnce } from "./history.ts";
import { buriedUnder, refuseBuried, wholeGib } from "./reset.ts";
import type { State } from "./state.ts";

/** As `resetVolume`: the backend was looked at before, and has the last word. */
export function resetSnapshot(state: State, input: Commands["snapshot.reset"]["input"], moment: Moment): Snapshot {
  const { to, by, reason, evidence, userId, requestId } = input;
  const snapshot = findSnapshot(state, input.id, input.scope);
  const what = `snapshot ${snapshot.id}`;
  if (snapshot.groupSnapshotId !== null)
    throw new BerthError(
      "E_CONFLICT",
      `${what} belongs to group snapshot ${snapshot.groupSnapshotId}, which is whole or nothing: delete that`,
    );
  if (isInWork(state, snapshot.id))
    throw new BerthError("E_CONFLICT", `a job is at work on ${what}: it goes on by itself`);
  if (snapshot !== evidence.snapshot || buriedUnder(state, snapshot.id).join() !== evidence.buried.join())
    throw new BerthError("E_CONFLICT", `${what} changed while its backend was looked at`);
  const dependents = state.dependents(snapshot.id);
  if (dependents.length > 0) {
    const isRead = state.attachmentsOf(snapshot.id).length > 0;
    const why = isRead ? "has attachment" : "is being copied to volume";
    throw new BerthError("E_IN_USE", `${what} ${why} ${dependents.join(", ")}`, { details: { dependents } });
  }
  const { status: from, backendId } = snapshot;
  const settled =
    to === "error" ? asLost(snapshot, evidence, moment) : asStanding(state, snapshot, evidence.found, moment);
  const done = { operation: "snapshot.reset", userId: by, requestId, detail: `from ${from} to ${to}: ${reason}` };
  const { held: _, ...told } = toldAtOnce(state, settled, done, moment);
  const reset: Snapshot = {
    ...told,
    reset: { from, to, by, reason, atMs: moment.nowMs, backendId },
    requestId,
    requestedBy: userId,
    updatedAtMs: moment.nowMs,
  };
  state.put("snapshot", reset);
  state.emit({
    kind: "operation-ended",
    operation: "snapshot.reset",
    objectId: snapshot.id,
    outcome: "done",
    durationMs: 0,
    requestId,
    error: null,
  });
  return reset;
}

/** What is in `error` holds nothing on its backend. */
function asLost(snapshot: Snapshot, { found }: SnapshotEvidence, moment: Moment): Snapshot {
  requireSnapshotAllows("reset to error", snapshot);
  if (found !== null)
    throw new BerthError(
      "E_CONFLICT",
      `snapshot ${snapshot.id} stands on backend ${snapshot.backendId}${found.whole ? "" : ", in part"}: delete it, if it is of no use`,
    );
  return { ...snapshot, status: "error", claim: { virtualBytes: 0, physicalBytes: 0, settledSeq: moment.seq } };
}

function asStanding(state: State, snapshot: Snapshot, found: SnapshotEvidence["found"], moment: Moment): Snapshot {
  const { id, backendId, status } = snapshot;
  requireSnapshotAllows("reset to available", snapshot);
  if (found === null || !found.whole || found.sizeBytes === null)
    throw new BerthError("E_CONFLICT", `backend ${backendId} does not hold snapshot ${id}`);
  refuseBuried(state, `snapshot ${id}`, id, backendId);
  const sizeGib = wholeGib(found);
  if (status === "available" && snapshot.sizeGib === sizeGib && snapshot.held === undefined)
    throw new BerthError("E_WRONG_STATE", `snapshot ${id} is available, and stands as recorded`);
  const full = state.space.backend(backendId).measurement?.costs.snapshot === "full";
  return {
    ...snapshot,
    status: "available",
    sizeGib,
    claim: { virtualBytes: found.sizeBytes, physicalBytes: full ? found.sizeBytes : 0, settledSeq: moment.seq },
    providerId: found.providerId,
    properties: found.properties,
    lastError: null,
  };
}
