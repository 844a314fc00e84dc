import { BerthError } from "#shared/errors.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import { gibToBytes } from "#shared/units.ts";
import { requireSnapshotAllows, requireVolumeAllows } from "./allowed.ts";
import type { Commands, CreateSnapshot, Moment } from "./commands.ts";
import { refuseDependents } from "./dependents.ts";
import { currentJob, findSnapshot, findVolume } from "./find.ts";
import { costsOf, requireRoom } from "./fixed-placement.ts";
import { toldAtOnce } from "./history.ts";
import { endJob, jobId, kickJob, requireBackend, startJob } from "./jobs.ts";
import { renewSnapshotMark, snapshotMark } from "./marks.ts";
import { requireQuota } from "./quotas.ts";
import { snapshotRef, volumeRef } from "./refs.ts";
import { requireAllowedOn } from "./sides.ts";
import type { State } from "./state.ts";
import { withTexts } from "./texts.ts";
import { burySnapshot } from "./tombstones.ts";

export function createSnapshot(state: State, request: CreateSnapshot, moment: Moment): Snapshot {
  const volume = findVolume(state, request.volumeId, request.scope);
  requireVolumeAllows(request.force ? "snapshot with force" : "snapshot", volume);
  if (state.get("snapshot", request.id) !== undefined)
    throw new BerthError("E_CONFLICT", `snapshot ${request.id} exists already`);
  requireQuota(state, volume.projectId, state.flavor(volume), { volumes: 0, snapshots: 1, gib: volume.sizeGib });
  const backend = requireBackend(state, volume.backendId ?? 0);
  const sizeBytes = gibToBytes(volume.sizeGib);
  const need = requireRoom(
    state,
    backend,
    {
      capability: "snapshot",
      needOf: (measured) => ({
        virtualBytes: sizeBytes,
        physicalBytes: costsOf(state, volume, measured).snapshot === "full" ? sizeBytes : 0,
        object: true,
        maxOverSubscriptionRatio: state.catalogue.terms(state.flavor(volume)).maxOverSubscriptionRatio,
      }),
    },
    moment.nowMs,
  );
  const snapshot: Snapshot = {
    id: request.id,
    volumeId: volume.id,
    groupSnapshotId: null,
    projectId: volume.projectId,
    userId: request.userId,
    name: request.name,
    description: request.description,
    metadata: { ...request.metadata },
    sizeGib: volume.sizeGib,
    status: "creating",
    backendId: backend.id,
    zone: backend.zone,
    claim: { virtualBytes: need.virtualBytes, physicalBytes: need.physicalBytes, settledSeq: null },
    chap: null,
    providerId: null,
    properties: {},
    jobCount: 1,
    historyCount: 0,
    lastError: null,
    requestId: request.requestId,
    requestedBy: request.userId,
    createdAtMs: moment.nowMs,
    updatedAtMs: moment.nowMs,
  };
  const mark = snapshotMark(state, snapshot, volume);
  state.put("snapshot", snapshot);
  startJob(
    state,
    {
      id: jobId(snapshot.id, 1),
      owner: { kind: "snapshot", id: snapshot.id },
      operation: { kind: "snapshot.create", snapshot: snapshotRef(snapshot, volume), volume: volumeRef(volume), mark },
      backend,
      requestId: request.requestId,
      userId: request.userId,
      deadlineMs: moment.nowMs + state.settings.operationDeadlineMs,
    },
    moment,
  );
  return snapshot;
}

export function updateSnapshot(state: State, input: Commands["snapshot.update"]["input"], moment: Moment): Snapshot {
  const snapshot = findSnapshot(state, input.id, input.scope);
  const { userId, requestId } = input;
  const done = { operation: "snapshot.update", userId, requestId, detail: Object.keys(input.texts).join(", ") };
  const updated = toldAtOnce(state, withTexts(snapshot, input.texts, moment), done, moment);
  state.put("snapshot", updated);
  if (updated.name !== snapshot.name) renewSnapshotMark(state, updated, moment);
  return updated;
}

/** null: there was nothing on the backend, and it is gone already. */
export function deleteSnapshot(
  state: State,
  input: Commands["snapshot.delete"]["input"],
  moment: Moment,
): Snapshot | null {
  const snapshot = findSnapshot(state, input.id, input.scope);
  requireSnapshotAllows("delete", snapshot);
  if (snapshot.status === "deleting") return snapshot;
  requireAllowedOn(state, "delete, unmanage, retype", requireBackend(state, snapshot.backendId));
  if (snapshot.groupSnapshotId !== null)
    throw new BerthError(
      "E_WRONG_STATE",
      `snapshot ${snapshot.id} belongs to group snapshot ${snapshot.groupSnapshotId}: delete that, with all its snapshots`,
      { details: { groupSnapshot: snapshot.groupSnapshotId } },
    );
  refuseDependents(state, `snapshot ${snapshot.id}`, state.dependents(snapshot.id));
  const job = currentJob(state, snapshot);
  if (snapshot.status === "error" && snapshot.aside === undefined) {
    burySnapshot(state, snapshot, moment);
    return null;
  }
  if (job === undefined)
    return startSnapshotDelete(state, { ...snapshot, requestId: input.requestId, requestedBy: input.userId }, moment);
  if (!job.dispatched && job.attempt === 1 && job.operation.kind === "snapshot.create") {
    endJob(state, job, moment);
    burySnapshot(state, snapshot, moment);
    return null;
  }
  const deleting: Snapshot = { ...snapshot, status: "deleting", updatedAtMs: moment.nowMs };
  state.put("snapshot", deleting);
  if (job.operation.kind === "snapshot.delete")
    kickJob(state, job, moment.nowMs + state.settings.operationDeadlineMs, moment);
  return deleting;
}

export function startSnapshotDelete(state: State, snapshot: Snapshot, moment: Moment): Snapshot {
  const volume = findVolume(state, snapshot.volumeId, null);
  const deleting: Snapshot = {
    ...snapshot,
    status: "deleting",
    jobCount: snapshot.jobCount + 1,
    updatedAtMs: moment.nowMs,
  };
  state.put("snapshot", deleting);
  startJob(
    state,
    {
      id: jobId(snapshot.id, deleting.jobCount),
      owner: { kind: "snapshot", id: snapshot.id },
      operation: { kind: "snapshot.delete", snapshot: snapshotRef(snapshot, volume), volume: volumeRef(volume) },
      backend: requireBackend(state, snapshot.backendId),
      requestId: snapshot.requestId,
      userId: snapshot.requestedBy,
      deadlineMs: moment.nowMs + state.settings.operationDeadlineMs,
    },
    moment,
  );
  return deleting;
}
