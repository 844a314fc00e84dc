import { BerthError } from "#shared/errors.ts";
import type { Claim } from "#shared/model/claim.ts";
import type { Volume } from "#shared/model/volume.ts";
import { gibToBytes } from "#shared/units.ts";
import { requireVolumeAllows } from "./allowed.ts";
import type { Commands, CreateVolume, Moment } from "./commands.ts";
import { currentJob, findVolume } from "./find.ts";
import { costsOf, requireRoom } from "./fixed-placement.ts";
import { requirePlaceInGroup } from "./group-members.ts";
import { requireHints } from "./hints.ts";
import { toldAtOnce } from "./history.ts";
import { jobId, kickJob, requireBackend, startJob } from "./jobs.ts";
import { renewVolumeMark } from "./marks.ts";
import { newVolume } from "./new-volume.ts";
import { placeVolume } from "./place-volume.ts";
import { requireQuota, requireVolumeSize } from "./quotas.ts";
import { volumeRef } from "./refs.ts";
import type { State } from "./state.ts";
import { withTexts } from "./texts.ts";
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
    // Until it is known whether the backend that it comes to wants it.
    chap: request.chap,
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
  const { imageMetadata = volume.imageMetadata } = input.texts;
  const told = toldAtOnce(state, withTexts(volume, input.texts, moment), done, moment);
  const updated: Volume = imageMetadata === undefined ? told : { ...told, imageMetadata: { ...imageMetadata } };
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
