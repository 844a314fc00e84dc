import type { Job } from "#shared/model/job.ts";
import type { VolumeMove } from "#shared/model/move.ts";
import type { Volume } from "#shared/model/volume.ts";
import type { JobResult } from "#shared/protocol/result.ts";
import { gibToBytes } from "#shared/units.ts";
import type { Moment } from "../commands.ts";
import { lastError } from "../find.ts";
import { endJob } from "../jobs.ts";
import { failMove, isByStorage, requireMove, switchOver, undoMove } from "../moves/ends.ts";
import { phaseAfter, startStep } from "../moves/steps.ts";
import type { State } from "../state.ts";
import { type Failure, failureOf } from "./owner-work.ts";

/** While a volume is moved, all its jobs are steps of that. */
export function moveStepEnded(state: State, volume: Volume, job: Job, result: JobResult, moment: Moment): void {
  const move = requireMove(volume);
  if (result.outcome !== "done") {
    if (result.outcome === "no-space") noteNoSpace(state, volume, move, moment);
    failMove(state, volume, job, failureOf(result), moment);
    return;
  }
  endJob(state, job, moment);
  const now = withResult(move, result);
  if (now.phase === "copying" || isByStorage(now)) switchOver(state, volume, now, moment);
  else startStep(state, { ...volume, lastError: null }, { ...now, phase: phaseAfter(now) }, moment);
}

export function moveStepOverdue(state: State, volume: Volume, job: Job, error: Failure, moment: Moment): void {
  const move = requireMove(volume);
  if (isByStorage(move) && (job.dispatched || job.attempt > 1)) {
    // It may yet be done, and nobody but the storage system knows: to undo it could be to lose it.
    state.put("volume", { ...volume, lastError: lastError(error, moment), updatedAtMs: moment.nowMs });
    state.put("job", { ...job, deadlineMs: null });
    return;
  }
  undoMove(state, volume, job, error, moment);
}

/** What the step gave, kept with the move until it counts. */
function withResult(move: VolumeMove, { providerId, properties, connectionInfo }: JobResult): VolumeMove {
  if (move.phase === "connecting" && move.copier !== null)
    return { ...move, copier: { ...move.copier, info: connectionInfo } };
  if (move.target === null) return move;
  const target = {
    ...move.target,
    providerId: providerId ?? move.target.providerId,
    properties: properties ?? move.target.properties,
  };
  return { ...move, target };
}

function noteNoSpace(state: State, volume: Volume, { toBackendId }: VolumeMove, moment: Moment): void {
  state.space.backend(toBackendId).noSpace = { bytes: gibToBytes(volume.sizeGib), seq: moment.seq };
  state.emit({ kind: "measure", backendId: toBackendId });
}
