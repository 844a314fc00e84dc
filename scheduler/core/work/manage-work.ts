import type { Job } from "#shared/model/job.ts";
import type { Operation } from "#shared/model/operation.ts";
import type { Volume } from "#shared/model/volume.ts";
import type { JobResult } from "#shared/protocol/result.ts";
import type { Moment } from "../commands.ts";
import { lastError } from "../find.ts";
import { toldOfJob } from "../history.ts";
import { endJob } from "../jobs.ts";
import { type LeftoverOrigin, leaveBehind, turnIntoLeftover } from "../leftovers.ts";
import { renewIfChanged } from "../marks.ts";
import { volumeRef } from "../refs.ts";
import type { State } from "../state.ts";
import { buryVolume } from "../tombstones.ts";
import { type Failure, failureOf } from "./owner-work.ts";

type ManageOperation = Extract<Operation, { kind: "volume.manage" }>;
type UnmanageOperation = Extract<Operation, { kind: "volume.unmanage" }>;

export function manageEnded(
  state: State,
  volume: Volume,
  job: Job,
  operation: ManageOperation,
  result: JobResult,
  moment: Moment,
): void {
  if (result.outcome !== "done") {
    const origin = originOf(volume, operation, failureOf(result));
    state.put("volume", notManaged(state, volume, job, operation, failureOf(result), moment));
    // A try before this one may have come half way.
    if (origin !== null) leaveBehind(state, origin, job.requestId, moment);
    endJob(state, job, moment);
    return;
  }
  const taken: Volume = {
    ...toldOfJob(state, volume, job, { error: null, detail: detailOf(operation) }, moment),
    status: "available",
    claim: volume.claim === null ? null : { ...volume.claim, settledSeq: moment.seq },
    providerId: result.providerId ?? volume.providerId,
    properties: result.properties ?? volume.properties,
    lastError: null,
    updatedAtMs: moment.nowMs,
  };
  state.put("volume", taken);
  endJob(state, job, moment);
  renewIfChanged(state, taken, operation.mark, moment);
}

/** It took too long: the same job, once it is through, gives back what it may have taken. */
export function manageOverdue(
  state: State,
  volume: Volume,
  job: Job,
  operation: ManageOperation,
  error: Failure,
  moment: Moment,
): void {
  const origin = originOf(volume, operation, error);
  state.put("volume", notManaged(state, volume, job, operation, error, moment));
  if (origin !== null) turnIntoLeftover(state, job, origin, moment);
}

/** Nothing of ours is left; the data have a name that is not ours. */
export function unmanageEnded(
  state: State,
  volume: Volume,
  job: Job,
  operation: UnmanageOperation,
  moment: Moment,
): void {
  const told = toldOfJob(state, volume, job, { error: null, detail: `as ${operation.reference}` }, moment);
  buryVolume(state, told, moment, { letGo: volume.takenFrom ?? null });
  endJob(state, job, moment);
}

/** In `error_managing` a record holds nothing: what its job may have left is a leftover that is given back, never removed. */
function notManaged(
  state: State,
  volume: Volume,
  job: Job,
  operation: ManageOperation,
  error: Failure,
  moment: Moment,
): Volume {
  return {
    ...toldOfJob(state, volume, job, { error, detail: detailOf(operation) }, moment),
    status: "error_managing",
    backendId: null,
    zone: null,
    claim: null,
    lastError: lastError(error, moment),
    updatedAtMs: moment.nowMs,
  };
}

function originOf(volume: Volume, { reference }: ManageOperation, error: Failure): LeftoverOrigin | null {
  const { backendId, claim } = volume;
  if (backendId === null || claim === null) return null;
  return { snapshot: null, volume: volumeRef(volume), backendId, claim, reason: error.message, giveBack: reference };
}

function detailOf({ reference }: ManageOperation): string {
  return `from ${reference}`;
}
