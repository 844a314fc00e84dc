import { BerthError } from "#shared/errors.ts";
import type { LastError } from "#shared/model/error-record.ts";
import type { Group, GroupSnapshot } from "#shared/model/group.ts";
import type { Job } from "#shared/model/job.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Volume } from "#shared/model/volume.ts";
import type { Moment, Scope } from "./commands.ts";
import { jobId } from "./jobs.ts";
import type { State } from "./state.ts";

/** The volume, if the scope may see it: another project's is as if it were not there. */
export function findVolume(state: State, id: string, scope: Scope): Volume {
  const volume = state.get("volume", id);
  if (volume === undefined || (scope !== null && volume.projectId !== scope))
    throw new BerthError("E_NOT_FOUND", `Volume ${shown(id)} could not be found.`);
  return volume;
}

export function findSnapshot(state: State, id: string, scope: Scope): Snapshot {
  const snapshot = state.get("snapshot", id);
  if (snapshot === undefined || (scope !== null && snapshot.projectId !== scope))
    throw new BerthError("E_NOT_FOUND", `Snapshot ${shown(id)} could not be found.`);
  return snapshot;
}

export function findGroup(state: State, id: string, scope: Scope): Group {
  const group = state.get("group", id);
  if (group === undefined || (scope !== null && group.projectId !== scope))
    throw new BerthError("E_NOT_FOUND", `Group ${shown(id)} could not be found.`);
  return group;
}

export function findGroupSnapshot(state: State, id: string, scope: Scope): GroupSnapshot {
  const taken = state.get("group-snapshot", id);
  if (taken === undefined || (scope !== null && taken.projectId !== scope))
    throw new BerthError("E_NOT_FOUND", `GroupSnapshot ${shown(id)} could not be found.`);
  return taken;
}

/** What was asked for may be anything, and of any length. */
function shown(id: string): string {
  return id.slice(0, 80);
}

/** The object's job under way. An object has at most one. */
export function currentJob(state: State, owner: { readonly id: string; readonly jobCount: number }): Job | undefined {
  return state.get("job", jobId(owner.id, owner.jobCount));
}

export function lastError(error: { readonly code: string; readonly message: string }, moment: Moment): LastError {
  return { code: error.code, message: error.message.slice(0, 2000), atMs: moment.nowMs };
}
