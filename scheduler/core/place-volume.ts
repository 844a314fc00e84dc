import { BerthError } from "#shared/errors.ts";
import type { Capability, Measurement } from "#shared/model/capacity.ts";
import type { Backend, Flavor } from "#shared/model/catalogue.ts";
import type { Claim } from "#shared/model/claim.ts";
import type { Operation } from "#shared/model/operation.ts";
import { HEALING_REASONS, type Verdict } from "#shared/model/placement.ts";
import type { Volume, VolumeSource } from "#shared/model/volume.ts";
import { gibToBytes } from "#shared/units.ts";
import { isDoubtful } from "./capacity.ts";
import type { DryRun, DryRunVolume, Moment } from "./commands.ts";
import { lastError } from "./find.ts";
import { isThick } from "./fixed-placement.ts";
import { backendOfGroup } from "./group-members.ts";
import { requireHints, resolveHints } from "./hints.ts";
import { told } from "./history.ts";
import { jobId, startJob } from "./jobs.ts";
import { type Placement, type PlacementRequest, place, volumeNeed } from "./placement.ts";
import { requireQuota } from "./quotas.ts";
import { ownerMark, snapshotRef, volumeRef } from "./refs.ts";
import type { State } from "./state.ts";
import { resolveRequest } from "./volume-request.ts";

/**
 * Places an unplaced volume and starts its creation; or leaves it waiting, when what refused it may heal and there is
 * time; or ends it in `error` with its verdicts. The volume record with its backend is the reservation.
 */
export function placeVolume(state: State, volume: Volume, moment: Moment): Volume {
  const flavor = state.flavor(volume);
  const { chosen, verdicts } = decidePlacement(state, volume, moment.nowMs);
  if (chosen !== null) return reserve(state, volume, chosen, verdicts, moment);

  if (verdicts.some((verdict) => mayHeal(state, verdict)) && moment.nowMs < (volume.placementDeadlineMs ?? 0)) {
    // Kept once, as a round of its own: what it waits for. Each later look would only repeat it.
    if (state.waiting.has(volume.id)) return volume;
    addRound(state, volume, null, verdicts, moment);
    const placementRound = volume.placementRound + 1;
    const waiting: Volume = { ...volume, backendId: null, zone: null, claim: null, placementRound };
    state.put("volume", waiting);
    return waiting;
  }
  addRound(state, volume, null, verdicts, moment);
  const error = {
    code: "E_NO_PLACEMENT",
    message: noPlacementSentence(flavor?.name ?? "?", volume.requestedZone, verdicts),
  };
  const { userId, requestId, createdAtMs: startedAtMs } = volume;
  const ended = { operation: "volume.place", userId, requestId, backendId: null, startedAtMs, error };
  const failed: Volume = {
    ...told(state, volume, ended, moment),
    status: "error",
    backendId: null,
    zone: null,
    claim: null,
    chap: null,
    placementDeadlineMs: null,
    placementRound: volume.placementRound + 1,
    lastError: lastError(error, moment),
    updatedAtMs: moment.nowMs,
  };
  state.put("volume", failed);
  state.emit({
    kind: "operation-ended",
    operation: "volume.place",
    objectId: volume.id,
    outcome: "no-placement",
    durationMs: moment.nowMs - volume.createdAtMs,
    requestId: volume.requestId,
    error: error.message,
  });
  return failed;
}

/** By itself, in time: an agent or a report returns, or the next report shows that space was counted twice. */
function mayHeal(state: State, { backendId, reason, arithmetic }: Verdict): boolean {
  if (reason === null) return false;
  if (HEALING_REASONS.has(reason)) return true;
  const space = state.space.backend(backendId);
  const pool = state.space.pool(space);
  return arithmetic !== null && pool !== null && isDoubtful(arithmetic, space, pool);
}

/** What would be decided now; nothing is kept. Throws what the real request would. */
export function dryRun(state: State, request: DryRunVolume, nowMs: number): DryRun {
  const { flavor, sizeGib } = resolveRequest(state, request);
  const hints = requireHints(state, request.hints, request.projectId);
  requireQuota(state, request.projectId, flavor, { volumes: 1, snapshots: 0, gib: sizeGib });
  const { chosen, verdicts } = decidePlacement(
    state,
    {
      ...request,
      sizeGib,
      flavorId: flavor.id,
      requestedZone: request.zone,
      groupId: request.groupId ?? null,
      triedBackendIds: [],
      ...(hints === null ? {} : { hints }),
    },
    nowMs,
  );
  return {
    round: 1,
    atMs: nowMs,
    flavorName: flavor.name,
    requestedZone: request.zone,
    sizeGib,
    chosenBackendId: chosen?.id ?? null,
    verdicts: [...verdicts],
  };
}

type Placeable = Pick<
  Volume,
  "flavorId" | "requestedZone" | "sizeGib" | "source" | "groupId" | "triedBackendIds" | "hints"
>;

function decidePlacement(state: State, volume: Placeable, nowMs: number): Placement {
  const flavor = state.catalogue.flavorById(volume.flavorId);
  const candidates = flavor === undefined ? [] : state.catalogue.candidates(flavor);
  const request: PlacementRequest = {
    requestedZone: volume.requestedZone,
    sizeBytes: gibToBytes(volume.sizeGib),
    capability: capabilityFor(volume.source),
    sourceBackendId: sourceVolume(state, volume.source)?.backendId ?? null,
    thickSource: hasThickSource(state, volume.source),
    triedBackendIds: volume.triedBackendIds,
    ...(volume.groupId === null ? {} : { groupBackendId: backendOfGroup(state, volume.groupId) }),
    terms: state.catalogue.terms(flavor),
    hints: resolveHints(state, volume.hints),
  };
  return place(state.placementView, candidates, request, nowMs);
}

function reserve(state: State, volume: Volume, backend: Backend, verdicts: readonly Verdict[], moment: Moment): Volume {
  const measurement = state.space.backend(backend.id).measurement;
  if (measurement === null) throw new BerthError("E_INTERNAL", `backend ${backend.id} passed without a measurement`);
  const terms = state.catalogue.terms(state.flavor(volume));
  const thickSource = hasThickSource(state, volume.source);
  const capability = capabilityFor(volume.source);
  const need = volumeNeed(measurement, { sizeBytes: gibToBytes(volume.sizeGib), capability, terms, thickSource });
  const claim: Claim = { virtualBytes: need.virtualBytes, physicalBytes: need.physicalBytes, settledSeq: null };
  addRound(state, volume, backend.id, verdicts, moment);
  const placed: Volume = {
    ...volume,
    backendId: backend.id,
    zone: backend.zone,
    claim,
    madeThick: thickSource || terms.provisioning === "thick",
    ...(terms.replication ? { replicationStatus: "enabled" as const } : {}),
    placementDeadlineMs: null,
    placementRound: volume.placementRound + 1,
    jobCount: volume.jobCount + 1,
    updatedAtMs: moment.nowMs,
  };
  state.put("volume", placed);
  startJob(
    state,
    {
      id: jobId(placed.id, placed.jobCount),
      owner: { kind: "volume", id: placed.id },
      operation: createOperation(state, placed, measurement, state.flavor(placed)),
      backend,
      requestId: placed.requestId,
      userId: placed.requestedBy,
      deadlineMs: moment.nowMs + state.settings.operationDeadlineMs,
    },
    moment,
  );
  return placed;
}

function createOperation(
  state: State,
  volume: Volume,
  { capabilities }: Measurement,
  flavor: Flavor | undefined,
): Operation {
  const spec = state.catalogue.terms(flavor).specOf(volume.sizeGib);
  const account = volume.chap !== null && capabilities.includes("chap-at-creation") ? { chap: volume.chap } : {};
  const target = { volume: volumeRef(volume, spec), mark: ownerMark(volume, flavor?.name ?? ""), ...account };
  switch (volume.source.kind) {
    case "blank":
      return { kind: "volume.create", ...target };
    case "snapshot": {
      const snapshot = state.get("snapshot", volume.source.snapshotId);
      const taken = snapshot === undefined ? undefined : state.get("volume", snapshot.volumeId);
      if (snapshot === undefined || taken === undefined)
        throw new BerthError("E_NOT_FOUND", "the snapshot to copy is gone");
      return { kind: "volume.create-from-snapshot", ...target, snapshot: snapshotRef(snapshot, taken) };
    }
    case "volume": {
      const source = state.get("volume", volume.source.volumeId);
      if (source === undefined) throw new BerthError("E_NOT_FOUND", "the volume to copy is gone");
      return { kind: "volume.clone", ...target, source: volumeRef(source) };
    }
  }
}

export function addRound(
  state: State,
  volume: Volume,
  chosenBackendId: number | null,
  verdicts: readonly Verdict[],
  moment: Moment,
  flavorName = state.flavor(volume)?.name ?? "",
  requestedZone = volume.requestedZone,
): void {
  state.emit({ kind: "placement-decided", backendId: chosenBackendId, verdicts });
  state.addPlacement({
    volumeId: volume.id,
    round: volume.placementRound + 1,
    atMs: moment.nowMs,
    flavorName,
    requestedZone,
    sizeGib: volume.sizeGib,
    chosenBackendId,
    verdicts: [...verdicts],
  });
}

function capabilityFor(source: VolumeSource): Capability | null {
  if (source.kind === "blank") return null;
  return source.kind === "snapshot" ? "create-from-snapshot" : "clone";
}

/** The volume that is copied, or whose snapshot is: a snapshot lives where its volume does. */
function sourceVolume(state: State, source: VolumeSource): Volume | undefined {
  if (source.kind === "blank") return undefined;
  if (source.kind === "volume") return state.get("volume", source.volumeId);
  return state.get("volume", state.get("snapshot", source.snapshotId)?.volumeId ?? "");
}

function hasThickSource(state: State, source: VolumeSource): boolean {
  const volume = sourceVolume(state, source);
  return volume !== undefined && isThick(state, volume);
}

export function noPlacementSentence(flavor: string, zone: string | null, verdicts: readonly Verdict[]): string {
  const where = zone === null ? "" : ` in zone ${zone}`;
  if (verdicts.length === 0) return `flavor ${flavor} has no backends`;
  const reasons = verdicts.map((verdict) => `${verdict.backendName}: ${verdict.reason}`);
  const shown = reasons.slice(0, 8).join(", ");
  const more = reasons.length > 8 ? ` and ${reasons.length - 8} more` : "";
  return `no backend of flavor ${flavor}${where} fits (${shown}${more})`;
}
