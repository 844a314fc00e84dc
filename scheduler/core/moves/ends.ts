import { BerthError } from "#shared/errors.ts";
import type { Attachment } from "#shared/model/attachment.ts";
import type { Claim } from "#shared/model/claim.ts";
import type { Job } from "#shared/model/job.ts";
import type { MoveTarget, VolumeMove } from "#shared/model/move.ts";
import type { Volume } from "#shared/model/volume.ts";
import { requireVolumeAllows } from "../allowed.ts";
import { disconnectOperation, newAttachment, sendAway, statusFrom } from "../attachments.ts";
import type { Commands, Moment } from "../commands.ts";
import { countEvacuated } from "../evacuated.ts";
import { findVolume, lastError } from "../find.ts";
import { isThick } from "../fixed-placement.ts";
import { told } from "../history.ts";
import { BERTH_USER, endJob, turnJob } from "../jobs.ts";
import { type LeftoverOrigin, leaveBehind, turnIntoLeftover } from "../leftovers.ts";
import { renewSnapshotMark, renewVolumeMark } from "../marks.ts";
import { volumeRef } from "../refs.ts";
import type { State } from "../state.ts";
import type { Failure } from "../work/owner-work.ts";
import { stepJobId, targetRef } from "./steps.ts";

/**
 * The one commit that makes the destination the truth. Before it nothing there counts, after it nothing of the source:
 * that is a leftover from here on, also where the storage system has taken it along already, for a late call may make
 * it again (found by the simulation).
 */
export function switchOver(state: State, volume: Volume, move: VolumeMove, moment: Moment): void {
  const { target, toBackendId, toZone } = move;
  const { replicationStatus: _ofTheSource, ...settled } = ended(state, volume, move, null, moment);
  const flavor = move.toFlavorId === null ? state.flavor(volume) : state.catalogue.flavorById(move.toFlavorId);
  if (target === null) {
    flavored(state, { ...settled, ...replicationOf(volume) }, move.toFlavorId ?? volume.flavorId, moment);
    return;
  }
  const there: Volume = {
    ...settled,
    backendId: toBackendId,
    zone: toZone,
    requestedZone: volume.requestedZone === null ? null : toZone,
    nameId: target.id,
    // A copy is made as its flavor says; what the storage system moves stays what it is.
    madeThick: isByStorage(move) && isThick(state, volume),
    claim: { ...target.claim, settledSeq: moment.seq },
    growth: [],
    providerId: target.providerId,
    properties: target.properties,
    ...(state.catalogue.terms(flavor).replication ? { replicationStatus: "enabled" as const } : {}),
    // Nobody was ever let in there, and no account stands.
    exportsClosedAtMs: moment.nowMs,
    chap: null,
    migrated: "success",
  };
  flavored(state, there, move.toFlavorId ?? volume.flavorId, moment);
  if (volume.backendId === null) return;
  const source = {
    snapshot: null,
    volume: volumeRef(volume),
    backendId: volume.backendId,
    claim: wholeClaim(state, volume, moment),
    reason: `moved to backend ${state.backend(toBackendId)?.name ?? toBackendId}`,
  };
  countEvacuated(state, volume.backendId);
  leaveBehind(state, source, move.requestId, moment);
}

function replicationOf({ replicationStatus }: Volume): Pick<Volume, "replicationStatus"> {
  return replicationStatus === undefined ? {} : { replicationStatus };
}

/** Puts the volume as one of this flavor; its snapshots are of it as well. */
export function flavored(state: State, volume: Volume, flavorId: string, moment: Moment): Volume {
  const retyped: Volume = { ...volume, flavorId, updatedAtMs: moment.nowMs };
  state.put("volume", retyped);
  renewVolumeMark(state, retyped, moment);
  // They are counted under their volume's flavor, and are looked at when they are put.
  for (const snapshot of state.snapshotsOf(volume.id)) {
    state.put("snapshot", { ...snapshot });
    renewSnapshotMark(state, snapshot, moment);
  }
  return retyped;
}

/** What it takes that no report has seen yet, as one. */
function wholeClaim(state: State, { claim, growth, backendId }: Volume, moment: Moment): Claim {
  const { asOf } = state.space.backend(backendId ?? 0);
  const open = [claim, ...growth]
    .filter((one) => one !== null)
    .filter(({ settledSeq }) => (settledSeq ?? asOf + 1) > asOf);
  return {
    virtualBytes: open.reduce((sum, { virtualBytes }) => sum + virtualBytes, 0),
    physicalBytes: open.reduce((sum, { physicalBytes }) => sum + physicalBytes, 0),
    settledSeq: open.length === 0 ? asOf : Math.max(...open.map(({ settledSeq }) => settledSeq ?? moment.seq)),
  };
}

/** It did not come to be: the volume stays as it was, and what may be left at the destination goes. `job` is over. */
export function failMove(state: State, volume: Volume, job: Job, error: Failure, moment: Moment): void {
  const move = requireMove(volume);
  if (move.phase === "connecting") sendCopierAway(state, volume, move, job, moment);
  else {
    endJob(state, job, moment);
    sendCopierAway(state, volume, move, null, moment);
  }
  dropTarget(state, volume, move, error.message, moment);
  putBack(state, volume, move, error, moment);
}

/** The same while its job may be with an agent: that becomes the first of the clean-up, so that the two cannot overlap. */
export function undoMove(state: State, volume: Volume, job: Job, error: Failure, moment: Moment): void {
  const move = requireMove(volume);
  const neverGivenOut = !job.dispatched && job.attempt === 1;
  if (neverGivenOut && (move.phase === "making" || move.target === null)) {
    endJob(state, job, moment);
  } else if (neverGivenOut || move.phase === "connecting") {
    failMove(state, volume, job, error, moment);
    return;
  } else {
    turnIntoLeftover(state, job, leftAtDestination(volume, move, requireTarget(move), error.message), moment);
    sendCopierAway(state, volume, move, null, moment);
  }
  putBack(state, volume, move, error, moment);
}

/** Somebody thought better of it. What the storage system does by itself cannot be called back. */
export function cancelMove(state: State, input: Commands["volume.cancel-move"]["input"], moment: Moment): Volume {
  const volume = findVolume(state, input.id, input.scope);
  requireVolumeAllows("cancel a move", volume);
  const move = requireMove(volume);
  const job = state.get("job", stepJobId(volume, move));
  if (job === undefined) throw new BerthError("E_INTERNAL", `nobody moves volume ${volume.id}`);
  if (isByStorage(move) && (job.dispatched || job.attempt > 1))
    throw new BerthError(
      "E_CONFLICT",
      `the storage system of volume ${volume.id} is at it by itself and cannot be called back: wait until it is through`,
    );
  const error = { code: "E_CANCELLED", message: `cancelled by ${input.userId}` };
  undoMove(state, volume, job, error, moment);
  return findVolume(state, input.id, input.scope);
}

/** The object is moved or changed by its storage system, which alone knows how far it is. */
export function isByStorage({ phase }: VolumeMove): boolean {
  return phase === "migrating" || phase === "retyping";
}

function putBack(state: State, volume: Volume, move: VolumeMove, error: Failure, moment: Moment): void {
  const settled = ended(state, volume, move, error, moment);
  state.put("volume", { ...settled, ...(move.target === null ? {} : { migrated: "error" }) });
  // A try whose answer was lost may have written the new flavor's.
  if (move.target === null) renewVolumeMark(state, settled, moment);
}

/** At rest again, and told. */
function ended(state: State, volume: Volume, move: VolumeMove, error: Failure | null, moment: Moment): Volume {
  const { requestedBy: userId, requestId, startedAtMs, toBackendId: backendId } = move;
  const detail = detailOf(state, volume, move);
  const operation = `volume.${move.kind}`;
  state.emit({
    kind: "operation-ended",
    operation,
    objectId: volume.id,
    outcome: error === null ? "done" : "not-done",
    durationMs: moment.nowMs - startedAtMs,
    requestId,
    error: error?.message ?? null,
  });
  return {
    ...told(state, volume, { operation, userId, requestId, backendId, startedAtMs, detail, error }, moment),
    status: statusFrom(state.attachmentsOf(volume.id)),
    move: null,
    lastError: error === null ? null : lastError(error, moment),
    updatedAtMs: moment.nowMs,
  };
}

function detailOf(state: State, volume: Volume, { toBackendId, toFlavorId, target }: VolumeMove): string {
  const flavors =
    toFlavorId === null
      ? []
      : [`from flavor ${state.flavor(volume)?.name ?? "?"} to ${state.catalogue.flavorById(toFlavorId)?.name ?? "?"}`];
  const name = (id: number | null): string => state.backend(id ?? 0)?.name ?? String(id);
  const backends = target === null ? [] : [`from backend ${name(volume.backendId)} to ${name(toBackendId)}`];
  return [...flavors, ...backends].join(", ");
}

function dropTarget(state: State, volume: Volume, move: VolumeMove, reason: string, moment: Moment): void {
  // What a storage system refused to move it has where it was. To remove what may yet come there could be to remove all of it.
  if (move.target === null || isByStorage(move)) return;
  leaveBehind(state, leftAtDestination(volume, move, move.target, reason), move.requestId, moment);
}

function leftAtDestination(volume: Volume, move: VolumeMove, target: MoveTarget, reason: string): LeftoverOrigin {
  const { claim } = target;
  return { snapshot: null, volume: targetRef(volume, target), backendId: move.toBackendId, claim, reason };
}

/** From here on the agent that copied is a host that is sent away (`attachments.ts`). `connecting`: it may not be let in yet. */
function sendCopierAway(
  state: State,
  volume: Volume,
  { phase, copier, requestId }: VolumeMove,
  connecting: Job | null,
  moment: Moment,
): void {
  if (copier?.fromAfar !== true || phase === "making" || volume.backendId === null || volume.zone === null) return;
  const { attachmentId, connector } = copier;
  if (connecting === null) {
    sendAway(state, { volume, snapshot: null }, { attachmentId, connector, requestId }, moment);
    return;
  }
  const given = {
    id: attachmentId,
    connector,
    status: "evicting",
    access: "rw",
    instanceId: null,
    mountpoint: null,
    awaitsCompletion: false,
    requestId,
    userId: BERTH_USER,
  } as const;
  const attachment: Attachment = { ...newAttachment({ volume, snapshot: null }, given, moment), jobCount: 1 };
  state.put("attachment", attachment);
  const operation = disconnectOperation(state, attachment, connector);
  const owner = { kind: "attachment", id: attachment.id } as const;
  turnJob(state, connecting, { operation, owner, deadlineMs: null }, moment);
}

export function requireMove(volume: Volume): VolumeMove {
  if (volume.move === null) throw new BerthError("E_INTERNAL", `volume ${volume.id} is not being moved`);
  return volume.move;
}

function requireTarget({ target }: VolumeMove): MoveTarget {
  if (target === null) throw new BerthError("E_INTERNAL", "a move to nowhere");
  return target;
}
