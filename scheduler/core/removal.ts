import { BerthError } from "#shared/errors.ts";
import type { AttachmentStatus } from "#shared/model/attachment.ts";
import type { Volume } from "#shared/model/volume.ts";
import { requireVolumeAllows } from "./allowed.ts";
import { evict, settleVolumeStatus } from "./attachments.ts";
import type { Commands, Moment } from "./commands.ts";
import { refuseDependents } from "./dependents.ts";
import { currentJob, findVolume } from "./find.ts";
import { endJob, jobId, kickJob, requireBackend, startJob } from "./jobs.ts";
import { volumeRef } from "./refs.ts";
import { requireAllowedOn } from "./sides.ts";
import { deleteSnapshot } from "./snapshots.ts";
import type { State } from "./state.ts";
import { buryVolume } from "./tombstones.ts";
import { forgetOffers } from "./transfers.ts";

/** Deletes, also while it is being created: then the create is let finish, and what it made goes. Repeated, it is one delete. */
export function deleteVolume(state: State, input: Commands["volume.delete"]["input"], moment: Moment): Volume | null {
  const found = findVolume(state, input.id, input.scope);
  if (found.status === "deleting") return found;
  requireVolumeAllows(deletion(input), found);
  if (found.groupId !== null)
    throw new BerthError(
      "E_WRONG_STATE",
      `volume ${found.id} belongs to group ${found.groupId}: remove it from the group first, or delete the group with its volumes`,
      { details: { group: found.groupId } },
    );
  const volume = input.force === true ? letGoOf(state, found, moment) : found;
  // Once begun, that its snapshots go with it need not be said again.
  if (input.cascade === true || volume.cascadeDeadlineMs !== undefined)
    return deleteWithSnapshots(state, volume, input, moment);
  return removeVolume(state, volume, input, moment);
}

/**
 * A volume goes after its snapshots. What refuses one of them keeps all. From here on it is for the snapshots' own jobs;
 * the volume has none, and follows from them (`cascade.ts`).
 */
function deleteWithSnapshots(
  state: State,
  volume: Volume,
  input: Commands["volume.delete"]["input"],
  moment: Moment,
): Volume | null {
  requireRemovable(state, volume, input);
  const snapshots = state.snapshotsOf(volume.id);
  const ids = new Set(snapshots.map(({ id }) => id));
  const others = state.dependents(volume.id).filter((id) => !ids.has(id));
  refuseDependents(state, `volume ${volume.id}`, others);
  const foreign = snapshots.filter(({ projectId }) => input.scope !== null && projectId !== input.scope);
  if (foreign.length > 0)
    throw new BerthError(
      "E_HAS_DEPENDENTS",
      `volume ${volume.id} has ${foreign.length} snapshots of another project, which are not yours to delete`,
    );
  for (const { id } of snapshots) deleteSnapshot(state, { ...input, id }, moment);
  const { cascadeDeadlineMs: _, ...going } = volume;
  if (state.snapshotsOf(volume.id).length === 0) return beginRemoval(state, going, input, moment);
  const deleting: Volume = {
    ...going,
    status: "deleting",
    cascadeDeadlineMs: moment.nowMs + state.settings.operationDeadlineMs,
    requestId: input.requestId,
    requestedBy: input.userId,
    updatedAtMs: moment.nowMs,
  };
  state.put("volume", deleting);
  return deleting;
}

function deletion({ force }: { readonly force?: boolean }): "delete" | "delete by force" {
  return force === true ? "delete by force" : "delete";
}

/** Who only meant to attach it is shut out, and nobody is offered it any more. A host that has it keeps it. */
function letGoOf(state: State, volume: Volume, moment: Moment): Volume {
  for (const attachment of state.attachmentsOf(volume.id))
    if (ONLY_MEANT.has(attachment.status)) evict(state, attachment, moment);
  forgetOffers(state, volume.id);
  return settleVolumeStatus(state, volume.id, moment) ?? volume;
}

const ONLY_MEANT: ReadonlySet<AttachmentStatus> = new Set([
  "reserved",
  "announced",
  "attaching",
  "error_attaching",
  "connected",
]);

interface Asking {
  readonly requestId: string;
  readonly userId: string;
  readonly force?: boolean;
}

/** The same for who has looked at its group. */
export function removeVolume(state: State, volume: Volume, input: Asking, moment: Moment): Volume | null {
  if (volume.status === "deleting") return volume;
  requireRemovable(state, volume, input);
  refuseDependents(state, `volume ${volume.id}`, state.dependents(volume.id));
  return beginRemoval(state, volume, input, moment);
}

/** Throws E_WRONG_STATE for its state, E_CONFLICT for its backend's. */
function requireRemovable(state: State, volume: Volume, input: Pick<Asking, "force">): void {
  requireVolumeAllows(deletion(input), volume);
  if (volume.backendId !== null)
    requireAllowedOn(state, "delete, unmanage, retype", requireBackend(state, volume.backendId));
}

/** Nothing stands upon it any more. */
export function beginRemoval(state: State, volume: Volume, input: Asking, moment: Moment): Volume | null {
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
