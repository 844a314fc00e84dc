import { BerthError } from "#shared/errors.ts";
import type { Group, GroupSnapshot } from "#shared/model/group.ts";
import { requireGroupAllows, requireGroupSnapshotAllows } from "./allowed.ts";
import type { Commands, Moment } from "./commands.ts";
import { currentJob, findGroup, findGroupSnapshot } from "./find.ts";
import { toldAtOnce } from "./history.ts";
import type { State } from "./state.ts";

/**
 * A person says what a group is. It stands nowhere itself, so its volumes have the last word: it is available only while
 * all that is in it stays.
 */
export function resetGroup(state: State, input: Commands["group.reset"]["input"], moment: Moment): Group {
  const { to } = input;
  const group = findGroup(state, input.id, input.scope);
  if (group.status === to) return group;
  requireGroupAllows(to === "error" ? "reset to error" : "reset to available", group);
  const going = state.membersOf(group.id).find(({ status }) => NOT_STAYING.has(status));
  if (going !== undefined)
    throw new BerthError(
      "E_CONFLICT",
      `volume ${going.id} of group ${group.id} is ${going.status}: wait until it is not`,
    );
  const reset: Group = { ...noted(state, group, "group.reset", input, moment), status: to };
  state.put("group", reset);
  return reset;
}

/** One whose snapshots could not all be taken stays in `error`: what there was of it is being removed. */
export function resetGroupSnapshot(
  state: State,
  input: Commands["group-snapshot.reset"]["input"],
  moment: Moment,
): GroupSnapshot {
  const { to } = input;
  const taken = findGroupSnapshot(state, input.id, input.scope);
  if (taken.status === to) return taken;
  requireGroupSnapshotAllows(to === "error" ? "reset to error" : "reset to available", taken);
  const lost = state.snapshotsOfGroup(taken.id).find(({ status }) => status !== "available");
  if (to === "available" && (lost !== undefined || currentJob(state, taken) !== undefined))
    throw new BerthError(
      "E_CONFLICT",
      `snapshot ${lost?.id} of group snapshot ${taken.id} is ${lost?.status}: nothing brings it back, delete the group snapshot`,
    );
  const reset: GroupSnapshot = { ...noted(state, taken, "group-snapshot.reset", input, moment), status: to };
  state.put("group-snapshot", reset);
  return reset;
}

const NOT_STAYING: ReadonlySet<string> = new Set(["creating", "deleting", "error_deleting", "error"]);

type Resettable = { readonly id: string; readonly historyCount: number; readonly status: string };

function noted<T extends Resettable>(
  state: State,
  object: T,
  operation: string,
  { to, userId, requestId }: Commands["group.reset"]["input"],
  moment: Moment,
): T {
  const detail = `from ${object.status} to ${to}`;
  const told = toldAtOnce(state, object, { operation, userId, requestId, detail }, moment);
  return { ...told, lastError: null, updatedAtMs: moment.nowMs };
}
