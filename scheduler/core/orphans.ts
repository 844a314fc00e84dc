import { BerthError } from "#shared/errors.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import { isInWork, listedRefs } from "./audit.ts";
import type { Commands, ListedReply, Moment } from "./commands.ts";
import { leaveBehind } from "./leftovers.ts";
import { nameToGiveBack } from "./manage.ts";
import { backendState } from "./sides.ts";
import type { State } from "./state.ts";

/** Its space is in the backend's reports already. */
const NO_CLAIM = { virtualBytes: 0, physicalBytes: 0, settledSeq: null };

/** Looks again at each, for time has passed since the audit: what has a record here, or is in work, is left alone. */
export function removeOrphans(state: State, input: Commands["audit.remove"]["input"], moment: Moment): ListedReply {
  const { backendId, objects, reason, requestId } = input;
  if (state.backend(backendId) === undefined)
    throw new BerthError("E_NOT_FOUND", `there is no backend ${backendId} in the catalogue`);
  const done: string[] = [];
  const passed: { id: string; why: string }[] = [];
  for (const object of objects) {
    const why = refusal(state, backendId, object);
    if (why !== null) {
      passed.push({ id: object.id, why });
      continue;
    }
    const giveBack = nameToGiveBack(state, backendId, object, moment);
    leaveBehind(
      state,
      {
        ...listedRefs(object, state),
        backendId,
        claim: NO_CLAIM,
        reason: reason.slice(0, 255),
        ...(giveBack === null ? {} : { giveBack }),
      },
      requestId,
      moment,
    );
    done.push(object.id);
  }
  if (done.length > 0) state.emit({ kind: "audit-mended", backendId, what: "orphan", count: done.length });
  return { done, passed };
}

function refusal(state: State, backendId: number, { kind, id }: ListedObject): string | null {
  if (backendState(state, backendId).frozen !== null) return "its backend is frozen";
  const record = kind === "volume" ? state.volumeOfObject(id) : state.get("snapshot", id);
  const holds = record !== undefined && record.backendId === backendId && record.status !== "error";
  if (holds) return "it has a record";
  return isInWork(state, id) ? "a job is at work on it" : null;
}
