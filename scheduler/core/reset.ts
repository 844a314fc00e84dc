import { BerthError } from "#shared/errors.ts";
import type { Claim } from "#shared/model/claim.ts";
import type { ListedObject } from "#shared/model/listing.ts";
import type { ResetNote, Volume } from "#shared/model/volume.ts";
import { bytesToGib, formatGib } from "#shared/units.ts";
import { requireVolumeAllows } from "./allowed.ts";
import { buriedObject, isInWork } from "./audit.ts";
import type { Commands, Moment, ResetGround } from "./commands.ts";
import { findVolume } from "./find.ts";
import { backendOfGroup } from "./group-members.ts";
import { toldAtOnce } from "./history.ts";
import { requireBackend } from "./jobs.ts";
import { renewVolumeMark } from "./marks.ts";
import { objectIdOf } from "./refs.ts";
import type { State } from "./state.ts";
import { forgetOffers } from "./transfers.ts";

/**
 * A person says what the state of a volume is. The backends were looked at before: what they say wins, and what changed
 * since then is not decided on. Nothing here touches a backend; the note says who, why, and what it was.
 */
export function resetVolume(state: State, input: Commands["volume.reset"]["input"], moment: Moment): Volume {
  const { to, by, reason, evidence, userId, requestId } = input;
  const volume = findVolume(state, input.id, input.scope);
  if (isInWork(state, objectIdOf(volume)))
    throw new BerthError("E_CONFLICT", `a job is at work on volume ${volume.id}: it goes on by itself`);
  const now = resetGround(state, volume);
  // Records are never changed, only replaced. One in `error` is not touched when a leftover of it goes, but that is buried.
  if (now.volume !== evidence.volume || now.buried.join() !== evidence.buried.join())
    throw new BerthError("E_CONFLICT", `volume ${volume.id} changed while the backends were looked at`);
  const attachments = state.attachmentsOf(volume.id);
  if (attachments.length > 0)
    throw new BerthError("E_IN_USE", `volume ${volume.id} is connected: disconnect it first`, {
      details: { attachments: attachments.map(({ id }) => id) },
    });
  const { status: from, backendId } = volume;
  const note: ResetNote = { from, to, by, reason, atMs: moment.nowMs, backendId };
  const settled = to === "error" ? asLost(volume, evidence.found) : asStanding(state, volume, evidence.found, moment);
  const done = { operation: "volume.reset", userId: by, requestId, detail: `from ${from} to ${to}: ${reason}` };
  const { held: _, ...told } = toldAtOnce(state, settled, done, moment);
  const reset: Volume = {
    ...told,
    reset: note,
    requestId,
    requestedBy: userId,
    updatedAtMs: moment.nowMs,
  };
  state.put("volume", reset);
  // While it was in error it had no object whose mark could be kept.
  if (to === "available") renewVolumeMark(state, reset, moment);
  // What is lost is no longer offered.
  if (from === "awaiting-transfer") forgetOffers(state, volume.id);
  state.emit({
    kind: "operation-ended",
    operation: "volume.reset",
    objectId: volume.id,
    outcome: "done",
    durationMs: 0,
    requestId,
    error: null,
  });
  return reset;
}

/** To be taken before the backends are looked at. */
export function resetGround(state: State, volume: Volume): ResetGround {
  return { volume, buried: buriedUnder(state, objectIdOf(volume)) };
}

/** The tombstones of what once stood under an id. */
export function buriedUnder(state: State, id: string): string[] {
  const buried = [...state.table("tombstone").values()].filter((tombstone) => buriedObject(tombstone) === id);
  return buried.map((tombstone) => tombstone.id);
}

/** A late copy of that removal may still come, and would take it away for good (found by the simulation). */
export function refuseBuried(state: State, what: string, id: string, backendId: number): void {
  if (buriedUnder(state, id).some((buried) => state.get("tombstone", buried)?.backendId === backendId))
    throw new BerthError("E_CONFLICT", `${what} is to be removed from backend ${backendId}: create a new one`);
}

type Found = Commands["volume.reset"]["input"]["evidence"]["found"];

/** It must stand nowhere: what is in `error` holds nothing on a backend. */
function asLost(volume: Volume, found: Found): Volume {
  requireVolumeAllows("reset to error", volume);
  const [standing] = found;
  if (standing !== undefined)
    throw new BerthError(
      "E_CONFLICT",
      `volume ${volume.id} stands on backend ${standing.backendId}${standing.object.whole ? "" : ", in part"}: delete it, if it is of no use`,
    );
  return {
    ...volume,
    status: "error",
    backendId: null,
    zone: null,
    claim: null,
    growth: [],
    extendToGib: null,
    placementDeadlineMs: null,
  };
}

/** It must stand whole on exactly one backend, whose size of it is then taken over. */
function asStanding(state: State, volume: Volume, found: Found, moment: Moment): Volume {
  requireVolumeAllows("reset to available", volume);
  const whole = found.filter(({ object }) => object.whole && object.sizeBytes !== null);
  const [standing] = whole;
  if (standing === undefined) throw new BerthError("E_CONFLICT", `no backend holds volume ${volume.id}`);
  if (found.length > 1)
    throw new BerthError(
      "E_CONFLICT",
      `volume ${volume.id} stands on backends ${found.map(({ backendId }) => backendId).join(" and ")}: which of them is right cannot be told`,
    );
  const backend = requireBackend(state, standing.backendId);
  if (volume.backendId !== null && volume.backendId !== backend.id)
    throw new BerthError("E_CONFLICT", `volume ${volume.id} stands on backend ${backend.id}, recorded is another`);
  const groupBackendId = volume.groupId === null ? null : backendOfGroup(state, volume.groupId);
  if (groupBackendId !== null && groupBackendId !== backend.id)
    throw new BerthError(
      "E_CONFLICT",
      `volume ${volume.id} stands on backend ${backend.name}, and the others of group ${volume.groupId} on ${state.backend(groupBackendId)?.name}: take it out of the group first`,
    );
  refuseBuried(state, `volume ${volume.id}`, objectIdOf(volume), backend.id);
  const sizeGib = wholeGib(standing.object);
  if (volume.status === "available" && volume.sizeGib === sizeGib && volume.held === undefined)
    throw new BerthError("E_WRONG_STATE", `volume ${volume.id} is available, and stands as recorded`);
  const sizeBytes = standing.object.sizeBytes ?? 0;
  const full = state.space.backend(backend.id).measurement?.costs.volume !== "none";
  const claim: Claim = {
    virtualBytes: sizeBytes,
    physicalBytes: full ? sizeBytes : 0,
    settledSeq: moment.seq,
  };
  const { aside: _, ...standingHere } = volume;
  return {
    ...standingHere,
    status: "available",
    sizeGib,
    backendId: backend.id,
    zone: backend.zone,
    claim,
    growth: [],
    extendToGib: null,
    providerId: standing.object.providerId,
    properties: standing.object.properties,
    lastError: null,
  };
}

export function wholeGib({ kind, id, sizeBytes }: ListedObject): number {
  const sizeGib = bytesToGib(sizeBytes ?? 0);
  if (Number.isInteger(sizeGib) && sizeGib > 0) return sizeGib;
  throw new BerthError(
    "E_CONFLICT",
    `${kind} ${id} is ${formatGib(sizeBytes ?? 0)} large, which is no size of a ${kind}`,
  );
}
