import { BerthError } from "#shared/errors.ts";
import type { Measurement } from "#shared/model/capacity.ts";
import type { Claim } from "#shared/model/claim.ts";
import type { Group, GroupSnapshot } from "#shared/model/group.ts";
import type { GroupMember } from "#shared/model/operation.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Volume } from "#shared/model/volume.ts";
import { gibToBytes } from "#shared/units.ts";
import { requireGroupAllows, requireGroupSnapshotAllows, requireVolumeAllows } from "./allowed.ts";
import type { Commands, CreateGroupSnapshot, Moment } from "./commands.ts";
import { refuseDependents } from "./dependents.ts";
import { currentJob, findGroup, findGroupSnapshot, findVolume } from "./find.ts";
import { costsOf, requireRoom } from "./fixed-placement.ts";
import { backendOfGroup } from "./group-members.ts";
import { endJob, jobId, kickJob, requireBackend, startJob } from "./jobs.ts";
import { requireQuota } from "./quotas.ts";
import { snapshotRef, volumeRef } from "./refs.ts";
import { requireAllowedOn } from "./sides.ts";
import type { State } from "./state.ts";
import { buryGroupSnapshot } from "./tombstones.ts";

/** A snapshot of each volume of the group, at one instant, by one job. */
export function createGroupSnapshot(state: State, request: CreateGroupSnapshot, moment: Moment): GroupSnapshot {
  const group = findGroup(state, request.groupId, request.scope);
  requireGroupAllows("snapshot", group);
  if (state.get("group-snapshot", request.id) !== undefined)
    throw new BerthError("E_CONFLICT", `group snapshot ${request.id} exists already`);
  const volumes = state.membersOf(group.id);
  if (volumes.length === 0) throw new BerthError("E_BAD_REQUEST", `group ${group.id} has no volumes`);
  for (const volume of volumes) requireVolumeAllows("snapshot with its group", volume);
  const backend = requireBackend(state, backendOfGroup(state, group.id) ?? 0);
  const { measurement } = state.space.backend(backend.id);
  const claims = volumes.map((volume) => claimOf(state, volume, measurement));
  requireRoom(
    state,
    backend,
    {
      capability: "group-snapshot",
      needOf: () => ({
        virtualBytes: sum(claims.map(({ virtualBytes }) => virtualBytes)),
        physicalBytes: sum(claims.map(({ physicalBytes }) => physicalBytes)),
        object: true,
        count: volumes.length,
        maxOverSubscriptionRatio: lowest(
          volumes.map((volume) => state.catalogue.terms(state.flavor(volume)).maxOverSubscriptionRatio),
        ),
      }),
    },
    moment.nowMs,
  );
  const taken: GroupSnapshot = {
    id: request.id,
    groupId: group.id,
    projectId: group.projectId,
    userId: request.userId,
    name: request.name,
    description: request.description,
    status: "creating",
    backendId: backend.id,
    zone: backend.zone,
    jobCount: 1,
    historyCount: 0,
    lastError: null,
    requestId: request.requestId,
    requestedBy: request.userId,
    createdAtMs: moment.nowMs,
    updatedAtMs: moment.nowMs,
  };
  state.put("group-snapshot", taken);
  for (const [n, volume] of volumes.entries()) {
    const more = { volumes: 0, snapshots: 1, gib: volume.sizeGib };
    requireQuota(state, volume.projectId, state.flavor(volume), more);
    const claim = claims[n] ?? claimOf(state, volume, measurement);
    state.put("snapshot", memberSnapshot(state, request.memberIds[n], taken, volume, claim));
  }
  startJob(
    state,
    {
      id: jobId(taken.id, 1),
      owner: { kind: "group-snapshot", id: taken.id },
      operation: { kind: "group-snapshot.create", groupSnapshotId: taken.id, members: membersOf(state, taken) },
      backend,
      requestId: request.requestId,
      userId: request.userId,
      deadlineMs: moment.nowMs + state.settings.operationDeadlineMs,
    },
    moment,
  );
  return taken;
}

function claimOf(state: State, volume: Volume, measurement: Measurement | null): Claim {
  const costs = measurement === null ? null : costsOf(state, volume, measurement);
  const virtualBytes = gibToBytes(volume.sizeGib);
  return { virtualBytes, physicalBytes: costs?.snapshot === "none" ? 0 : virtualBytes, settledSeq: null };
}

/** The strictest of what their flavors say; null: none says anything. */
function lowest(ratios: readonly (number | null)[]): number | null {
  const said = ratios.filter((ratio) => ratio !== null);
  return said.length === 0 ? null : Math.min(...said);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

function memberSnapshot(
  state: State,
  id: string | undefined,
  taken: GroupSnapshot,
  volume: Volume,
  claim: Snapshot["claim"],
): Snapshot {
  if (id === undefined || state.get("snapshot", id) !== undefined)
    throw new BerthError("E_CONFLICT", `there is no id for a snapshot of volume ${volume.id}`);
  const { groupId: _, status: __, ...common } = taken;
  return {
    ...common,
    id,
    volumeId: volume.id,
    groupSnapshotId: taken.id,
    metadata: {},
    sizeGib: volume.sizeGib,
    status: "creating",
    claim,
    chap: null,
    providerId: null,
    properties: {},
    jobCount: 0,
  };
}

/** What a driver is told of them, in the order of ids: the same for each job of it. */
export function membersOf(state: State, taken: GroupSnapshot): GroupMember[] {
  return state
    .snapshotsOfGroup(taken.id)
    .sort((one, other) => (one.id < other.id ? -1 : 1))
    .map((snapshot) => {
      const volume = findVolume(state, snapshot.volumeId, null);
      const flavorName = state.flavor(volume)?.name ?? "";
      const mark = { projectId: snapshot.projectId, flavorName, name: snapshot.name };
      return { volume: volumeRef(volume), snapshot: snapshotRef(snapshot, volume), mark };
    });
}

/** All its snapshots, or none. null: there was nothing on the backend, and it is gone already. */
export function deleteGroupSnapshot(
  state: State,
  input: Commands["group-snapshot.delete"]["input"],
  moment: Moment,
): GroupSnapshot | null {
  const taken = findGroupSnapshot(state, input.id, input.scope);
  requireGroupSnapshotAllows("delete", taken);
  if (taken.status === "deleting") return taken;
  requireAllowedOn(state, "delete, unmanage, retype", requireBackend(state, taken.backendId));
  const snapshots = state.snapshotsOfGroup(taken.id);
  const own = new Set(snapshots.map(({ id }) => id));
  const copies = [taken.id, ...own].flatMap((id) => state.dependents(id)).filter((id) => !own.has(id));
  refuseDependents(state, `group snapshot ${taken.id}`, [...new Set(copies)]);
  const job = currentJob(state, taken);
  const asked: GroupSnapshot = {
    ...taken,
    requestId: input.requestId,
    requestedBy: input.userId,
    updatedAtMs: moment.nowMs,
  };
  if (job === undefined) {
    // One that a person put in error stands yet.
    if (taken.status !== "error" || snapshots.some(({ status }) => status === "available"))
      return startGroupSnapshotDelete(state, asked, moment);
    buryGroupSnapshot(state, asked, moment);
    return null;
  }
  if (!job.dispatched && job.attempt === 1 && job.operation.kind === "group-snapshot.create") {
    endJob(state, job, moment);
    buryGroupSnapshot(state, asked, moment);
    return null;
  }
  const deleting: GroupSnapshot = { ...asked, status: "deleting" };
  state.put("group-snapshot", deleting);
  if (job.operation.kind === "group-snapshot.delete")
    kickJob(state, job, moment.nowMs + state.settings.operationDeadlineMs, moment);
  return deleting;
}

export function startGroupSnapshotDelete(state: State, taken: GroupSnapshot, moment: Moment): GroupSnapshot {
  const deleting: GroupSnapshot = {
    ...taken,
    status: "deleting",
    jobCount: taken.jobCount + 1,
    updatedAtMs: moment.nowMs,
  };
  for (const snapshot of state.snapshotsOfGroup(taken.id))
    state.put("snapshot", { ...snapshot, status: "deleting", updatedAtMs: moment.nowMs });
  state.put("group-snapshot", deleting);
  startJob(
    state,
    {
      id: jobId(taken.id, deleting.jobCount),
      owner: { kind: "group-snapshot", id: taken.id },
      operation: { kind: "group-snapshot.delete", groupSnapshotId: taken.id, members: membersOf(state, taken) },
      backend: requireBackend(state, taken.backendId),
      requestId: taken.requestId,
      userId: taken.requestedBy,
      deadlineMs: moment.nowMs + state.settings.operationDeadlineMs,
    },
    moment,
  );
  return deleting;
}

/** The group that it is of: it cannot go before. */
export function groupOf(state: State, taken: GroupSnapshot): Group | undefined {
  return state.get("group", taken.groupId);
}
