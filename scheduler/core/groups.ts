import { BerthError } from "#shared/errors.ts";
import { type Group, type GroupSource, MAX_GROUP_MEMBERS } from "#shared/model/group.ts";
import type { VolumeSource } from "#shared/model/volume.ts";
import {
  requireGroupAllows,
  requireGroupSnapshotAllows,
  requireSnapshotAllows,
  requireVolumeAllows,
} from "./allowed.ts";
import type { Commands, CreateGroup, Moment } from "./commands.ts";
import { refuseDependents } from "./dependents.ts";
import { findGroup, findGroupSnapshot, findVolume } from "./find.ts";
import { requireJoins } from "./group-members.ts";
import { told, toldAtOnce } from "./history.ts";
import { requireGroupQuota } from "./quotas.ts";
import { removeVolume } from "./removal.ts";
import type { State } from "./state.ts";
import { buryGroup } from "./tombstones.ts";
import { resolveFlavor } from "./volume-request.ts";
import { createVolume } from "./volumes.ts";

/** A new group: empty, or with a copy of each volume of its source. All of them are made, or none stays. */
export function createGroup(state: State, request: CreateGroup, moment: Moment): Group {
  if (state.get("group", request.id) !== undefined)
    throw new BerthError("E_CONFLICT", `group ${request.id} exists already`);
  const copied = resolveSource(state, request.source, request.projectId);
  if (request.zone !== null && state.catalogue.zone(request.zone) === undefined)
    throw new BerthError("E_BAD_REQUEST", `there is no zone ${JSON.stringify(request.zone)}`);
  const flavorIds = copied?.flavorIds ?? [
    ...new Set(request.flavors.map((name) => resolveFlavor(state, name, request.projectId).id)),
  ];
  if (flavorIds.length === 0) throw new BerthError("E_BAD_REQUEST", "a group needs one flavor at least");
  requireGroupQuota(state, request.projectId);
  const group: Group = {
    id: request.id,
    projectId: request.projectId,
    userId: request.userId,
    name: request.name,
    description: request.description,
    groupType: request.groupType ?? copied?.groupType ?? null,
    flavorIds,
    requestedZone: request.zone ?? copied?.requestedZone ?? null,
    source: request.source,
    status: "available",
    deadlineMs: null,
    jobCount: 0,
    historyCount: 0,
    lastError: null,
    requestId: request.requestId,
    requestedBy: request.userId,
    createdAtMs: moment.nowMs,
    updatedAtMs: moment.nowMs,
  };
  if (copied === null) {
    const { userId, requestId } = request;
    const made = toldAtOnce(state, group, { operation: "group.create", userId, requestId }, moment);
    state.put("group", made);
    return made;
  }
  state.put("group", group);
  for (const [n, member] of copied.members.entries()) copyMember(state, request, group, n, member, moment);
  // From here on nothing else joins it, until all are made.
  const { operationDeadlineMs, placementDeadlineMs } = state.settings;
  const deadlineMs = moment.nowMs + placementDeadlineMs + operationDeadlineMs;
  const creating: Group = { ...group, status: "creating", deadlineMs };
  state.put("group", creating);
  return creating;
}

type CopiedGroup = Pick<Group, "flavorIds" | "groupType" | "requestedZone"> & {
  readonly members: readonly VolumeSource[];
};

/** null: it is to be empty. */
function resolveSource(state: State, source: GroupSource, projectId: string): CopiedGroup | null {
  if (source.kind === "blank") return null;
  if (source.kind === "group") {
    const group = findGroup(state, source.groupId, projectId);
    requireGroupAllows("copy", group);
    const volumes = state.membersOf(group.id);
    for (const volume of volumes) requireVolumeAllows("clone with its group", volume);
    return copied(
      group,
      volumes.map(({ id }) => ({ kind: "volume", volumeId: id })),
    );
  }
  const taken = findGroupSnapshot(state, source.groupSnapshotId, projectId);
  requireGroupSnapshotAllows("copy", taken);
  const snapshots = state.snapshotsOfGroup(taken.id);
  for (const snapshot of snapshots) requireSnapshotAllows("copy", snapshot);
  return copied(
    findGroup(state, taken.groupId, null),
    snapshots.map(({ id }) => ({ kind: "snapshot", snapshotId: id })),
  );
}

function copied(group: Group, members: readonly VolumeSource[]): CopiedGroup {
  const { id, flavorIds, groupType, requestedZone } = group;
  if (members.length === 0) throw new BerthError("E_BAD_REQUEST", `group ${id} has no volumes to copy`);
  return { flavorIds: [...flavorIds], groupType, requestedZone, members };
}

/** Without a name: its source's would mean two. Throws what refuses it: then nothing of the group is there. */
function copyMember(
  state: State,
  request: CreateGroup,
  group: Group,
  n: number,
  source: VolumeSource,
  moment: Moment,
): void {
  const made = request.newMembers[n];
  if (made === undefined)
    throw new BerthError("E_CONFLICT", `a group cannot have more than ${MAX_GROUP_MEMBERS} volumes`);
  const { projectId, userId, requestId } = request;
  const rest = {
    name: "",
    description: "",
    metadata: {},
    sizeGib: null,
    flavor: null,
    zone: group.requestedZone,
    idempotency: null,
  };
  const asked = { ...made, projectId, userId, source, groupId: group.id, requestId, ...rest };
  const { volume } = createVolume(state, asked, moment);
  if (volume.status === "error")
    throw new BerthError("E_NO_CAPACITY", `the group cannot be copied: ${volume.lastError?.message ?? "no room"}`);
}

/** Texts, and who is in it: all of it or nothing. Who is a member already is added, who is not is removed. */
export function updateGroup(state: State, input: Commands["group.update"]["input"], moment: Moment): Group {
  const { id, scope, userId, requestId, texts, addVolumes, removeVolumes } = input;
  const group = findGroup(state, id, scope);
  requireGroupAllows("update", group);
  if (addVolumes.length + removeVolumes.length > 0) requireGroupAllows("add or remove volumes", group);
  for (const volumeId of removeVolumes) leave(state, group, volumeId, input, moment);
  for (const volumeId of addVolumes) join(state, group, volumeId, input, moment);
  const detail = [
    ...Object.keys(texts),
    ...(addVolumes.length === 0 ? [] : [`added ${addVolumes.join(" ")}`]),
    ...(removeVolumes.length === 0 ? [] : [`removed ${removeVolumes.join(" ")}`]),
  ].join(", ");
  const done = { operation: "group.update", userId, requestId, detail: detail.slice(0, 500) };
  const updated: Group = {
    ...toldAtOnce(state, group, done, moment),
    name: texts.name ?? group.name,
    description: texts.description ?? group.description,
    updatedAtMs: moment.nowMs,
  };
  state.put("group", updated);
  return updated;
}

type Asking = Pick<Commands["group.update"]["input"], "scope" | "userId" | "requestId">;

function join(state: State, group: Group, volumeId: string, asking: Asking, moment: Moment): void {
  const volume = findVolume(state, volumeId, asking.scope);
  if (volume.groupId === group.id) return;
  requireVolumeAllows("join a group", volume);
  requireJoins(state, group, volume);
  const { userId, requestId } = asking;
  const done = { operation: "volume.join-group", userId, requestId, detail: group.id };
  const joined = toldAtOnce(state, volume, done, moment);
  state.put("volume", { ...joined, groupId: group.id, updatedAtMs: moment.nowMs });
}

function leave(state: State, group: Group, volumeId: string, asking: Asking, moment: Moment): void {
  const volume = findVolume(state, volumeId, asking.scope);
  if (volume.groupId === null) return;
  if (volume.groupId !== group.id)
    throw new BerthError("E_CONFLICT", `volume ${volumeId} is in group ${volume.groupId}, not in ${group.id}`);
  requireVolumeAllows("leave a group", volume);
  const { userId, requestId } = asking;
  const done = { operation: "volume.leave-group", userId, requestId, detail: group.id };
  const left = toldAtOnce(state, volume, done, moment);
  state.put("volume", { ...left, groupId: null, updatedAtMs: moment.nowMs });
}

/** Its volumes go with it only if that was said; one that cannot go keeps all. null: it is gone already. */
export function deleteGroup(state: State, input: Commands["group.delete"]["input"], moment: Moment): Group | null {
  const group = findGroup(state, input.id, input.scope);
  requireGroupAllows("delete", group);
  if (group.status === "deleting") return group;
  const members = state.membersOf(group.id);
  const memberIds = new Set(members.map(({ id }) => id));
  const others = state.dependents(group.id).filter((id) => !memberIds.has(id));
  refuseDependents(state, `group ${group.id}`, others);
  const staying = members.some(({ status }) => status !== "deleting" && status !== "error_deleting");
  if (staying && !input.deleteVolumes)
    throw new BerthError(
      "E_HAS_DEPENDENTS",
      `group ${group.id} still has ${members.length} volume${members.length === 1 ? "" : "s"} (${[...memberIds].slice(0, 10).join(", ")}): remove them from it, or ask for them to be deleted with it`,
      { details: { dependents: [...memberIds] } },
    );
  const { userId: requestedBy, requestId } = input;
  const asked: Group = { ...group, requestedBy, requestId, updatedAtMs: moment.nowMs };
  for (const member of members) removeVolume(state, member, input, moment);
  if (state.membersOf(group.id).length === 0) {
    const done = {
      operation: "group.delete",
      userId: requestedBy,
      requestId,
      backendId: null,
      startedAtMs: moment.nowMs,
    };
    buryGroup(state, told(state, asked, done, moment), moment);
    return null;
  }
  const deadlineMs = moment.nowMs + state.settings.operationDeadlineMs;
  const deleting: Group = { ...asked, status: "deleting", deadlineMs };
  state.put("group", deleting);
  return deleting;
}
