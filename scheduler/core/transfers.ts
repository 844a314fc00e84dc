import { BerthError } from "#shared/errors.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Transfer } from "#shared/model/transfer.ts";
import type { Volume } from "#shared/model/volume.ts";
import { requireVolumeAllows } from "./allowed.ts";
import { statusFrom } from "./attachments.ts";
import type { Commands, Moment, Scope } from "./commands.ts";
import { encryptionOf } from "./encryption.ts";
import { findVolume } from "./find.ts";
import { toldAtOnce } from "./history.ts";
import { renewSnapshotMark, renewVolumeMark } from "./marks.ts";
import { requireQuota } from "./quotas.ts";
import type { State } from "./state.ts";
import { isOpenTo } from "./volume-request.ts";

/** Offers a volume, with its snapshots unless they are to stay, to whoever has the key. Until then nothing else is done with it. */
export function createTransfer(state: State, input: Commands["transfer.create"]["input"], moment: Moment): Transfer {
  const { id, userId, requestId, name, salt, keyHash, noSnapshots = false } = input;
  const volume = findVolume(state, input.volumeId, input.scope);
  requireVolumeAllows("transfer", volume);
  if (noSnapshots && encryptionOf(state, volume) !== undefined)
    throw new BerthError(
      "E_BAD_REQUEST",
      "Invalid volume: transferring an encrypted volume without its snapshots is not supported",
    );
  const held = state.snapshotsOf(volume.id).find(({ groupSnapshotId }) => groupSnapshotId !== null);
  if (volume.groupId !== null || held !== undefined)
    throw new BerthError(
      "E_WRONG_STATE",
      volume.groupId === null
        ? `volume ${volume.id} has a part in group snapshot ${held?.groupSnapshotId}: delete that first`
        : `volume ${volume.id} belongs to group ${volume.groupId}: remove it from the group first`,
    );
  const busy = state.snapshotsOf(volume.id).find(({ status }) => status !== "available" && status !== "error");
  if (busy !== undefined)
    throw new BerthError("E_WRONG_STATE", `snapshot ${busy.id} of the volume is ${busy.status}: wait until it is not`, {
      details: { status: busy.status, snapshot: busy.id },
    });
  const { projectId } = volume;
  const transfer: Transfer = {
    id,
    volumeId: volume.id,
    projectId,
    userId,
    name,
    ...(noSnapshots ? { noSnapshots } : {}),
    salt,
    keyHash,
    accepted: null,
    requestId,
    createdAtMs: moment.nowMs,
  };
  state.put("transfer", transfer);
  const told = toldAtOnce(state, volume, { operation: "transfer.create", userId, requestId }, moment);
  state.put("volume", { ...told, status: "awaiting-transfer", updatedAtMs: moment.nowMs });
  return transfer;
}

/** Takes the volume and its snapshots over, within the new owner's quota. Repeated by who did it, it is done. */
export function acceptTransfer(state: State, input: Commands["transfer.accept"]["input"], moment: Moment): Transfer {
  const { projectId, userId, requestId } = input;
  const transfer = findTransfer(state, input.id, null);
  if (transfer.keyHash !== input.keyHash)
    throw new BerthError("E_BAD_REQUEST", `Attempt to transfer volume ${transfer.volumeId} with an invalid auth key.`);
  if (transfer.accepted !== null) {
    if (transfer.accepted.projectId === projectId) return transfer;
    throw notFound(input.id);
  }
  const volume = findVolume(state, transfer.volumeId, null);
  const snapshots = transfer.noSnapshots === true ? [] : state.snapshotsOf(volume.id);
  if (projectId !== volume.projectId) moveTo(state, volume, snapshots, input, moment);
  else {
    const done = { operation: "transfer.accept", userId, requestId, detail: "by its own project" };
    state.put("volume", {
      ...toldAtOnce(state, volume, done, moment),
      status: statusFrom(state.attachmentsOf(volume.id)),
      updatedAtMs: moment.nowMs,
    });
  }
  const accepted: Transfer = { ...transfer, accepted: { projectId, userId, atMs: moment.nowMs } };
  state.put("transfer", accepted);
  return accepted;
}

function moveTo(
  state: State,
  volume: Volume,
  snapshots: readonly Snapshot[],
  { projectId, userId, requestId }: Commands["transfer.accept"]["input"],
  moment: Moment,
): void {
  const flavor = state.flavor(volume);
  if (flavor !== undefined && !isOpenTo(flavor, projectId))
    throw new BerthError(
      "E_FORBIDDEN",
      `volume ${volume.id} is of a flavor that project ${projectId} may not use: let an operator open it to the project, or its owner retype the volume first`,
    );
  requireQuota(state, projectId, flavor, {
    volumes: 1,
    snapshots: snapshots.length,
    gib: volume.sizeGib + snapshots.reduce((sum, { sizeGib }) => sum + sizeGib, 0),
  });
  const owner = { projectId, userId, updatedAtMs: moment.nowMs };
  // A host that was let in late may be on its way out.
  const status = statusFrom(state.attachmentsOf(volume.id));
  const detail = `from project ${volume.projectId} to ${projectId}`;
  const done = { operation: "transfer.accept", userId, requestId, detail };
  const handedOver: Volume = { ...toldAtOnce(state, volume, done, moment), ...owner, status };
  state.put("volume", handedOver);
  renewVolumeMark(state, handedOver, moment);
  for (const snapshot of snapshots) {
    const going = { ...toldAtOnce(state, snapshot, done, moment), ...owner };
    state.put("snapshot", going);
    renewSnapshotMark(state, going, moment);
  }
}

/** Takes the offer back; of one that was accepted, forgets it. */
export function deleteTransfer(state: State, input: Commands["transfer.delete"]["input"], moment: Moment): undefined {
  const { userId, requestId } = input;
  const transfer = findTransfer(state, input.id, input.scope);
  state.remove("transfer", transfer.id);
  const volume = state.get("volume", transfer.volumeId);
  if (transfer.accepted !== null || volume?.status !== "awaiting-transfer") return;
  const told = toldAtOnce(state, volume, { operation: "transfer.delete", userId, requestId }, moment);
  state.put("volume", { ...told, status: statusFrom(state.attachmentsOf(volume.id)), updatedAtMs: moment.nowMs });
}

/** Those of a volume that nobody has accepted. */
export function forgetOffers(state: State, volumeId: string): void {
  for (const transfer of [...state.table("transfer").values()])
    if (transfer.volumeId === volumeId && transfer.accepted === null) state.remove("transfer", transfer.id);
}

export function findTransfer(state: State, id: string, scope: Scope): Transfer {
  const transfer = state.get("transfer", id);
  if (transfer === undefined || (scope !== null && transfer.projectId !== scope)) throw notFound(id);
  return transfer;
}

function notFound(id: string): BerthError {
  return new BerthError("E_NOT_FOUND", `Transfer ${id.slice(0, 80)} could not be found.`);
}
