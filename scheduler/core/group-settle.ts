import type { Group } from "#shared/model/group.ts";
import type { Volume } from "#shared/model/volume.ts";
import { formatDuration } from "#shared/units.ts";
import type { Moment } from "./commands.ts";
import { currentJob, lastError } from "./find.ts";
import { told } from "./history.ts";
import { BERTH_USER } from "./jobs.ts";
import { removeVolume } from "./removal.ts";
import type { State } from "./state.ts";
import { buryGroup } from "./tombstones.ts";
import type { Failure } from "./work/owner-work.ts";

/**
 * A group has no jobs of its own while it is made or removed: its members have. Its state follows from theirs; so this
 * is asked after every result and on every tick, and doing it twice is doing it once.
 */
export function settleGroups(state: State, moment: Moment): void {
  for (const id of [...state.unsettled]) {
    const group = state.get("group", id);
    if (group === undefined) continue;
    if (group.status === "creating") settleCreating(state, group, moment);
    else settleDeleting(state, group, moment);
  }
}

/** All or none: its volumes become available in one commit, or go again. */
function settleCreating(state: State, group: Group, moment: Moment): void {
  const members = state.membersOf(group.id);
  const failed = members.find(({ status }) => status !== "creating");
  if (failed !== undefined) {
    const message = `volume ${failed.id} could not be made: ${failed.lastError?.message ?? failed.status}`;
    giveUpCreating(state, group, { code: failed.lastError?.code ?? "E_BACKEND_FAILED", message }, moment);
  } else if (members.every((member) => isMade(state, member))) {
    for (const member of members) state.put("volume", { ...member, status: "available", updatedAtMs: moment.nowMs });
    const settled = ended(state, group, "group.create", null, moment);
    state.put("group", { ...settled, status: "available", deadlineMs: null });
  } else if (moment.nowMs >= (group.deadlineMs ?? Number.POSITIVE_INFINITY)) {
    giveUpCreating(state, group, overdue(group, "group.create", moment), moment);
  }
}

/** It waits for the others of its group. */
function isMade(state: State, { id, jobCount, backendId }: Volume): boolean {
  return backendId !== null && currentJob(state, { id, jobCount }) === undefined;
}

function giveUpCreating(state: State, group: Group, error: Failure, moment: Moment): void {
  const failed = ended(state, group, "group.create", error, moment);
  state.put("group", { ...failed, status: "error", deadlineMs: null, lastError: lastError(error, moment) });
  for (const member of state.membersOf(group.id))
    removeVolume(state, member, { requestId: group.requestId, userId: BERTH_USER }, moment);
}

function settleDeleting(state: State, group: Group, moment: Moment): void {
  if (state.membersOf(group.id).length === 0) {
    buryGroup(state, ended(state, group, "group.delete", null, moment), moment);
  } else if (group.status === "deleting" && moment.nowMs >= (group.deadlineMs ?? Number.POSITIVE_INFINITY)) {
    const error = lastError(overdue(group, "group.delete", moment), moment);
    state.put("group", { ...group, status: "error_deleting", deadlineMs: null, lastError: error });
  }
}

function overdue(group: Group, operation: string, moment: Moment): Failure {
  const waitedMs = moment.nowMs - group.updatedAtMs;
  return { code: "E_DEADLINE", message: `${operation} was not done within ${formatDuration(waitedMs)}` };
}

function ended(state: State, group: Group, operation: string, error: Failure | null, moment: Moment): Group {
  const { requestedBy: userId, requestId, updatedAtMs: startedAtMs } = group;
  const done = { operation, userId, requestId, backendId: null, startedAtMs, error };
  return { ...told(state, group, done, moment), updatedAtMs: moment.nowMs };
}
