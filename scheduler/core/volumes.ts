import { BerthError } from "#shared/errors.ts";
import type { Claim } from "#shared/model/claim.ts";
import type { Volume } from "#shared/model/volume.ts";
import { gibToBytes } from "#shared/units.ts";
import { requireVolumeAllows } from "./allowed.ts";
import type { Commands, CreateVolume, Moment } from "./commands.ts";
import { refuseDependents } from "./dependents.ts";
import { currentJob, findVolume } from "./find.ts";
import { costsOf, requireRoom } from "./fixed-placement.ts";
import { requirePlaceInGroup } from "./group-members.ts";
import { requireHints } from "./hints.ts";
import { toldAtOnce } from "./history.ts";
import { endJob, jobId, kickJob, requireBackend, startJob } from "./jobs.ts";
import { renewVolumeMark } from "./marks.ts";
import { newVolume } from "./new-volume.ts";
import { placeVolume } from "./place-volume.ts";
import { requireQuota, requireVolumeSize } from "./quotas.ts";
import { volumeRef } from "./refs.ts";
import { requireAllowedOn } from "./sides.ts";
import type { State } from "./state.ts";
import { withTexts } from "./texts.ts";
import { buryVolume } from "./tombstones.ts";
import { resolveRequest } from "./volume-request.ts";

/** A new volume, placed in the same decision; or, for a known idempotency key, the one that the key made. */
export function createVolume(state: State, request: CreateVolume, moment: Moment): Commands["volume.create"]["reply"] {
  const repeated = recallIdempotent(state, request);
  if (repeated !== null) return { volume: repeated, repeated: true };
  const { flavor, sizeGib } = resolveRequest(state, request);
  const hints = requireHints(state, request.hints, request.projectId);
  if (state.get("volume", request.id) !== undefined)
    throw new BerthError("E_CONFLICT", `volume ${request.id} exists already`);
  if (request.groupId !== undefined && request.groupId !== null) requirePlaceInGroup(state, request, flavor);
  requireVolumeSize(state, request.projectId, sizeGib);
  requireQuota(state, request.projectId, flavor, { volumes: 1, snapshots: 0, gib: sizeGib });
  const { id, projectId, userId, name, description, metadata, requestId } = request;
  const volume = newVolume({
    ...{ id, projectId, userId, name, description, metadata, requestId },
    sizeGib,
    flavorId: flavor.id,
    requestedZone: request.zone,
    source: request.source,
    groupId: request.groupId ?? null,
    ...(hints === null ? {} : { hints }),
    ...(request.ec2 === undefined ? {} : { ec2: { ...request.ec2, flavorId: flavor.id } }),
    status: "creating",
    placementDeadlineMs: moment.nowMs + state.settings.placementDeadlineMs,
    bootable: isBootable(state, request.source),
    multiattach: state.catalogue.terms(flavor).multiattach,
    requestedBy: userId,
    createdAtMs: moment.nowMs,
    updatedAtMs: moment.nowMs,
  });
  if (request.idempotency !== null)
    state.put("idempotency", {
      id: idempotencyId(request.projectId, request.idempotency.key),
      projectId: request.projectId,
      bodyHash: request.idempotency.bodyHash,
      volumeId: volume.id,
      createdAtMs: moment.nowMs,
    });
  const placed = placeVolume(state, volume, moment);
  if (request.refuseUnplaced === true && placed.status === "error")
    throw new BerthError("E_NO_PLACEMENT", placed.lastError?.message ?? "no backend can take it");
  return { volume: placed, repeated: false };
}

/** A copy of what machines boot from is such a thing as well. */
function isBootable(state: State, source: CreateVolume["source"]): boolean {
  if (source.kind === "blank") return false;
  const volumeId = source.kind === "volume" ? source.volumeId : state.get("snapshot", source.snapshotId)?.volumeId;
  return state.get("volume", volumeId ?? "")?.bootable ?? false;
}

function idempotencyId(projectId: string, key: string): string {
  return `${projectId}/${key}`;
}

function recallIdempotent(state: State, { projectId, idempotency }: CreateVolume): Volume | null {
  if (idempotency === null) return null;
  const record = state.get("idempotency", idempotencyId(projectId, idempotency.key));
  if (record === undefined) return null;
  if (record.bodyHash !== idempotency.bodyHash)
    throw new BerthError("E_IDEMPOTENCY_CONFLICT", "this Idempotency-Key was used with another request body");
  const volume = state.get("volume", record.volumeId);
  if (volume === undefined)
    throw new BerthError(
      "E_IDEMPOTENCY_CONFLICT",
      `this Idempotency-Key made volume ${record.volumeId}, which was deleted since`,
    );
  return volume;
}

export function updateVolume(state: State, input: Commands["volume.update"]["input"], moment: Moment): Volume {
  const volume = findVolume(state, input.id, input.scope);
  const { userId, requestId } = input;
  const done = { operation: "volume.update", userId, requestId, detail: Object.keys(input.texts).join(", ") };
  const updated = toldAtOnce(state, withTexts(volume, input.texts, moment), done, moment);
  state.put("volume", updated);
  if (updated.name !== volume.name) renewVolumeMark(state, updated, moment);
  return updated;
}

/** Grows a volume where it is. The difference is reserved at once; the new size stands when the backend has done it. */
export function extendVolume(state: State, input: Commands["volume.extend"]["input"], moment: Moment): Volume {
  const volume = findVolume(state, input.id, input.scope);
  const { newSizeGib } = input;
  const job = currentJob(state, volume);
  if (volume.status === "error_extending" && newSizeGib === volume.extendToGib && job !== undefined) {
    const again: Volume = { ...volume, status: "extending", updatedAtMs: moment.nowMs };
    state.put("volume", again);
    kickJob(state, job, moment.nowMs + state.settings.operationDeadlineMs, moment);
    return again;
  }
  requireVolumeAllows("extend", volume);
  if (newSizeGib <= volume.sizeGib)
    throw new BerthError(
      "E_BAD_REQUEST",
      `the new size, ${newSizeGib} GiB, must be more than the size now, ${volume.sizeGib} GiB`,
    );
  requireVolumeSize(state, volume.projectId, newSizeGib);
  const moreGib = newSizeGib - volume.sizeGib;
  requireQuota(state, volume.projectId, state.flavor(volume), { volumes: 0, snapshots: 0, gib: moreGib });
  const backend = requireBackend(state, volume.backendId ?? 0);
  const terms = state.catalogue.terms(state.flavor(volume));
  const growthBytes = gibToBytes(newSizeGib) - gibToBytes(volume.sizeGib);
  const need = requireRoom(
    state,
    backend,
    {
      capability: volume.status === "in-use" ? "online-extend" : "extend",
      needOf: (measured) => ({
        virtualBytes: growthBytes,
        physicalBytes: costsOf(state, volume, measured).volume === "full" ? growthBytes : 0,
        object: false,
        maxOverSubscriptionRatio: terms.maxOverSubscriptionRatio,
      }),
    },
    moment.nowMs,
  );
  const growth: Claim = { virtualBytes: need.virtualBytes, physicalBytes: need.physicalBytes, settledSeq: null };
  const { asOf } = state.space.backend(backend.id);
  const extending: Volume = {
    ...volume,
    status: "extending",
    extendToGib: newSizeGib,
    growth: [...volume.growth.filter((claim) => (claim.settledSeq ?? asOf + 1) > asOf), growth],
    jobCount: volume.jobCount + 1,
    requestId: input.requestId,
    requestedBy: input.userId,
    updatedAtMs: moment.nowMs,
  };
  state.put("volume", extending);
  startJob(
    state,
    {
      id: jobId(volume.id, extending.jobCount),
      owner: { kind: "volume", id: volume.id },
      operation: {
        kind: "volume.extend",
        // Limits per GiB are those of the new size.
        volume: volumeRef(volume, terms.specOf(newSizeGib)),
        newSizeBytes: gibToBytes(newSizeGib),
      },
      backend,
      requestId: input.requestId,
      userId: input.userId,
      deadlineMs: moment.nowMs + state.settings.operationDeadlineMs,
    },
    moment,
  );
  return extending;
}

/** Deletes, also while it is being created: then the create is let finish, and what it made goes. Repeated, it is one delete. */
export function deleteVolume(state: State, input: Commands["volume.delete"]["input"], moment: Moment): Volume | null {
  const volume = findVolume(state, input.id, input.scope);
  if (volume.status === "deleting") return volume;
  requireVolumeAllows("delete", volume);
  if (volume.groupId !== null)
    throw new BerthError(
      "E_WRONG_STATE",
      `volume ${volume.id} belongs to group ${volume.groupId}: remove it from the group first, or delete the group with its volumes`,
      { details: { group: volume.groupId } },
    );
  return removeVolume(state, volume, input, moment);
}

/** The same for who has looked at its group. */
export function removeVolume(
  state: State,
  volume: Volume,
  input: { readonly requestId: string; readonly userId: string },
  moment: Moment,
): Volume | null {
  if (volume.status === "deleting") return volume;
  requireVolumeAllows("delete", volume);
  refuseDependents(state, `volume ${volume.id}`, state.dependents(volume.id));
  if (volume.backendId !== null)
    requireAllowedOn(state, "delete, unmanage, retype", requireBackend(state, volume.backendId));
  const job = currentJob(state, volume);
  if (volume.backendId === null) {
    buryVolume(state, volume, moment);
    return null;
  }
  if (job !== undefined && job.operation.kind !== "volume.delete") {
    if (!job.dispatched && job.attempt === 1) {
      // No agent ever heard of it: there is nothing to wait for.
      endJob(state, job, moment);
      if (volume.status === "creating") {
        buryVolume(state, volume, moment);
        return null;
      }
    } else {
      const { requestId, userId: requestedBy } = input;
      const deleting: Volume = { ...volume, status: "deleting", requestId, requestedBy, updatedAtMs: moment.nowMs };
      state.put("volume", deleting);
      // One that was put aside waits without a deadline; now there is one again.
      const deadlineMs = job.deadlineMs ?? moment.nowMs + state.settings.operationDeadlineMs;
      if (job.deadlineMs === null) state.put("job", { ...job, deadlineMs });
      return deleting;
    }
  }
  if (job !== undefined && job.operation.kind === "volume.delete") {
    const again: Volume = { ...volume, status: "deleting", updatedAtMs: moment.nowMs };
    state.put("volume", again);
    kickJob(state, job, moment.nowMs + state.settings.operationDeadlineMs, moment);
    return again;
  }
  return startDelete(state, { ...volume, requestId: input.requestId, requestedBy: input.userId }, moment);
}

export function startDelete(state: State, volume: Volume, moment: Moment): Volume {
  const backend = requireBackend(state, volume.backendId ?? 0);
  const deleting: Volume = {
    ...volume,
    status: "deleting",
    jobCount: volume.jobCount + 1,
    updatedAtMs: moment.nowMs,
  };
  state.put("volume", deleting);
  startJob(
    state,
    {
      id: jobId(volume.id, deleting.jobCount),
      owner: { kind: "volume", id: volume.id },
      operation: { kind: "volume.delete", volume: volumeRef(volume) },
      backend,
      requestId: volume.requestId,
      userId: volume.requestedBy,
      deadlineMs: moment.nowMs + state.settings.operationDeadlineMs,
    },
    moment,
  );
  return deleting;
}
