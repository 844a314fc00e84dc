import { BerthError } from "#shared/errors.ts";
import type { Claim } from "#shared/model/claim.ts";
import type { Snapshot } from "#shared/model/snapshot.ts";
import type { Volume } from "#shared/model/volume.ts";
import { gibToBytes } from "#shared/units.ts";
import { requireSnapshotAllows, requireVolumeAllows } from "./allowed.ts";
import type { Commands, Moment } from "./commands.ts";
import { currentJob, findSnapshot, findVolume } from "./find.ts";
import { costsOf, requireRoom } from "./fixed-placement.ts";
import { refuseWhileGroupIsCopied } from "./group-members.ts";
import { jobId, kickJob, requireBackend, startJob } from "./jobs.ts";
import { snapshotRef, volumeRef } from "./refs.ts";
import type { State } from "./state.ts";

/** Gives a volume at rest the bytes of its newest snapshot; what was written since is gone. Both stay. */
export function revertVolume(state: State, input: Commands["volume.revert"]["input"], moment: Moment): Volume {
  const volume = findVolume(state, input.id, input.scope);
  const job = currentJob(state, volume);
  const deadlineMs = moment.nowMs + state.settings.operationDeadlineMs;
  if (volume.status === "error_reverting" && volume.revertTo === input.snapshotId && job !== undefined) {
    const again: Volume = { ...volume, status: "reverting", updatedAtMs: moment.nowMs };
    state.put("volume", again);
    kickJob(state, job, deadlineMs, moment);
    return again;
  }
  requireVolumeAllows("revert", volume);
  refuseWhileGroupIsCopied(state, volume.id, "reverting");
  const snapshot = findSnapshot(state, input.snapshotId, input.scope);
  requireNewest(state, volume, snapshot);
  const backend = requireBackend(state, volume.backendId ?? 0);
  const sizeBytes = gibToBytes(volume.sizeGib);
  const need = requireRoom(
    state,
    backend,
    {
      capability: "revert",
      // While both contents stand; nothing more is promised.
      needOf: (measured) => ({
        virtualBytes: 0,
        physicalBytes: costsOf(state, volume, measured).snapshot === "full" ? sizeBytes : 0,
        object: false,
      }),
    },
    moment.nowMs,
  );
  const meanwhile: Claim = { virtualBytes: 0, physicalBytes: need.physicalBytes, settledSeq: null };
  const reverting: Volume = {
    ...volume,
    status: "reverting",
    revertTo: snapshot.id,
    growth: [...volume.growth, meanwhile],
    jobCount: volume.jobCount + 1,
    requestId: input.requestId,
    requestedBy: input.userId,
    updatedAtMs: moment.nowMs,
  };
  state.put("volume", reverting);
  startJob(
    state,
    {
      id: jobId(volume.id, reverting.jobCount),
      owner: { kind: "volume", id: volume.id },
      operation: { kind: "volume.revert", volume: volumeRef(volume), snapshot: snapshotRef(snapshot, volume) },
      backend,
      requestId: input.requestId,
      userId: input.userId,
      deadlineMs,
    },
    moment,
  );
  return reverting;
}

/** As the field has it: going past a snapshot would leave it without the history that it was taken in. */
function requireNewest(state: State, volume: Volume, snapshot: Snapshot): void {
  if (snapshot.volumeId !== volume.id)
    throw new BerthError("E_BAD_REQUEST", `snapshot ${snapshot.id} is not of volume ${volume.id}`);
  requireSnapshotAllows("revert to", snapshot);
  const newer = state
    .snapshotsOf(volume.id)
    // One in `error` is no state of the volume.
    .filter(
      ({ id, status, createdAtMs }) => id !== snapshot.id && status !== "error" && createdAtMs > snapshot.createdAtMs,
    );
  if (newer.length > 0)
    throw new BerthError(
      "E_CONFLICT",
      `snapshot ${snapshot.id} is not the newest of volume ${volume.id}: ${newer.map(({ id }) => id).join(", ")} came later`,
      { details: { newer: newer.map(({ id }) => id) } },
    );
  if (snapshot.sizeGib !== volume.sizeGib)
    throw new BerthError(
      "E_CONFLICT",
      `volume ${volume.id} was extended after the snapshot, from ${snapshot.sizeGib} to ${volume.sizeGib} GiB: make a new volume from the snapshot`,
    );
}
